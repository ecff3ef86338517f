"""The merchant's pages."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, cast

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import HttpResponseClientRefresh

from billingos.api.pagination import paginate
from billingos.common.errors import InvalidRequest, NotFound
from billingos.common.tenancy import scope
from billingos.merchants.models import Membership, User
from billingos.merchants.selectors import membership_in, memberships_of
from customers.models import Customer
from customers.selectors import customers as customers_of
from subscriptions.models import Subscription
from subscriptions.selectors import statuses_of_customers

PAGE = 25


def home(request: HttpRequest) -> HttpResponse:
    return redirect("dashboard:choose" if request.user.is_authenticated else "account_login")


@login_required
def choose_merchant(request: HttpRequest) -> HttpResponse:
    """Straight to the only merchant a person works for; else, or when asked for all, a choice."""
    memberships = memberships_of(cast(User, request.user))
    if len(memberships) == 1 and memberships[0].merchant.is_active and "all" not in request.GET:
        return redirect("dashboard:customers", slug=memberships[0].merchant.slug)
    return render(request, "dashboard/choose.html", {"memberships": memberships})


def merchant_page(
    view: Callable[Concatenate[HttpRequest, Membership, ...], HttpResponse],
) -> Callable[..., HttpResponse]:
    """A page of the merchant in the address, for those who work for it; for others it does not exist."""

    @wraps(view)
    def wrapped(request: HttpRequest, slug: str, **named: str) -> HttpResponse:
        if "HX-Request" in request.headers and not request.user.is_authenticated:
            return HttpResponseClientRefresh()  # the whole page goes to sign-in, not a part of it
        return _member_page(request, slug, **named)

    @login_required
    def _member_page(request: HttpRequest, slug: str, **named: str) -> HttpResponse:
        try:
            membership = membership_in(cast(User, request.user), slug)
        except NotFound as error:
            raise Http404 from error
        return view(request, membership, **named)

    return wrapped


@dataclass(frozen=True, slots=True)
class CustomerRow:
    customer: Customer
    statuses: list[Subscription.Status]


@merchant_page
def customers(request: HttpRequest, membership: Membership) -> HttpResponse:
    merchant = membership.merchant
    search = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    cursor = request.GET.get("cursor")
    with scope(merchant.id):
        found = customers_of(merchant.id, search=search or None)
        try:
            page, next_cursor = paginate(found, limit=PAGE, cursor=cursor)
        except InvalidRequest:
            return redirect("dashboard:customers", slug=merchant.slug)
        statuses = statuses_of_customers(merchant.id, page)
    context = {
        "page": "customers",
        "merchant": merchant,
        "membership": membership,
        "rows": [CustomerRow(customer, statuses.get(customer.id, [])) for customer in page],
        "next_cursor": next_cursor,
        "at_start": not cursor,
        "search": search,
        "base_url": settings.BASE_URL,
        "demo_mode": settings.DEMO_MODE,
    }
    return render(request, "dashboard/customers.html", context)
