"""The till's pages: our own for what is free, and the door through which buyers come back from Stripe's.

An address holds the ids of merchant and session, signed: nobody guesses it, and it can lead nowhere else.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from django.conf import settings
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from billingos.common.errors import BillingError
from billingos.common.ids import parse_uuid
from billingos.common.money import Money
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.merchants.selectors import get_merchant
from billingos.portal.entrance import private
from billingos.portal.forms import BuyerForm
from billingos.portal.plans import every
from subscriptions.models import CheckoutSession
from subscriptions.selectors import checkout_sessions
from subscriptions.services import finish_checkout, start_free_plan

log = structlog.get_logger(__name__)
SALT = "billingos.checkout"
PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
View = Callable[[HttpRequest, Merchant, CheckoutSession], HttpResponse]


def signed_id(session: CheckoutSession) -> str:
    return str(signing.dumps([str(session.merchant_id), str(session.id)], salt=SALT, compress=True))


def url_of(session: CheckoutSession) -> str | None:
    """Where the buyer goes: Stripe's page, or ours. None while there is no page yet."""
    if session.is_hosted:
        return session.stripe_url or None
    path: str = reverse("checkout:free", kwargs={"signed": signed_id(session)})
    return f"{settings.BASE_URL}{path}"


def way_back(session: CheckoutSession) -> str:
    path: str = reverse("checkout:return", kwargs={"signed": signed_id(session)})
    return f"{settings.BASE_URL}{path}"


def goal_of(session: CheckoutSession) -> str:
    """The merchant's own address, told which session it was where it asks for it."""
    return session.success_url.replace(PLACEHOLDER, str(session.id))


def till(view: View) -> Callable[..., HttpResponse]:
    """A page of one checkout session. An address that was not signed here is not found."""

    @wraps(view)
    def wrapped(request: HttpRequest, signed: str) -> HttpResponse:
        try:
            merchant_id, session_id = (parse_uuid(text) for text in signing.loads(signed, salt=SALT))
        except (signing.BadSignature, ValueError) as error:
            raise Http404 from error
        if merchant_id is None or session_id is None:
            raise Http404
        merchant = get_merchant(merchant_id)
        with scope(merchant.id):
            session = checkout_sessions(merchant.id).filter(id=session_id).first()
        if session is None:
            raise Http404
        if not merchant.is_active:
            return private(render(request, "portal/unavailable.html", {"merchant": merchant}, status=403))
        return private(view(request, merchant, session))

    return wrapped


@require_safe
@till
def come_back(request: HttpRequest, merchant: Merchant, session: CheckoutSession) -> HttpResponse:
    """The buyer comes from Stripe's page: what was bought is here before the merchant's page is asked for."""
    try:
        finish_checkout(merchant=merchant, session=session)
    except BillingError as error:  # Stripe's event will see to it
        log.info("checkout_not_finished", session=str(session.id), code=error.code)
    return HttpResponseRedirect(goal_of(session))


@require_http_methods(["GET", "POST"])
@till
def free(request: HttpRequest, merchant: Merchant, session: CheckoutSession) -> HttpResponse:
    """Our own till, for what costs nothing."""
    if session.stripe_url:
        return HttpResponseRedirect(session.stripe_url)
    context: dict[str, Any] = {"merchant": merchant, "session": session, "every": every(session.price)}
    context["price"] = Money(0, session.price.currency)
    if session.status == CheckoutSession.Status.COMPLETE:
        return render(request, "portal/checkout_leaving.html", {**context, "url": goal_of(session)})
    is_over = session.status == CheckoutSession.Status.EXPIRED or session.is_hosted  # of this one nobody has the link
    if is_over or session.expires_at <= timezone.now():
        return render(request, "portal/checkout_expired.html", context, status=410)
    needs_buyer = not session.customer and not session.email
    form = BuyerForm(request.POST if request.method == "POST" else None) if needs_buyer else None
    status = 200
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            start_free_plan(merchant=merchant, session=session, **(form.cleaned_data if form else {}))
            return render(request, "portal/checkout_leaving.html", {**context, "url": goal_of(session)})
        except BillingError as error:
            context["error"], status = error, error.status
    elif request.method == "POST":
        status = 400
    return render(request, "portal/checkout.html", {**context, "form": form}, status=status)
