"""Where the link in an invitation's mail leads."""

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from billingos.common.errors import BillingError, NotFound
from billingos.merchants.models import Invitation, User
from billingos.merchants.selectors import invitation_of_token
from billingos.merchants.services.team import accept_invitation, is_addressed_to


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """GET tells of it and offers what comes next: to sign in or up, to accept, or why neither; POST accepts."""
    try:
        found = invitation_of_token(token)
    except NotFound as error:
        raise Http404 from error
    if request.method != "POST":
        return _show(request, found)
    if not request.user.is_authenticated:
        return redirect_to_login(request.path)
    try:
        accept_invitation(token=token, user=request.user)
    except BillingError as error:
        return _show(request, found, trouble=error.message, status=error.status)
    messages.success(request, f"You work for {found.merchant.name} now.")
    return redirect("dashboard:customers", slug=found.merchant.slug)


def _show(request: HttpRequest, found: Invitation, *, trouble: str = "", status: int = 200) -> HttpResponse:
    person = request.user if isinstance(request.user, User) else None
    going_on = urlencode({"next": request.path})
    context = {
        "invitation": found,
        "state": found.state(timezone.now()),
        "person": person,
        "fits": person is not None and is_addressed_to(found, person),
        "trouble": trouble,
        "sign_in_url": f"{reverse('account_login')}?{going_on}",
        "sign_up_url": f"{reverse('account_signup')}?{going_on}",
    }
    answer = render(request, "dashboard/businesses/invitation.html", context, status=status)
    answer["Cache-Control"] = "no-store"
    return answer
