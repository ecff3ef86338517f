"""The kinds of tax ids that Stripe knows, as documents call them. Source: docs.stripe.com/billing/customer/tax-ids."""

from collections.abc import Mapping

# Of each kind: where it is from, and what people there call it.
TAX_IDS: Mapping[str, tuple[str, str]] = {
    "au_abn": ("Australia", "ABN"),
    "br_cnpj": ("Brazil", "CNPJ"),
    "ca_gst_hst": ("Canada", "GST/HST"),
    "ch_vat": ("Switzerland", "VAT"),
    "eu_vat": ("European Union", "VAT"),
    "eu_oss_vat": ("European Union, OSS", "VAT"),
    "gb_vat": ("United Kingdom", "VAT"),
    "hk_br": ("Hong Kong", "BR"),
    "in_gst": ("India", "GSTIN"),
    "jp_cn": ("Japan, corporate number", "Corporate number"),
    "jp_trn": ("Japan, qualified invoice issuer", "Registration number"),
    "kr_brn": ("South Korea", "BRN"),
    "li_uid": ("Liechtenstein", "UID"),
    "mx_rfc": ("Mexico", "RFC"),
    "my_sst": ("Malaysia", "SST"),
    "no_vat": ("Norway", "VAT"),
    "nz_gst": ("New Zealand", "GST"),
    "sg_gst": ("Singapore", "GST"),
    "th_vat": ("Thailand", "VAT"),
    "ae_trn": ("United Arab Emirates", "TRN"),
    "us_ein": ("United States", "EIN"),
    "za_vat": ("South Africa", "VAT"),
}


def tax_id_name(kind: str) -> str:
    """eu_vat → VAT; of a kind that is not in the table, "Tax id"."""
    return TAX_IDS[kind][1] if kind in TAX_IDS else "Tax id"
