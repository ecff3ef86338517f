"""The customer's pages. They need no script."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billingos.common.errors import BillingError, NotFound
from billingos.common.tenancy import scope
from billingos.merchants.services import record_audit
from billingos.portal.card_pages import open_page, way_back
from billingos.portal.entrance import let_in, let_out, page, portal_page, private, session_of_browser
from billingos.portal.forms import CancelForm
from billingos.portal.plans import Plan, plan_of
from billingos.ui.listing import Listing
from customers.cards import card_on_file
from customers.models import PortalSession
from customers.portal_sessions import enter, is_enterable, revoke, session_of_link
from entitlements.selectors import balances
from subscriptions.cards import finish_card_page
from subscriptions.selectors import invoices, owed_invoices, subscriptions
from subscriptions.services import cancel_subscription, keep_subscription

MAX_TOKEN = 100
MANY = 10  # open invoices that a page counts

# --- In and out -----------------------------------------------------------------------------------------------------


@require_GET
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


@require_GET
@portal_page
def overview(request: HttpRequest, session: PortalSession) -> HttpResponse:
    customer = session.customer
    with scope(customer.merchant_id):
        rows = list(subscriptions(customer.merchant_id, customer=customer).order_by("-id"))
        features = balances(customer)
        owed = list(owed_invoices(customer)[:MANY])
    going = [row for row in rows if not row.has_ended]
    ended = [row for row in rows if row.has_ended][:1] if not going else []
    context: dict[str, Any] = {
        "here": "overview",
        "plans": [plan_of(row) for row in going],
        "ended": [plan_of(row) for row in ended],
        "limits": [(feature, balance) for feature, balance in features if balance.type == "limit"],
        "included": [feature for feature, balance in features if balance.type == "boolean"],
        "owed": owed,
        "now": customer.now(),
        "notice": request.GET.get("notice", ""),
    }
    return page(request, "overview", session, **context)


@require_GET
@portal_page
def invoice_list(request: HttpRequest, session: PortalSession) -> HttpResponse:
    listing = Listing(request)
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


@require_GET
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


@require_http_methods(["GET", "POST"])
@portal_page
def cancel(request: HttpRequest, session: PortalSession, subscription_id: UUID) -> HttpResponse:
    """Says what a cancellation means, with the money, and asks; POST does it, at the end of the period."""
    plan = _plan(session, subscription_id)
    if plan is None:
        return page(request, "missing", session, status=404)
    if not plan.can_cancel:
        return redirect("portal:overview")
    form = CancelForm(request.POST if request.method == "POST" else None)
    error = None
    if form.is_bound and form.is_valid():
        try:
            cancel_subscription(
                merchant=session.merchant, subscription=plan.subscription, at_period_end=True, **form.cleaned_data
            )
        except BillingError as refused:
            error = refused
        else:
            _record(session, "portal.subscription_canceled", plan)
            return redirect(reverse("portal:overview") + "?notice=canceled")
    with scope(session.merchant_id):
        features = balances(session.customer)
        owed = list(owed_invoices(session.customer)[:MANY])
    context: dict[str, Any] = {
        "plan": plan,
        "form": form,
        "error": error,
        "features": features,
        "owed": owed,
    }
    status = error.status if error else 400 if form.is_bound else 200
    return page(request, "cancel", session, status=status, **context)


@require_POST
@portal_page
def keep(request: HttpRequest, session: PortalSession, subscription_id: UUID) -> HttpResponse:
    """Takes a cancellation back."""
    plan = _plan(session, subscription_id)
    if plan is None:
        return page(request, "missing", session, status=404)
    if not plan.can_keep:
        return redirect("portal:overview")
    try:
        keep_subscription(merchant=session.merchant, subscription=plan.subscription)
    except BillingError:
        return redirect(reverse("portal:overview") + "?notice=failed")
    _record(session, "portal.subscription_kept", plan)
    return redirect(reverse("portal:overview") + "?notice=kept")


def _plan(session: PortalSession, subscription_id: UUID) -> Plan | None:
    """The customer's own; nobody else's is there."""
    with scope(session.merchant_id):
        rows = subscriptions(session.merchant_id, customer=session.customer)
        found = rows.filter(id=subscription_id).first()
    return plan_of(found) if found else None


def _record(session: PortalSession, action: str, plan: Plan) -> None:
    with scope(session.merchant_id):
        record_audit(
            merchant_id=session.merchant_id,
            action=action,
            target=f"subscription {plan.subscription.id}",
            details={"portal_session": str(session.id)},
        )
