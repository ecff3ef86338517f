"""The customer's pages. They need no script."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billingos.common.errors import BillingError, NotFound
from billingos.common.tenancy import scope
from billingos.merchants.services import record_audit
from billingos.portal.card_pages import open_page, way_back
from billingos.portal.entrance import let_in, let_out, page, portal_page, private, session_of_browser
from billingos.portal.forms import CancelForm
from billingos.portal.plans import Plan, plan_of
from billingos.ui.listing import Listing, Order
from customers.cards import card_on_file
from customers.models import PortalSession
from customers.portal_sessions import enter, is_enterable, revoke, session_of_link
from entitlements.selectors import HeldFeature, balances
from entitlements.services import source_of
from subscriptions.cards import finish_card_page
from subscriptions.models import Invoice
from subscriptions.selectors import coming_changes, invoices, owed_invoices, subscriptions
from subscriptions.services import cancel_subscription, keep_subscription

MAX_TOKEN = 100
NEWEST = Order("newest", "Newest first", "stripe_created_at")
MANY = 10  # open invoices that a page counts

# --- In and out -----------------------------------------------------------------------------------------------------


@require_safe
def link(request: HttpRequest, token: str) -> HttpResponse:
    """What a link shows. It changes nothing: programs that look into mail fetch links before people do. The button on
    it exchanges the link."""
    session = session_of_link(token) if len(token) <= MAX_TOKEN and "\x00" not in token else None
    if session and not session.merchant.is_active:
        return private(page(request, "unavailable", status=403))
    if session and is_enterable(session):
        return private(page(request, "link", session, token=token))
    if session and session_of_browser(request) == session:
        return private(redirect("portal:overview"))
    return private(page(request, "expired", session, status=410))


@require_POST
def enter_portal(request: HttpRequest) -> HttpResponse:
    """Exchanges the link for the cookie; the token comes in the body, so that it stands in no log of addresses."""
    token = request.POST.get("token", "")
    session = session_of_link(token) if len(token) <= MAX_TOKEN and "\x00" not in token else None
    if session is None or not session.merchant.is_active:
        return private(page(request, "expired", status=410))
    try:
        cookie = enter(session=session)
    except NotFound:
        return private(page(request, "expired", session, status=410))
    response = redirect("portal:overview")
    let_in(response, cookie)
    return private(response)


@require_http_methods(["GET", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return private(page(request, "signed_out"))
    session = session_of_browser(request)
    if session:
        revoke(session=session)
    response = page(request, "signed_out", session)
    let_out(response)
    return private(response)


@portal_page
def missing(request: HttpRequest, session: PortalSession, anything: str) -> HttpResponse:
    return page(request, "missing", session, status=404)


# --- Plan and invoices ----------------------------------------------------------------------------------------------


@require_safe
@portal_page
def overview(request: HttpRequest, session: PortalSession) -> HttpResponse:
    customer = session.customer
    with scope(customer.merchant_id):
        rows = list(subscriptions(customer.merchant_id, customer=customer).order_by("-id"))
        coming = coming_changes(rows)
        features = balances(customer)
        owed = list(owed_invoices(customer)[:MANY])
    going = [row for row in rows if not row.has_ended]
    ended = [row for row in rows if row.has_ended][:1] if not going else []
    context: dict[str, Any] = {
        "here": "overview",
        "plans": [plan_of(row, coming.get(row.id)) for row in going],
        "ended": [plan_of(row) for row in ended],
        "limits": [row for row in features if row.balance.type == "limit"],
        "included": [row.feature for row in features if row.balance.type == "boolean"],
        "owed": owed,
        "now": customer.now(),
        "notice": request.GET.get("notice", ""),
    }
    return page(request, "overview", session, **context)


@require_safe
@portal_page
def invoice_list(request: HttpRequest, session: PortalSession) -> HttpResponse:
    listing = Listing(request, orders=[NEWEST])
    with scope(session.merchant_id):
        found = listing.page(invoices(session.customer))
    return page(request, "invoices", session, here="invoices", listing=listing, found=found)


# --- Payment method -------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@portal_page
def payment_method(request: HttpRequest, session: PortalSession) -> HttpResponse:
    """The card on file; POST leads to Stripe's page for a new one. (By a page of ours, because a form may not be
    redirected to another site: `form-action` in our policy.)"""
    error = None
    if request.method == "POST":
        try:
            return page(request, "leaving", session, url=open_page(session).url)
        except BillingError as refused:
            error = refused
    with scope(session.merchant_id):
        owed = list(owed_invoices(session.customer)[:MANY])
    context: dict[str, Any] = {
        "here": "payment-method",
        "card": card_on_file(session.merchant, session.customer),
        "owed": owed,
        "error": error,
        "notice": request.GET.get("card", ""),
    }
    return page(request, "payment_method", session, status=error.status if error else 200, **context)


@require_safe
def card_added(request: HttpRequest, signed: str) -> HttpResponse:
    """Where Stripe's page leads back to: the new card becomes the one that pays."""
    back = way_back(signed)
    if back is None:
        return private(redirect("portal:payment-method"))
    session = back.session
    try:
        outcome = finish_card_page(
            merchant=session.merchant, customer=session.customer, checkout_session_id=request.GET.get("page", "")[:200]
        )
    except BillingError:  # Stripe's event will see to it
        outcome = None
    if back.to:
        return private(HttpResponseRedirect(back.to))
    return private(redirect(reverse("portal:payment-method") + f"?card={outcome or 'later'}"))


# --- Leaving --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Situation:
    """What a customer has to know before leaving a plan: what is lost with it, of what there will be less (another plan
    gives it too), and what is still to be paid."""

    plan: Plan
    lost: list[HeldFeature]
    lessened: list[HeldFeature]
    owed: list[Invoice]


@require_http_methods(["GET", "POST"])
@portal_page
def cancel(request: HttpRequest, session: PortalSession, subscription_id: UUID) -> HttpResponse:
    """Says what a cancellation means, with the money, and asks; POST does it, at the end of the period."""
    situation = _situation(session, subscription_id)
    if situation is None:
        return page(request, "missing", session, status=404)
    if not situation.plan.can_cancel:
        return redirect("portal:overview")
    form = CancelForm(request.POST if request.method == "POST" else None)
    if not form.is_bound:
        return page(request, "cancel", session, situation=situation, form=form)
    if not form.is_valid():
        return page(request, "cancel", session, situation=situation, form=form, status=400)
    subscription = situation.plan.subscription
    try:
        cancel_subscription(
            merchant=session.merchant, subscription=subscription, at_period_end=True, **form.cleaned_data
        )
    except BillingError as error:
        return page(request, "cancel", session, situation=situation, form=form, error=error, status=error.status)
    _record(session, "portal.subscription_canceled", subscription_id)
    return redirect(reverse("portal:overview") + "?notice=canceled")


@require_POST
@portal_page
def keep(request: HttpRequest, session: PortalSession, subscription_id: UUID) -> HttpResponse:
    """Takes a cancellation back."""
    situation = _situation(session, subscription_id)
    if situation is None:
        return page(request, "missing", session, status=404)
    if not situation.plan.can_keep:
        return redirect("portal:overview")
    try:
        keep_subscription(merchant=session.merchant, subscription=situation.plan.subscription)
    except BillingError:
        return redirect(reverse("portal:overview") + "?notice=failed")
    _record(session, "portal.subscription_kept", subscription_id)
    return redirect(reverse("portal:overview") + "?notice=kept")


def _situation(session: PortalSession, subscription_id: UUID) -> Situation | None:
    """Of the customer's own subscription; nobody else's is there."""
    customer = session.customer
    with scope(session.merchant_id):
        found = subscriptions(session.merchant_id, customer=customer).filter(id=subscription_id).first()
        if found is None:
            return None
        features, owed = balances(customer), list(owed_invoices(customer)[:MANY])
    sources = {source_of(item) for item in found.items.all()}
    lost = [row for row in features if sources.issuperset(row.balance.sources)]
    lessened = [row for row in features if row.balance.limit and row not in lost and sources & set(row.balance.sources)]
    return Situation(plan_of(found), lost, lessened, owed)


def _record(session: PortalSession, action: str, subscription_id: UUID) -> None:
    target, details = f"subscription {subscription_id}", {"portal_session": str(session.id)}
    with scope(session.merchant_id):
        record_audit(merchant_id=session.merchant_id, action=action, target=target, details=details)
