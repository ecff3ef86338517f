"""Before a merchant is chosen."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from billingos.merchants.models import User
from billingos.merchants.selectors import memberships_of


def start(request: HttpRequest) -> HttpResponse:
    return redirect("dashboard:choose" if request.user.is_authenticated else "account_login")


@login_required
def choose_merchant(request: HttpRequest) -> HttpResponse:
    """Straight to the only merchant a person works for; else, or when asked for all, a choice."""
    memberships = memberships_of(cast(User, request.user))
    if len(memberships) == 1 and memberships[0].merchant.is_active and "all" not in request.GET:
        return redirect("dashboard:home", slug=memberships[0].merchant.slug)
    return render(request, "dashboard/choose.html", {"memberships": memberships})
