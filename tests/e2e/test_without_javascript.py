"""The same pages in a browser that runs no scripts: everything essential can be read, found, paged through and sent."""

import re
import secrets
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


def test_the_lists_of_the_demo_are_long_enough(stage: Stage, plain: Page) -> None:
    """Or the test above would pass by finding nothing to do."""
    for name in ("customers", "subscriptions", "inbox"):
        plain.goto(f"/app/{stage.cast['slug']}/{name}")
        assert plain.locator(SEARCH).count() == 1, name
        assert plain.locator(NEXT).count() == 1, name


# --- What is sent ----------------------------------------------------------------------------------------------------


def test_a_key_is_made_and_revoked(stage: Stage, plain: Page) -> None:
    keys, name = f"/app/{stage.cast['slug']}/api-keys", f"walk {secrets.token_hex(4)}"
    plain.goto(f"{keys}/new")
    plain.locator("[name=name]").fill(name)
    press(plain, "Create the key")
    assert re.search(r"bos_sk_test_[\w-]{20}", plain.locator("main").inner_text()), plain.url
    plain.goto(keys)
    row = plain.locator(ROWS).filter(has_text=name)
    row.get_by_role("link", name="Revoke").click()
    press(plain, "Revoke the key")
    assert plain.locator(ROWS).filter(has_text=name).get_by_role("link", name="Revoke").count() == 0


def test_an_insight_is_dismissed_and_opened_again(stage: Stage, plain: Page) -> None:
    feed = f"/app/{stage.cast['slug']}/insights"
    plain.goto(feed)
    card = plain.locator("article.insight").filter(has=plain.get_by_role("button", name="Dismiss")).first
    insight = f"article#{card.get_attribute('id')}"
    press(plain.locator(insight), "Dismiss")
    plain.goto(feed)
    assert plain.locator(insight).count() == 0
    plain.goto(f"{feed}?status=dismissed")
    press(plain.locator(insight), "Open again")
    plain.goto(feed)
    assert plain.locator(insight).get_by_role("button", name="Dismiss").count() == 1


def test_a_subscription_is_canceled_and_kept(chromium: Browser, stage: Stage) -> None:
    """Of the other merchant, so that the pages of the walk stay as they are."""
    person = stage.demo["merchants"][1]
    page = stage.open(chromium, "anonymous", java_script_enabled=False).new_page()
    sign_in(page, person)
    page.goto(f"/app/{person['slug']}/subscriptions?status=active")
    row = page.locator(ROWS).filter(has=page.locator(".badges", has_text=re.compile(r"^\s*Active\s*$"))).first
    row.locator("a.who").click()
    page.get_by_role("link", name="Cancel", exact=True).click()
    page.locator("[name=when][value=period_end]").check()
    press(page, "Cancel subscription")
    assert page.locator("main .banner", has_text="Ends on").count() == 1, page.url
    press(page, "Keep it after all")
    assert page.locator("main .banner", has_text="Ends on").count() == 0, page.url
    page.context.close()


def test_a_customer_cancels_at_the_portal_and_stays(chromium: Browser, stage: Stage) -> None:
    page = stage.open(chromium, "customer", java_script_enabled=False).new_page()
    page.goto(stage.path(next(route for route in routes_in(Area.PORTAL) if route.name == "portal:cancel")))
    page.locator("main form[method=post] button[type=submit]").first.click()
    page.wait_for_url("**/portal/?notice=canceled")
    press(page, "Keep")
    page.wait_for_url("**/portal/?notice=kept")
    page.context.close()


def test_signing_in_and_out_takes_no_scripts(chromium: Browser, stage: Stage) -> None:
    page = stage.open(chromium, "anonymous", java_script_enabled=False).new_page()
    sign_in(page, stage.demo["merchants"][0])
    page.goto("/accounts/logout/")
    page.locator("main form[method=post] button[type=submit]").first.click()
    page.wait_for_url("**/accounts/login/**")
    page.context.close()


def sign_in(page: Page, person: dict[str, str]) -> None:
    page.goto("/app/")
    page.locator("[name=login]").fill(person["email"])
    page.locator("[name=password]").fill(person["password"])
    page.locator("main form[method=post] button[type=submit]").first.click()
    page.wait_for_url(f"**/app/{person['slug']}**")


def press(place: Page | Locator, name: str) -> None:
    place.get_by_role("button", name=name).first.click()
    (place if isinstance(place, Page) else place.page).wait_for_load_state()


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
    """An address in the last row, or else its first word, finds that row; nonsense finds none, and says so."""
    box = page.locator(f"{SEARCH} input[type=search]")
    if not box.count() or not page.locator(ROWS).count():
        return
    last = texts(page.locator(ROWS))[-1]
    box.first.fill(next((word for word in last.split(" ") if "@" in word), last.split(" ")[0]))
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
