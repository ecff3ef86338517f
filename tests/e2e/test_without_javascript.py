"""The same pages in a browser that runs no scripts: everything essential can be read, found, paged through and sent."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.e2e.addresses import Area, Route, routes_in
from tests.e2e.conftest import TabOf
from tests.e2e.stage import Stage

pytestmark = [pytest.mark.long, pytest.mark.stack]
LISTS = [route for route in routes_in(Area.DASHBOARD) if route.parameters == ("slug",)]
NEXT = "a[rel=next]"
SEARCH = "form[role=search]"
VALUES = "(select) => [...select.options].map((option) => option.value)"
ROWS = "main table tbody tr"


@pytest.fixture(scope="module")
def plain(chromium: Browser, stage: Stage) -> Iterator[Page]:
    """The owner's page, without scripts."""
    context = stage.open(chromium, "owner", java_script_enabled=False)
    yield context.new_page()
    context.close()


def texts(rows: Locator) -> list[str]:
    return [" ".join(text.split()) for text in rows.all_inner_texts()]


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.name)
def test_what_is_read_with_scripts_is_read_without(route: Route, stage: Stage, plain: Page, tab_of: TabOf) -> None:
    tab = tab_of("owner")
    if not tab.page.request.get(stage.path(route)).headers["content-type"].startswith("text/html"):
        return
    tab.resize(1440)
    tab.open(stage.path(route))
    plain.set_viewport_size({"width": 1440, "height": 900})
    plain.goto(stage.path(route))
    assert plain.locator("main h1").inner_text() == tab.page.locator("main h1").inner_text()
    assert plain.locator(ROWS).count() == tab.page.locator(ROWS).count()
    assert plain.locator("[hx-trigger*=load], [hx-trigger*=revealed]").count() == 0, "a part that only scripts bring"


@pytest.mark.parametrize("route", LISTS, ids=lambda route: route.name)
def test_lists_search_filter_and_turn_pages(route: Route, stage: Stage, plain: Page) -> None:
    answer = plain.goto(stage.path(route))
    if answer is None or not answer.headers["content-type"].startswith("text/html"):
        return
    turn_page(plain)
    plain.goto(stage.path(route))
    search(plain)
    plain.goto(stage.path(route))
    filter_by_each_choice(plain)


def test_some_list_is_long_enough_to_turn_and_some_has_a_search(stage: Stage, plain: Page) -> None:
    """Or the test above would pass by finding nothing to do."""
    found: set[str] = set()
    for route in LISTS:
        plain.goto(stage.path(route))
        found |= {part for part in (NEXT, SEARCH) if plain.locator(part).count()}
    assert SEARCH in found
    if len(stage.demo["merchants"]) and plain.goto(stage.path(LISTS[0])) and plain.locator(ROWS).count() >= 25:
        assert NEXT in found


def test_signing_in_and_out_takes_no_scripts(chromium: Browser, stage: Stage) -> None:
    person = stage.demo["merchants"][0]
    context = stage.open(chromium, "anonymous", java_script_enabled=False)
    page = context.new_page()
    page.goto("/app/")
    page.locator("[name=login]").fill(person["email"])
    page.locator("[name=password]").fill(person["password"])
    page.locator("main form[method=post] button[type=submit]").first.click()
    page.wait_for_url(f"**/app/{person['slug']}**")
    page.goto("/accounts/logout/")
    page.locator("main form[method=post] button[type=submit]").first.click()
    page.wait_for_url("**/accounts/login/**")
    context.close()


# --- What a list offers, used as a person would ----------------------------------------------------------------------


def turn_page(page: Page) -> None:
    """The next page shows other rows."""
    if not page.locator(NEXT).count():
        return
    first = texts(page.locator(ROWS))
    page.locator(NEXT).first.click()
    page.wait_for_load_state()
    second = texts(page.locator(ROWS))
    assert second, page.url
    assert not set(first) & set(second), page.url


def search(page: Page) -> None:
    """A word of the last row finds that row; nonsense finds none, and says so."""
    box = page.locator(f"{SEARCH} input[type=search]")
    if not box.count() or not page.locator(ROWS).count():
        return
    last = texts(page.locator(ROWS))[-1]
    box.first.fill(last.split(" ")[0])
    page.locator(f"{SEARCH} [type=submit]").first.click()
    page.wait_for_load_state()
    assert last in texts(page.locator(ROWS)), page.url
    page.locator(f"{SEARCH} input[type=search]").first.fill("nobody-is-called-so")
    page.locator(f"{SEARCH} [type=submit]").first.click()
    page.wait_for_load_state()
    assert page.locator(ROWS).count() == 0, page.url
    assert page.locator("main .empty").count() == 1, page.url


def filter_by_each_choice(page: Page) -> None:
    """Each choice of each filter answers with a page, and offers the way back."""
    selects = page.locator("main form[method=get] select, main form:not([method]) select")
    for index in range(selects.count()):
        choices: list[str] = selects.nth(index).evaluate(VALUES)
        for choice in choices:
            selects.nth(index).select_option(choice)
            selects.nth(index).locator("xpath=ancestor::form").locator("[type=submit]").first.click()
            page.wait_for_load_state()
            assert page.locator("main h1").count() == 1, page.url
            assert selects.nth(index).input_value() == choice, page.url
