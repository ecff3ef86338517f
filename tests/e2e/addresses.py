"""Every page of BillingOS, read from the URLconf: one that is added is walked without anybody adding it here.

What the URLconf can't say stands in the tables: which rows fill the addresses, and what a page needs beyond reading.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern, URLResolver

from billingos.merchants.roles import (
    BILLING_WRITE,
    CONNECT_MANAGE,
    KEYS_MANAGE,
    READ,
    TEAM_MANAGE,
    WEBHOOKS_REPLAY,
    role_allows,
)

ROLES = ("owner", "admin", "developer", "viewer", "staff", "customer", "anonymous")
MEMBERS = ROLES[:4]


class Area(StrEnum):
    DASHBOARD = "app/"
    PORTAL = "portal/"
    OPS = "ops/"
    ACCOUNTS = "accounts/"
    PUBLIC = ""


class Outcome(StrEnum):
    OPEN = "open"  # 200, or a redirect to a page that is
    SIGN_IN = "sign-in"  # a redirect to the sign-in page
    FORBIDDEN = "403"
    HIDDEN = "404"
    CLOSED = "closed"  # 401, 403, 404, or a redirect to the entrance


# Who is asked to look at the pages of an area where one is enough: the one who sees most of it.
VIEWERS = {
    Area.DASHBOARD: ("owner",),
    Area.PORTAL: ("customer",),
    Area.OPS: ("staff",),
    Area.ACCOUNTS: ("anonymous", "admin"),
    Area.PUBLIC: ("anonymous",),
}
# The API answers in JSON, to keys. Of the portal: what is left over is not found. Of the admin: what only sends on, is
# closed to all, or answers its own scripts.
NOT_PAGES = re.compile(
    r"api/"
    r"|portal/<path:anything>$|checkout/<str:signed>/return$"  # sends on to the merchant's own site
    r"|ops/(login|logout|password_change)/|ops/r/|ops/\(\?P<url>|ops/.*<path:object_id>/(history/|delete/)?$"
    r"|ops/.*/add/$|ops/(autocomplete|jsi18n|search)/"
)
# Beyond reading: what a GET of the page needs. Others need the permission to read, which every role has.
NEEDS: Mapping[str, str] = {
    "dashboard:api_keys": KEYS_MANAGE,
    "dashboard:cancel_subscription": BILLING_WRITE,
    "dashboard:connect_again": CONNECT_MANAGE,
    "dashboard:connect_done": CONNECT_MANAGE,
    "dashboard:credit_invoice": BILLING_WRITE,
    "dashboard:invite": TEAM_MANAGE,
    "dashboard:member_role": TEAM_MANAGE,
    "dashboard:new_api_key": KEYS_MANAGE,
    "dashboard:pay_invoice": BILLING_WRITE,
    "dashboard:refund_invoice": BILLING_WRITE,
    "dashboard:remove_member": TEAM_MANAGE,
    "dashboard:replay_failed": WEBHOOKS_REPLAY,
    "dashboard:revoke_api_key": KEYS_MANAGE,
    "dashboard:void_invoice": BILLING_WRITE,
    "dashboard:withdraw_invitation": TEAM_MANAGE,
}
# Who has the link may look, signed in or not; the demo's choice of customers and the farewell are for all.
FOR_ALL = {"checkout:free", "dashboard:invitation", "portal:demo", "portal:link", "portal:sign-out"}
# Pages about one's second factor: there are none for whoever has no second factor. One of those who walk has it.
OF_TWO_FACTORS = {"mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes"}
HAS_TWO_FACTORS = "admin"
# Values that no row has. The rows of the demo fill the rest, and casting.py makes what MADE names.
GIVEN: Mapping[str, Mapping[str, str]] = {
    "docs": {"name": "api"},
    "account_confirm_email": {"key": "expired"},
    "account_reset_password_from_key": {"uidb36": "1", "key": "expired-link"},
    "admin:app_list": {"app_label": "merchants"},
    "dashboard:invitation": {"token": "of-the-walk"},
    "portal:card-added": {"signed": "expired"},
}
MADE: Mapping[str, tuple[str, ...]] = {
    "portal:link": ("token",),
    "checkout:free": ("signed",),
    "dashboard:reconciliation_run": ("run_id",),
}
# More to look at than the plain address: a search that finds something, one that finds nothing, a filter.
VARIANTS: Mapping[str, tuple[str, ...]] = {
    "dashboard:audit": ("q=nothing-is-called-so",),
    "dashboard:choose": ("all",),
    "dashboard:customers": ("q=a", "q=nobody-is-called-so"),
    "dashboard:home": ("range=30d",),
    "dashboard:inbox": ("status=failed",),
    "dashboard:insights": ("status=all", "status=resolved&severity=info"),
    "dashboard:meter": ("days=90", "live=1"),
    "dashboard:products": ("q=nothing-is-called-so",),
    "dashboard:reconciliation_run": ("q=nothing-is-called-so",),
    "dashboard:subscriptions": ("status=canceled", "q=nobody-is-called-so"),
    "dashboard:invoice_document": ("type=receipt",),
    "dashboard:usage": ("q=nothing-is-called-so",),
    "portal:overview": ("notice=canceled",),
}


@dataclass(frozen=True, slots=True)
class Route:
    """An entry of the URLconf that answers GET with a page. `name` is its path where it has none."""

    name: str
    path: str
    parameters: tuple[str, ...]

    @property
    def area(self) -> Area:
        return next(area for area in Area if self.path.startswith(area.value))

    def fill(self, values: Mapping[str, str]) -> str:
        """The address. Raises KeyError for a parameter without a value."""
        own = {**GIVEN.get(self.name, {}), **values}
        if not self.parameters and self.name == self.path:
            return f"/{self.path}"
        return reverse(self.name, kwargs={name: own[name] for name in self.parameters})

    def outcome(self, role: str) -> Outcome:
        """What `role`, a member of the merchant in the address if it is one of MEMBERS, should get."""
        return Outcome.OPEN if self.name in FOR_ALL else OUTCOMES[self.area](self, role)


def _of_dashboard(route: Route, role: str) -> Outcome:
    if role in {"customer", "anonymous"}:
        return Outcome.SIGN_IN
    if "slug" not in route.parameters:
        return Outcome.OPEN
    if role not in MEMBERS:
        return Outcome.HIDDEN
    return Outcome.OPEN if role_allows(role, NEEDS.get(route.name, READ)) else Outcome.FORBIDDEN


def _of_ops(route: Route, role: str) -> Outcome:
    if role in {"customer", "anonymous"}:
        return Outcome.SIGN_IN
    return Outcome.OPEN if role == "staff" else Outcome.FORBIDDEN


def _of_portal(route: Route, role: str) -> Outcome:
    return Outcome.OPEN if role == "customer" else Outcome.CLOSED


def _of_accounts(route: Route, role: str) -> Outcome:
    """Who is signed in is sent on from the entrance, who is not is sent to it: both end at a page."""
    if route.name in OF_TWO_FACTORS and role in {*MEMBERS, "staff"} - {HAS_TWO_FACTORS}:
        return Outcome.HIDDEN
    return Outcome.OPEN


def _of_all(route: Route, role: str) -> Outcome:
    return Outcome.OPEN


OUTCOMES: Mapping[Area, Callable[[Route, str], Outcome]] = {
    Area.DASHBOARD: _of_dashboard,
    Area.OPS: _of_ops,
    Area.PORTAL: _of_portal,
    Area.ACCOUNTS: _of_accounts,
    Area.PUBLIC: _of_all,
}


@cache
def routes() -> tuple[Route, ...]:
    """All pages, in the order of the URLconf."""
    return tuple(route for route, callback in _entries(get_resolver()) if _is_page(route, callback))


def routes_in(*areas: Area) -> tuple[Route, ...]:
    return tuple(route for route in routes() if route.area in areas)


def _entries(
    resolver: URLResolver, path: str = "", names: tuple[str, ...] = (), parameters: tuple[str, ...] = ()
) -> Iterator[tuple[Route, Any]]:
    for entry in resolver.url_patterns:
        whole = path + str(entry.pattern)
        own = (*parameters, *entry.pattern.regex.groupindex)
        if isinstance(entry, URLResolver):
            yield from _entries(entry, whole, (*names, *filter(None, [entry.namespace])), own)
        elif isinstance(entry, URLPattern):
            yield Route(":".join([*names, entry.name]) if entry.name else whole, whole, own), entry.callback


def _is_page(route: Route, callback: Any) -> bool:
    return not NOT_PAGES.match(route.path) and "GET" in methods_of(callback)


def methods_of(view: Any) -> set[str]:
    """What @require_POST, merchant_page and their like let through; for a class, what it has methods for."""
    if found := getattr(view, "view_class", None):
        return {name.upper() for name in found.http_method_names if hasattr(found, name)}
    allowed = {"GET", "POST"}
    for held in _held_by(view):
        for name in ("request_method_list", "methods"):  # Django's decorators; merchant_page
            allowed &= set(held.get(name) or allowed)
    return allowed


def _held_by(view: Any) -> Iterator[Mapping[str, Any]]:
    """What the view and the functions that it wraps hold on to, by name."""
    waiting, seen = [view], set()
    while waiting:
        function = waiting.pop()
        if inspect.isfunction(function) and function not in seen:
            seen.add(function)
            held = inspect.getclosurevars(function).nonlocals
            waiting += [getattr(function, "__wrapped__", None), *held.values()]
            yield held
