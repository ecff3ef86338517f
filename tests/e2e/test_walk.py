"""Everybody on every page: what may be seen is there and in order, what may not is refused."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.e2e.addresses import ROLES, VARIANTS, Area, Outcome, Route, routes, routes_in
from tests.e2e.conftest import TabOf
from tests.e2e.stage import Stage
from tests.e2e.tab import Tab, told

pytestmark = [pytest.mark.long, pytest.mark.stack]
SIGN_IN = "/accounts/login/"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", routes(), ids=lambda route: route.name)
def test_walk(route: Route, role: str, stage: Stage, tab_of: TabOf) -> None:
    tab = tab_of(role)
    CHECKS[route.outcome(role)](tab, stage.path(route))
    for query in VARIANTS.get(route.name, ()) if route.outcome(role) is Outcome.OPEN else ():
        assert_in_order(tab, f"{stage.path(route)}?{query}")


@pytest.mark.parametrize("route", routes_in(Area.DASHBOARD), ids=lambda route: route.name)
def test_walk_where_there_is_nothing_yet(route: Route, stage: Stage, tab_of: TabOf) -> None:
    """A merchant on its first day, before and after it is connected; rows of others do not exist for it."""
    if "slug" not in route.parameters:
        return
    for slug in stage.cast["empty"]:
        check = assert_in_order if route.parameters == ("slug",) else assert_hidden
        check(tab_of("newcomer"), stage.path(route, slug=slug))


# --- What each outcome looks like ------------------------------------------------------------------------------------


def assert_in_order(tab: Tab, path: str) -> None:
    """A page: shown in the browser without a fault, and its links lead somewhere. A download: it comes."""
    answer = tab.page.request.get(path)
    assert answer.ok, f"{path}: {answer.status}"
    if not answer.headers["content-type"].startswith("text/html"):
        return
    tab.take_heard()
    seen = tab.open(path)
    assert seen.status == 200, seen
    faults = [*tab.faults(), *dead_links(tab)]
    assert not faults, told(seen.url, faults)


def assert_sent_to_sign_in(tab: Tab, path: str) -> None:
    answer = tab.page.request.get(path, max_redirects=0)
    assert (answer.status, urlsplit(answer.headers.get("location", "")).path) == (302, SIGN_IN), path


def assert_forbidden(tab: Tab, path: str) -> None:
    assert tab.page.request.get(path).status == 403, path


def assert_hidden(tab: Tab, path: str) -> None:
    assert tab.page.request.get(path).status == 404, path


def assert_closed(tab: Tab, path: str) -> None:
    answer = tab.page.request.get(path, max_redirects=0)
    assert answer.status in {302, 401, 403, 404}, f"{path}: {answer.status}"


CHECKS: dict[Outcome, Callable[[Tab, str], None]] = {
    Outcome.OPEN: assert_in_order,
    Outcome.SIGN_IN: assert_sent_to_sign_in,
    Outcome.FORBIDDEN: assert_forbidden,
    Outcome.HIDDEN: assert_hidden,
    Outcome.CLOSED: assert_closed,
}

# --- Links -----------------------------------------------------------------------------------------------------------

_followed: dict[tuple[int, str], int] = {}  # (whose tab, address) → status: most links stand on every page


def dead_links(tab: Tab) -> list[str]:
    """Links of the page in view that do not lead to a page for whoever looks at it."""
    found = []
    for url in tab.links():
        key = (id(tab), url)
        if key not in _followed:
            _followed[key] = tab.page.request.get(url).status
        if _followed[key] >= 400:
            found.append(f"{_followed[key]} behind a link to {url}")
    return found
