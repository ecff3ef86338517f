"""What every page of a merchant shares: who visits, what they may, and the frame around the content."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRefresh

from billingos.common.errors import BillingError, Forbidden, NotFound
from billingos.dashboard.navigation import sections_for
from billingos.merchants.models import Membership, Merchant, User
from billingos.merchants.roles import role_allows
from billingos.merchants.selectors import membership_in


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a member to a page of their merchant."""

    request: HttpRequest
    membership: Membership
    section: str

    @property
    def merchant(self) -> Merchant:
        return self.membership.merchant

    @property
    def user(self) -> User:
        return cast(User, self.request.user)

    def may(self, permission: str) -> bool:
        return role_allows(self.membership.role, permission)

    def demand(self, permission: str) -> None:
        """Raises PermissionDenied, which becomes the 403 page."""
        if not self.may(permission):
            raise PermissionDenied

    def render(self, template: str, context: dict[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
        """The page in the merchant's frame: `visit`, `merchant`, `membership`, `navigation` and `section` are there."""
        frame = {
            "visit": self,
            "merchant": self.merchant,
            "membership": self.membership,
            "section": self.section,
            "navigation": sections_for(self.membership),
            "base_url": settings.BASE_URL,
            "demo_mode": settings.DEMO_MODE,
        }
        return render(self.request, template, {**frame, **(context or {})}, status=status)

    def redirect(self, name: str, **named: Any) -> HttpResponse:
        """To another page of this merchant: `visit.redirect("customers")`."""
        return HttpResponseRedirect(self.url(name, **named))

    def url(self, name: str, **named: Any) -> str:
        return reverse(f"dashboard:{name}", kwargs={"slug": self.merchant.slug, **named})

    def say(self, text: str) -> None:
        """On the next page that is shown."""
        messages.success(self.request, text)

    @contextmanager
    def told(self, done: str = "") -> Iterator[None]:
        """Around a service: what it refuses is told on the next page, else `done` is. Forbidden becomes the 403 page,
        and what is not there the 404 page."""
        try:
            yield
        except Forbidden as error:
            raise PermissionDenied from error
        except NotFound as error:
            raise Http404 from error
        except BillingError as error:
            messages.error(self.request, error.message)
        else:
            if done:
                self.say(done)


PageView = Callable[Concatenate[Visit, ...], HttpResponseBase]


def merchant_page(
    section: str, *, needs: str = "read", methods: Sequence[str] = ("GET", "HEAD")
) -> Callable[[PageView], Callable[..., HttpResponseBase]]:
    """A page of the merchant in the address, for those who work for it; for others it does not exist. Who works for it
    without the permission `needs` gets the 403 page."""

    def decorate(view: PageView) -> Callable[..., HttpResponseBase]:
        @login_required
        def member_page(request: HttpRequest, slug: str, **named: Any) -> HttpResponseBase:
            try:
                membership = membership_in(cast(User, request.user), slug)
            except NotFound as error:
                raise Http404 from error
            visit = Visit(request, membership, section)
            visit.demand(needs)
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            return view(visit, **named)

        @wraps(view)
        def wrapped(request: HttpRequest, slug: str, **named: Any) -> HttpResponseBase:
            if "HX-Request" in request.headers and not request.user.is_authenticated:
                return HttpResponseClientRefresh()  # the whole page goes to sign-in, not a part of it
            return member_page(request, slug, **named)

        return wrapped

    return decorate
