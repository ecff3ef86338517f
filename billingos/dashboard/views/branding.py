"""Settings: what stands on documents, and how they look."""

import base64
from typing import Any

from django import forms
from django.http import HttpResponseBase

from billingos.common.errors import BillingError
from billingos.common.tenancy import scope
from billingos.dashboard.forms import PlainForm
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants.models import Branding
from billingos.merchants.roles import SETTINGS_MANAGE
from billingos.merchants.selectors import branding_of
from billingos.merchants.services.branding import MAX_LOGO, checked_logo, set_logo, update_branding
from billingos.merchants.tax_ids import TAX_IDS

IDS = (1, 2, 3)  # how many tax ids the form has room for
KINDS = [("", "None"), *((kind, f"{name} ({where})") for kind, (where, name) in TAX_IDS.items())]


class BrandingForm(PlainForm):
    legal_name = forms.CharField(
        required=False, max_length=200, help_text="As it is registered. Empty: the business’s name."
    )
    address = forms.CharField(
        required=False,
        max_length=800,
        widget=forms.Textarea({"rows": 4}),
        help_text="Without the country: that is set.",
    )
    tax_kind_1 = forms.ChoiceField(label="Tax id", choices=KINDS, required=False)
    tax_value_1 = forms.CharField(label="Tax id, number", required=False, max_length=40)
    tax_kind_2 = forms.ChoiceField(label="Second tax id", choices=KINDS, required=False)
    tax_value_2 = forms.CharField(label="Second tax id, number", required=False, max_length=40)
    tax_kind_3 = forms.ChoiceField(label="Third tax id", choices=KINDS, required=False)
    tax_value_3 = forms.CharField(label="Third tax id, number", required=False, max_length=40)
    support_email = forms.EmailField(required=False, help_text="Where customers ask about an invoice.")
    website = forms.CharField(required=False, max_length=200)
    accent_colour = forms.CharField(
        label="Colour", widget=forms.TextInput({"type": "color"}), help_text="Of the band on top of documents."
    )
    logo = forms.FileField(required=False, help_text="PNG or JPEG, at most 256 KB and 2000 pixels a side.")
    remove_logo = forms.BooleanField(required=False, label="Take the logo away")
    receipt_footer = forms.CharField(
        label="Footer",
        required=False,
        max_length=500,
        widget=forms.Textarea({"rows": 3}),
        help_text="Below every invoice and receipt: registration, bank details, thanks.",
    )

    def clean_logo(self) -> bytes | None:
        file = self.cleaned_data["logo"]
        if file is None:
            return None
        content = bytes(file.read(MAX_LOGO + 1))
        try:
            checked_logo(content)
        except BillingError as error:
            raise forms.ValidationError(error.message) from error
        return content

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        for number in IDS:
            kind, value = found.get(f"tax_kind_{number}"), (found.get(f"tax_value_{number}") or "").strip()
            if kind and not value:
                self.add_error(f"tax_value_{number}", "This field is required.")
            if value and not kind:
                self.add_error(f"tax_kind_{number}", "Say what kind of number it is.")
        return found

    def details(self) -> dict[str, Any]:
        """As `update_branding` takes them."""
        found = self.cleaned_data
        ids = [(found[f"tax_kind_{number}"], found[f"tax_value_{number}"]) for number in IDS]
        names = ("legal_name", "support_email", "website", "accent_colour", "receipt_footer")
        return {
            **{name: found[name] for name in names},
            "address_lines": found["address"].splitlines(),
            "tax_ids": [{"type": kind, "value": value} for kind, value in ids if kind],
        }


@merchant_page("settings", methods=("GET", "HEAD", "POST"))
def branding(visit: Visit) -> HttpResponseBase:
    """Everybody may look; to save takes a permission."""
    with scope(visit.merchant.id):
        row = branding_of(visit.merchant.id)
    if visit.request.method == "POST":
        visit.demand(SETTINGS_MANAGE)
        form = BrandingForm(visit.request.POST, visit.request.FILES)
        if form.is_valid() and _saved(visit, form):
            return visit.redirect("branding")
    else:
        form = BrandingForm(initial=_initial(row))
    if row.logo is None:
        del form.fields["remove_logo"]
    context = {
        "form": form,
        "logo": f"data:{row.logo_type};base64,{base64.b64encode(row.logo).decode()}" if row.logo else "",
        "may_save": visit.may(SETTINGS_MANAGE),
        "tab": "branding",
    }
    return visit.render("dashboard/settings/branding.html", context, status=400 if form.errors else 200)


def _saved(visit: Visit, form: BrandingForm) -> bool:
    logo, remove = form.cleaned_data["logo"], form.cleaned_data.get("remove_logo")
    try:
        changed: Any = update_branding(merchant=visit.merchant, by=visit.user, **form.details())
    except BillingError as error:
        form.refuse(error)
        return False
    if logo or remove:
        set_logo(merchant=visit.merchant, content=logo, by=visit.user)
        changed = True
    visit.say("Saved." if changed else "Nothing was changed.")
    return True


def _initial(row: Branding) -> dict[str, Any]:
    names = ("legal_name", "support_email", "website", "accent_colour", "receipt_footer")
    ids = {
        f"tax_{part}_{number}": entry[name]
        for number, entry in zip(IDS, row.tax_ids, strict=False)
        for part, name in (("kind", "type"), ("value", "value"))
    }
    return {**{name: getattr(row, name) for name in names}, "address": "\n".join(row.address_lines), **ids}
