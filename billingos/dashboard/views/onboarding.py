"""Getting started, and the way through Stripe's onboarding and back."""

from django.conf import settings
from django.http import HttpResponseBase

from billingos.common.errors import BillingError
from billingos.common.tenancy import scope
from billingos.dashboard.onboarding import checklist
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants.roles import CONNECT_MANAGE
from billingos.merchants.selectors import connected_account
from billingos.merchants.services.connect import refresh_account, start_onboarding


@merchant_page("onboarding")
def getting_started(visit: Visit) -> HttpResponseBase:
    with scope(visit.merchant.id):
        steps = checklist(visit.membership)
    curl = f'curl {settings.BASE_URL}/api/products -H "Authorization: Bearer $BILLINGOS_KEY"'
    return visit.render("dashboard/onboarding/start.html", {"checklist": steps, "curl": curl})


@merchant_page("settings", needs=CONNECT_MANAGE, methods=("POST",))
def connect(visit: Visit) -> HttpResponseBase:
    """Opens the account if there is none and sends the person to Stripe.

    By a page that leads on, not by a redirect: our policy lets forms lead nowhere but to ourselves.
    """
    url = ""
    with visit.told():
        url = start_onboarding(
            merchant=visit.merchant,
            by=visit.user,
            refresh_url=settings.BASE_URL + visit.url("connect_again"),
            return_url=settings.BASE_URL + visit.url("connect_done"),
        )
    if not url:
        return visit.redirect("stripe_connection")
    answer = visit.render("dashboard/onboarding/leaving.html", {"url": url})
    answer["Cache-Control"] = "no-store"
    return answer


@merchant_page("settings", needs=CONNECT_MANAGE)
def connect_again(visit: Visit) -> HttpResponseBase:
    """Where Stripe sends people whose link is spent: they ask for a new one."""
    return visit.render("dashboard/onboarding/again.html")


@merchant_page("settings", needs=CONNECT_MANAGE)
def connect_done(visit: Visit) -> HttpResponseBase:
    """Where Stripe sends people when they are done, or have given up: it says nothing of which, so it is asked."""
    account, trouble = None, ""
    try:
        account = refresh_account(merchant=visit.merchant)
    except BillingError as error:
        trouble = error.message
        with scope(visit.merchant.id):
            account = connected_account(visit.merchant)
    return visit.render("dashboard/onboarding/done.html", {"account": account, "trouble": trouble})


@merchant_page("settings", needs=CONNECT_MANAGE, methods=("POST",))
def connect_refresh(visit: Visit) -> HttpResponseBase:
    with visit.told("Stripe was asked just now."):
        refresh_account(merchant=visit.merchant)
    return visit.redirect("stripe_connection")
