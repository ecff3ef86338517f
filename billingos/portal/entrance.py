"""The portal's door: which browser belongs to which customer. Its cookie has nothing to do with people's sign-in."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from customers.models import PortalSession
from customers.portal_sessions import BROWSER_LIFE, session_of_cookie

COOKIE = "billingos_portal"
PATH = "/portal/"
MAX_LENGTH = 100
View = Callable[Concatenate[HttpRequest, PortalSession, ...], HttpResponse]


def session_of_browser(request: HttpRequest) -> PortalSession | None:
    """Whose portal this browser has entered, while that lasts."""
    cookie = request.COOKIES.get(COOKIE, "")
    return session_of_cookie(cookie) if 0 < len(cookie) <= MAX_LENGTH and "\x00" not in cookie else None


def let_in(response: HttpResponse, cookie: str) -> None:
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=BROWSER_LIFE,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def let_out(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, path=PATH, samesite="Lax")


def portal_page(view: View) -> Callable[..., HttpResponse]:
    """A page of the customer whose browser this is. Others are told, in a friendly way, how to come in."""

    @wraps(view)
    def wrapped(request: HttpRequest, **named: Any) -> HttpResponse:
        session = session_of_browser(request)
        if session is None:
            response = page(request, "ended", status=403)
        elif not session.merchant.is_active:
            response = page(request, "unavailable", status=403)
        else:
            response = view(request, session, **named)
        return private(response)

    return wrapped


def private(response: HttpResponse) -> HttpResponse:
    """Nobody keeps a copy, and no other site learns the address."""
    response.headers["Cache-Control"] = "no-store"
    # Not no-referrer: under it browsers send forms with `Origin: null`, which the check of their origin refuses.
    response.headers["Referrer-Policy"] = "same-origin"
    patch_vary_headers(response, ["Cookie"])
    return response


def page(
    request: HttpRequest, name: str, session: PortalSession | None = None, *, status: int = 200, **context: Any
) -> HttpResponse:
    """A page of the portal, with the merchant's name on it where there is a session."""
    if session:
        context |= {"merchant": session.merchant, "customer": session.customer, "return_url": session.return_url}
    return render(request, f"portal/{name}.html", context, status=status)
