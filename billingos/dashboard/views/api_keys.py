"""API keys: which there are, a new one (shown once), the end of one."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpResponseBase
from django.utils import timezone

from billingos.common.errors import BillingError
from billingos.common.tenancy import scope
from billingos.dashboard.forms import PlainForm
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants import scopes as key_scopes
from billingos.merchants.models import ApiKey
from billingos.merchants.roles import KEYS_MANAGE
from billingos.merchants.selectors import api_keys as keys_of
from billingos.merchants.services import create_api_key, revoke_api_key
from billingos.ui.listing import NEWEST, Filter, Listing

STATES = Filter("state", "State", [("live", "Live"), ("expired", "Expired"), ("revoked", "Revoked")])
LIVES = {"": None, "30": timedelta(days=30), "90": timedelta(days=90), "365": timedelta(days=365)}


class KeyForm(PlainForm):
    """Name, kind, scopes and life of a new key; `scope_<area>` counts only where access is restricted."""

    name = forms.CharField(max_length=100, help_text="Where it will be used, such as “production server”.")
    kind = forms.ChoiceField(
        choices=[
            (ApiKey.Kind.SECRET.value, "Secret: for your servers"),
            (ApiKey.Kind.PUBLISHABLE.value, "Publishable: for browsers; it may read the catalog and nothing else"),
        ],
        initial=ApiKey.Kind.SECRET.value,
        widget=forms.RadioSelect,
    )
    access = forms.ChoiceField(
        label="What it may do",
        choices=[("all", "Everything the API offers"), ("some", "Only what is chosen below")],
        initial="all",
        widget=forms.RadioSelect,
        help_text="A publishable key needs no choice.",
    )
    life = forms.ChoiceField(
        label="Expires",
        choices=[("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")],
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for area in key_scopes.AREAS:
            choices = [("", "No access"), ("read", "Read"), ("write", "Read and write")]
            self.fields[f"scope_{area}"] = forms.ChoiceField(label=area.capitalize(), choices=choices, required=False)

    @property
    def scope_fields(self) -> list[forms.BoundField]:
        return [self[f"scope_{area}"] for area in key_scopes.AREAS]

    def scopes(self) -> list[str]:
        if self.cleaned_data["access"] == "all":
            return list(key_scopes.ALL)
        chosen = {area: self.cleaned_data[f"scope_{area}"] for area in key_scopes.AREAS}
        return [f"{area}:{verb}" for area, verb in chosen.items() if verb]


@merchant_page("api_keys", needs=KEYS_MANAGE)
def api_keys(visit: Visit) -> HttpResponseBase:
    listing = Listing(visit.request, orders=[NEWEST], filters=[STATES])
    with scope(visit.merchant.id):
        page = listing.page(keys_of(visit.merchant.id, state=listing.value("state")))
    return visit.render("dashboard/api_keys/list.html", {"listing": listing, "page": page, "now": timezone.now()})


@merchant_page("api_keys", needs=KEYS_MANAGE, methods=("GET", "HEAD", "POST"))
def new_api_key(visit: Visit) -> HttpResponseBase:
    """The answer to the POST is the only place where the key is ever shown: it goes into no session and no log."""
    form = KeyForm(visit.request.POST or None)
    if visit.request.method == "POST" and form.is_valid():
        life = LIVES[form.cleaned_data["life"]]
        try:
            key, plain = create_api_key(
                merchant=visit.merchant,
                name=form.cleaned_data["name"],
                kind=ApiKey.Kind(form.cleaned_data["kind"]),
                scopes=form.scopes(),
                expires_at=timezone.now() + life if life else None,
                by=visit.user,
            )
        except BillingError as error:
            form.add_error("access" if error.param == "scopes" else None, error.message)
        else:
            answer = visit.render("dashboard/api_keys/made.html", {"key": key, "plain": plain})
            answer["Cache-Control"] = "no-store"
            return answer
    return visit.render("dashboard/api_keys/new.html", {"form": form}, status=400 if form.errors else 200)


@merchant_page("api_keys", needs=KEYS_MANAGE, methods=("GET", "HEAD", "POST"))
def revoke_key(visit: Visit, key_id: UUID) -> HttpResponseBase:
    with scope(visit.merchant.id):
        key = keys_of(visit.merchant.id).filter(id=key_id).first()
    if key is None:
        raise Http404
    if visit.request.method != "POST":
        return visit.render("dashboard/api_keys/revoke.html", {"key": key})
    with visit.told(f"The key {key.name} is revoked. It works no more."):
        revoke_api_key(merchant=visit.merchant, key_id=key.id, by=visit.user)
    return visit.redirect("api_keys")
