"""The page behind an account link: a merchant says who they are, and goes back to the platform."""

from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError
from stripe_simulator.pages.finding import by_secret
from stripe_simulator.pages.html import Markup, button, field, join, notice
from stripe_simulator.pages.site import Answer, Elsewhere, Page, Visit
from stripe_simulator.resources import accounts

_KINDS = ("company", "government_entity", "individual", "non_profit")


def onboarding(visit: Visit, secret: str) -> Answer:
    """Show the form, or take it in. A link that is used or too old leads to its ``refresh_url``."""
    link = by_secret(visit.engine, accounts.LINK, secret)
    if link["_used"] or visit.engine.wall() > link["expires_at"]:
        if link["_refresh_url"]:
            return Elsewhere(link["_refresh_url"])
        raise StripeError("This link has expired. Ask for a new one.", status=410)
    complaint = ""
    if visit.method == "POST":
        try:
            return _take(visit, link)
        except StripeError as error:
            complaint = str(error)
    with visit.engine.unit(link["_account"]) as work:
        account = work.store.find(link["account"], "account", link["account"]) or {}
    return Page("Tell us about your business", join((notice(complaint, bad=True), _form(account, visit.sent))))


def _take(visit: Visit, link: Record) -> Answer:
    sent = {name: value.strip() for name, value in visit.sent.items()}
    if not sent.get("name") or not sent.get("email"):
        raise StripeError("Name and email are needed.")
    values = {"business_profile": {"name": sent["name"]}, "email": sent["email"]}
    if sent.get("kind") in _KINDS:
        values["business_type"] = sent["kind"]
    with visit.engine.unit(link["_account"]) as work:
        accounts.update(work, values, link["account"])
        with work.edit(link):
            link["_used"] = True
    if link["_return_url"]:
        return Elsewhere(link["_return_url"])
    return Page("Thank you", Markup('<div class="card"><p>You can close this page.</p></div>'))


def _form(account: Record, sent: dict[str, str]) -> Markup:
    profile = account.get("business_profile") or {}
    chosen = sent.get("kind") or account.get("business_type") or "company"
    options = join(
        Markup('<option value="{}"{}>{}</option>').format(
            kind, Markup(" selected") if kind == chosen else "", kind.replace("_", " ").capitalize()
        )
        for kind in _KINDS
    )
    kind = Markup('<label class="field"><span>Kind of business</span><select name="kind">{}</select></label>')
    return Markup('<form class="card" method="post">{}{}{}{}</form>').format(
        field("Business name", "name", sent.get("name") or profile.get("name") or "", required="required",
              autocomplete="organization"),
        field("Email", "email", sent.get("email") or account.get("email") or "", type="email", required="required",
              autocomplete="email"),
        kind.format(options),
        button("Submit", kind="main"),
    )  # fmt: skip
