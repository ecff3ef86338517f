"""The merchant's pages."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from billingos.api.pagination import paginate
from billingos.common.errors import InvalidRequest, NotFound
from billingos.common.tenancy import scope
from billingos.merchants.models import Membership, User
from billingos.merchants.selectors import membership_in, memberships_of
from customers.selectors import customers as customers_of

P = ParamSpec("P")
PAGE = 25


def home(request: HttpRequest) -> HttpResponse:
    return redirect("dashboard:choose" if request.user.is_authenticated else "account_login")


@login_required
def choose_merchant(request: HttpRequest) -> HttpResponse:
    """Straight to the only merchant a person works for; else a choice."""
    memberships = memberships_of(cast(User, request.user))
    if len(memberships) == 1:
        return redirect("dashboard:customers", slug=memberships[0].merchant.slug)
    return render(request, "dashboard/choose.html", {"memberships": memberships})


def merchant_page(
    view: Callable[Concatenate[HttpRequest, Membership, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, str, P], HttpResponse]:
    """A page of the merchant in the address, for those who work for it; for others it does not exist."""

    @login_required
    @wraps(view)
    def wrapped(request: HttpRequest, slug: str, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            membership = membership_in(cast(User, request.user), slug)
        except NotFound as error:
            raise Http404 from error
        return view(request, membership, *args, **kwargs)

    return wrapped


@merchant_page
def customers(request: HttpRequest, membership: Membership) -> HttpResponse:
    merchant = membership.merchant
    search = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    with scope(merchant.id):
        rows = customers_of(merchant.id, search=search or None)
        try:
            page, next_cursor = paginate(rows, limit=PAGE, cursor=request.GET.get("cursor"))
        except InvalidRequest:
            return redirect("dashboard:customers", slug=merchant.slug)
    context = {
        "merchant": merchant,
        "membership": membership,
        "customers": page,
        "next_cursor": next_cursor,
        "search": search,
    }
    return render(request, "dashboard/customers.html", context)
