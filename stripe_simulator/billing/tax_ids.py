"""Tax ids of customers and of the account itself: what they may look like, and how they are verified."""

import re
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.params import Fields, Text
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

KIND = "tax_id"
MOST = 5  # of one customer
TYPES = (
    "ad_nrt", "ae_trn", "al_tin", "am_tin", "ao_tin", "ar_cuit", "au_abn", "au_arn", "aw_tin", "az_tin", "ba_tin",
    "bb_tin", "bd_bin", "bf_ifu", "bg_uic", "bh_vat", "bj_ifu", "bo_tin", "br_cnpj", "br_cpf", "bs_tin", "by_tin",
    "ca_bn", "ca_gst_hst", "ca_pst_bc", "ca_pst_mb", "ca_pst_sk", "ca_qst", "cd_nif", "ch_uid", "ch_vat", "cl_tin",
    "cm_niu", "cn_tin", "co_nit", "cr_tin", "cv_nif", "de_stn", "do_rcn", "ec_ruc", "eg_tin", "es_cif", "et_tin",
    "eu_oss_vat", "eu_vat", "fo_vat", "gb_vat", "ge_vat", "gi_tin", "gn_nif", "hk_br", "hr_oib", "hu_tin", "ic_nif",
    "id_npwp", "il_vat", "in_gst", "is_vat", "it_cf", "jp_cn", "jp_rn", "jp_trn", "ke_pin", "kg_tin", "kh_tin",
    "kr_brn", "kz_bin", "la_tin", "li_uid", "li_vat", "lk_vat", "ma_vat", "md_vat", "me_pib", "mk_vat", "mr_nif",
    "mx_rfc", "my_frp", "my_itn", "my_sst", "ng_tin", "no_vat", "no_voec", "np_pan", "nz_gst", "om_vat", "pe_ruc",
    "ph_tin", "pl_nip", "py_ruc", "ro_tin", "rs_pib", "ru_inn", "ru_kpp", "sa_vat", "sg_gst", "sg_uen", "si_tin",
    "sn_ninea", "sr_fin", "sv_nit", "th_vat", "tj_tin", "tr_tin", "tw_vat", "tz_vat", "ua_vat", "ug_tin", "us_ein",
    "uy_ruc", "uz_tin", "uz_vat", "ve_rif", "vn_tin", "za_vat", "zm_tin", "zw_tin",
)  # fmt: skip
TAX_ID: Fields = {"type": Text(required=True, choices=TYPES), "value": Text(required=True, longest=100)}
_EUROPEAN = "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI"
_ELSEWHERE = {"EL": "GR", "XI": "GB"}  # prefixes that are no country's code
_NOWHERE = ("eu_oss_vat", "unknown")
_FORMATS = {
    "au_abn": r"\d{11}",
    "ca_bn": r"\d{9}",
    "ch_vat": r"CHE-?\d{3}\.?\d{3}\.?\d{3} ?(MWST|TVA|IVA)",
    "eu_vat": rf"({_EUROPEAN.replace(' ', '|')})[0-9A-Z+*]{{2,12}}",
    "gb_vat": r"(GB)?(\d{9}|\d{12}|(GD|HA)\d{3})",
    "no_vat": r"\d{9}MVA",
    "nz_gst": r"\d{8,9}",
    "us_ein": r"\d{2}-?\d{7}",
}
_VERIFIED = ("au_abn", "eu_vat", "gb_vat")  # by Stripe, which asks their governments
_OUTCOMES = {"0" * 9: "verified", "1" * 9: "unverified"}  # of Stripe's magic values; any other one stays pending
_MAGIC = (*_OUTCOMES, "2" * 9)


def add(work: Work, customer: Record | None, values: dict[str, Any], prefix: str = "") -> Record:
    """A tax id of a customer, or of the account itself where that is None; not announced yet."""
    type, value = values["type"], values["value"]
    if not _fits(type, value):
        raise invalid(f"Invalid value for {type}.", f"{prefix}[value]" if prefix else "value", "tax_id_invalid")
    if customer is not None and len(of(work, customer["id"])) >= MOST:
        raise invalid(f"A customer can have at most {MOST} tax ids.", prefix or None)
    clock = customer["_clock"] if customer else None
    body: Record = {
        "country": _country(type, value),
        "created": work.now(clock),
        "customer": customer["id"] if customer else None,
        "customer_account": None,
        "owner": _owner(customer),
        "type": type,
        "value": value,
        "verification": {"status": "unavailable", "verified_address": None, "verified_name": None},
    }
    if type in _VERIFIED:
        body["verification"]["status"] = "pending"
        body["_due"] = work.now(clock) + 1 if value[-9:] in _OUTCOMES else None
    return work.insert(KIND, body, clock=clock)


def announce(work: Work, tax_id: Record) -> None:
    """Say that a customer has it; of the account's own ones Stripe says nothing."""
    if tax_id["customer"] is not None:
        emit(work, "customer.tax_id.created", tax_id)


def of(work: Work, customer: str) -> list[Record]:
    """A customer's, oldest first."""
    return work.related(KIND, "customer", customer)


def verify(work: Work, tax_id: Record) -> None:
    """The government has answered."""
    status = _OUTCOMES[tax_id["value"][-9:]]
    owner = work.find("customer", tax_id["customer"])
    with updating(work, tax_id, "customer.tax_id.updated"):
        tax_id["verification"] = {
            "status": status,
            "verified_address": None,
            "verified_name": owner["name"] if owner is not None and status == "verified" else None,
        }


def remove(work: Work, tax_id: Record) -> None:
    """Take it off whoever has it; invoices that were finalised keep it."""
    work.delete(tax_id)
    if tax_id["customer"] is not None:
        emit(work, "customer.tax_id.deleted", tax_id)


def _fits(type: str, value: str) -> bool:
    return value in _MAGIC or re.fullmatch(_FORMATS.get(type, r"[0-9A-Za-z .,/*+&-]+"), value) is not None


def _country(type: str, value: str) -> str | None:
    if type == "eu_vat":
        return None if value in _MAGIC else _ELSEWHERE.get(value[:2], value[:2])
    return None if type in _NOWHERE else type[:2].upper()


def _owner(customer: Record | None) -> Json:
    if customer is None:
        return {"type": "self"}
    return {"customer": customer["id"], "customer_account": None, "type": "customer"}
