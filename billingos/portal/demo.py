"""The demo's way in: a page on this machine that opens the portal for a customer of your choice."""

from collections.abc import Iterable
from ipaddress import ip_address

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from billingos.common.errors import NotFound
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.portal.entrance import private
from customers.models import Customer
from customers.portal_sessions import LOOPBACK, create_portal_session
from customers.selectors import customers, get_customer
from subscriptions.models import Subscription
from subscriptions.selectors import statuses_of_customers

LOOKED_AT, SHOWN_OF_A_STATE = 200, 3


@require_http_methods(["GET", "POST"])
def choose_customer(request: HttpRequest, slug: str) -> HttpResponse:
    """A few customers in different states; POST makes a session for one. Only in the demo, only on this machine."""
    if not (settings.DEMO_MODE and is_local(request)):
        raise Http404
    with platform_scope():
        merchant = Merchant.objects.filter(slug=slug, status=Merchant.Status.ACTIVE).first()
    if merchant is None:
        raise Http404
    if request.method == "POST":
        return _open(request, merchant)
    context = {"merchant": merchant, "rows": list(customers_on_offer(merchant))}
    return private(render(request, "portal/demo.html", context))


def is_local(request: HttpRequest) -> bool:
    """Asked from this machine, by a name of this machine, and not on behalf of another (a proxy says so)."""
    try:
        near = ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
    host = request.get_host().rsplit(":", 1)[0].strip("[]")
    forwarded = "Forwarded" in request.headers or "X-Forwarded-For" in request.headers
    return near and host in LOOPBACK and not forwarded


def _open(request: HttpRequest, merchant: Merchant) -> HttpResponse:
    try:
        with scope(merchant.id):
            customer = get_customer(merchant.id, request.POST.get("customer", "").replace("\x00", ""))
    except NotFound as error:
        raise Http404 from error
    made = create_portal_session(merchant=merchant, customer=customer, return_url=request.build_absolute_uri())
    return private(redirect("portal:link", token=made.link_token))


def customers_on_offer(merchant: Merchant) -> Iterable[tuple[Customer, str]]:
    """(customer, state), the state to look at first in front; some of each state."""
    with scope(merchant.id):
        found = list(customers(merchant.id).order_by("-id")[:LOOKED_AT])
        statuses = statuses_of_customers(merchant.id, found)
        ending = set(
            Subscription.objects.for_merchant(merchant.id)
            .filter(customer__in=found, cancel_at_period_end=True, ended_at=None)
            .values_list("customer_id", flat=True)
        )
    by_state: dict[str, list[Customer]] = {}
    for customer in found:
        state = "canceling" if customer.id in ending else str(next(iter(statuses.get(customer.id, [])), "none"))
        by_state.setdefault(state, []).append(customer)
    return [(customer, state) for state, group in by_state.items() for customer in group[:SHOWN_OF_A_STATE]]
