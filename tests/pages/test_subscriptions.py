"""Subscriptions: the list, one of them, and its end."""

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client

from billingos.common.ids import uuid7
from billingos.common.tenancy import scope
from billingos.merchants.models import AuditEntry, Membership, Merchant, User
from subscriptions.models import Subscription
from tests.pages.conftest import SignIn
from tests.pages.looking import BUDGET, START, add_customers, assert_strict, statements, subscribe, text_of
from tests.pages.test_customer import fill, signed_in
from tests.scenes import Scene

Status = Subscription.Status
Role = Membership.Role


@pytest.fixture
def page(shop: Merchant, member: User, browser: SignIn) -> tuple[Client, str]:
    return browser(member), f"/app/{shop.slug}/subscriptions"


def names_on(html: str) -> list[str]:
    return re.findall(r'<a class="who"[^>]*>(.*?)</a>', html)


def address(scene: Scene, tail: str = "") -> str:
    return f"/app/{scene.api.merchant.slug}/subscriptions/{scene.subscription['id']}{tail}"


def row(scene: Scene) -> Subscription:
    with scope(scene.api.merchant.id):
        return Subscription.objects.for_merchant(scene.api.merchant.id).get(id=scene.subscription["id"])


def token_on(html: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', html)
    assert found is not None
    return found[1]


# --- The list -------------------------------------------------------------------------------------------------------


def test_the_list_searches_filters_and_sorts(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    one, two, three = add_customers(shop, 3)
    subscribe(one, Status.ACTIVE)
    subscribe(two, Status.PAST_DUE)
    subscribe(three, Status.CANCELED)
    with scope(shop.id):
        rows = Subscription.objects.for_merchant(shop.id)
        rows.filter(customer=one).update(mrr=100, next_billing_at=START)
        rows.filter(customer=two).update(mrr=900, cancel_at_period_end=True, current_period_end=START)
    assert names_on(text_of(client.get(url))) == ["Person 002", "Person 001", "Person 000"]
    assert names_on(text_of(client.get(url, {"sort": "mrr"})))[0] == "Person 001"
    assert names_on(text_of(client.get(url, {"sort": "renews"}))) == ["Person 000"]
    assert names_on(text_of(client.get(url, {"status": "canceling"}))) == ["Person 001"]
    assert names_on(text_of(client.get(url, {"status": "canceled"}))) == ["Person 002"]
    for term in ("person 001", "PERSON-001@", "ext_001", two.stripe_id, f"sub_{two.stripe_id}_0"):
        assert names_on(text_of(client.get(url, {"q": term}))) == ["Person 001"]
    for odd in ({"cursor": "x"}, {"status": "y"}, {"sort": "z"}, {"product": "no-uuid"}, {"q": "a\x00%_\\"}):
        assert client.get(url, odd).status_code == 200
    assert_strict(client.get(url))


@pytest.mark.parametrize("sort", ["newest", "mrr"])
def test_pages_show_each_subscription_once(shop: Merchant, page: tuple[Client, str], sort: str) -> None:
    client, url = page
    for customer in add_customers(shop, 30):
        subscribe(customer, Status.ACTIVE)
    first = text_of(client.get(url, {"sort": sort}))
    cursor = re.search(r'cursor=([^&"]+)', first)
    assert cursor is not None
    second = text_of(client.get(url, {"sort": sort, "cursor": cursor[1]}))
    assert len({*names_on(first), *names_on(second)}) == 30


def test_the_list_can_be_narrowed_to_a_product(scene: Scene, browser: SignIn) -> None:
    other = scene.api.made("/products", {"name": "Other"})
    client, url = signed_in(browser, scene.api.merchant), f"/app/{scene.api.merchant.slug}/subscriptions"
    assert len(names_on(text_of(client.get(url, {"product": scene.product["id"]})))) == 1
    assert "No subscription matches" in text_of(client.get(url, {"product": other["id"]}))


def test_the_file_needs_the_permission(scene: Scene, browser: SignIn) -> None:
    url = f"/app/{scene.api.merchant.slug}/subscriptions?format=csv"
    assert signed_in(browser, scene.api.merchant).get(url).status_code == 403
    answer = signed_in(browser, scene.api.merchant, Role.DEVELOPER).get(url)
    content = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]  # a test client's answer may stream
    (line,) = csv.DictReader(io.StringIO(content))
    assert (line["plan"], line["price"], line["mrr"], line["currency"]) == ("Pro", "$49.00 / month", "49.00", "usd")


def test_the_empty_list_says_what_belongs_there(page: tuple[Client, str]) -> None:
    assert "No subscriptions yet" in text_of(page[0].get(page[1]))


def test_a_change_that_waits_is_told_with_its_price(scene: Scene, browser: SignIn) -> None:
    client = signed_in(browser, scene.api.merchant)
    assert "Changes on" not in text_of(client.get(address(scene)))
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/change", {"quantity": 3, "when": "renewal"})
    html = text_of(client.get(address(scene)))
    assert "Changes on" in html
    assert "to Pro, $49.00 / month × 3." in html


def test_the_number_of_statements_does_not_grow(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    fill(add_customers(shop, 1)[0], 1)
    with_one = statements(client, url)
    many = add_customers(shop, 1)[0]
    fill(many, 500)
    with scope(shop.id):
        rows = Subscription.objects.for_merchant(shop.id)
        few, full = (rows.filter(customer=one).order_by("id")[0].id for one in (rows[0].customer, many))
    assert with_one == statements(client, url) <= BUDGET
    assert statements(client, f"{url}?q=person&status=active&sort=mrr") <= BUDGET
    assert statements(client, f"{url}/{few}") == statements(client, f"{url}/{full}") <= BUDGET


# --- One subscription -----------------------------------------------------------------------------------------------


def test_the_page_tells_what_was_bought_and_what_happened(scene: Scene, browser: SignIn) -> None:
    client = signed_in(browser, scene.api.merchant)
    answer = client.get(address(scene))
    html = text_of(answer)
    for text in (
        "Pro",
        "$49.00 / month",
        "Version 1",
        "Subscribed to Pro",
        "Next payment",
        scene.subscription["stripe_id"],
    ):
        assert text in html
    assert "/cancel" not in html  # a viewer may not
    assert "/cancel" in text_of(signed_in(browser, scene.api.merchant, Role.ADMIN).get(address(scene)))
    assert "dashboard.stripe.com" not in html  # a simulator stands in
    assert_strict(answer)


def test_what_is_not_theirs_is_not_there(scene: Scene, browser: SignIn, outsider: User) -> None:
    client = signed_in(browser, scene.api.merchant, Role.OWNER)
    for tail in ("", "/cancel"):
        assert browser(outsider).get(address(scene, tail)).status_code == 404
        for wrong in (uuid7(), "x", scene.subscription["stripe_id"]):
            url = f"/app/{scene.api.merchant.slug}/subscriptions/{wrong}{tail}"
            assert client.get(url).status_code == 404
            assert client.post(url).status_code in ({404} if tail else {404, 405})


# --- Its end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER])
def test_only_who_may_change_billing_is_asked(scene: Scene, browser: SignIn, role: Membership.Role) -> None:
    client = signed_in(browser, scene.api.merchant, role)
    assert client.get(address(scene, "/cancel")).status_code == 403
    assert client.post(address(scene, "/cancel"), {"when": "now", "token": uuid7()}).status_code == 403
    assert row(scene).status == Status.ACTIVE


def test_the_question_tells_what_will_happen_and_within_its_budget(scene: Scene, browser: SignIn) -> None:
    client = signed_in(browser, scene.api.merchant, Role.ADMIN)
    html = text_of(client.get(address(scene, "/cancel")))
    assert 'value="period_end" checked' in html
    for text in ("1 Feb 2026", "$49.00 MRR ends on that day", "Nothing is refunded", "API calls, Single sign-on"):
        assert text in html
    assert statements(client, address(scene, "/cancel")) <= BUDGET
    assert row(scene).status == Status.ACTIVE


@pytest.mark.parametrize(
    ("when", "status", "message"),
    [("period_end", "active", "Pro is going to end"), ("now", "canceled", "Pro has ended")],
)
def test_canceling_is_done_once_though_the_form_comes_twice(
    scene: Scene, browser: SignIn, when: str, status: str, message: str
) -> None:
    client = signed_in(browser, scene.api.merchant, Role.ADMIN)
    form = {"when": when, "token": token_on(text_of(client.get(address(scene, "/cancel"))))}
    for _ in range(2):
        answer = client.post(address(scene, "/cancel"), form, follow=True)
        assert answer.redirect_chain == [(address(scene), 302)]
        assert message in text_of(answer)
    assert row(scene).status == status
    assert row(scene).cancel_at_period_end is (when == "period_end")
    with scope(scene.api.merchant.id):
        audited = AuditEntry.objects.filter(merchant=scene.api.merchant, action="subscription.canceled")
        assert [entry.details["when"] for entry in audited] == [when]


@pytest.mark.parametrize(
    "form", [{}, {"when": "never", "token": "x"}, {"when": "now"}, {"when": "now", "token": "\x00"}]
)
def test_a_form_that_is_none_of_ours_changes_nothing(scene: Scene, browser: SignIn, form: dict[str, str]) -> None:
    answer = signed_in(browser, scene.api.merchant, Role.ADMIN).post(address(scene, "/cancel"), form)
    assert answer.status_code == 400
    assert "Choose when the subscription is to end" in text_of(answer)
    assert row(scene).status == Status.ACTIVE


def test_what_has_ended_cannot_end_again(scene: Scene, browser: SignIn) -> None:
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": False})
    client = signed_in(browser, scene.api.merchant, Role.ADMIN)
    asked = client.get(address(scene, "/cancel"), follow=True)
    sent = client.post(address(scene, "/cancel"), {"when": "now", "token": uuid7()}, follow=True)
    for answer in (asked, sent):
        assert answer.status_code == 200
        assert "This subscription has ended already" in text_of(answer)


def test_what_is_about_to_end_can_only_end_now(scene: Scene, browser: SignIn) -> None:
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    html = text_of(signed_in(browser, scene.api.merchant, Role.ADMIN).get(address(scene, "/cancel")))
    assert 'value="period_end"' not in html
    assert 'value="now" checked' in html


def test_a_cancellation_can_be_taken_back_by_who_may(scene: Scene, browser: SignIn) -> None:
    admin, viewer = (signed_in(browser, scene.api.merchant, role) for role in (Role.ADMIN, Role.VIEWER))
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    assert viewer.post(address(scene, "/keep")).status_code == 403
    assert "Keep it after all" not in text_of(viewer.get(address(scene)))
    assert "Keep it after all" in text_of(admin.get(address(scene)))
    assert "Pro goes on for" in text_of(admin.post(address(scene, "/keep"), follow=True))
    assert row(scene).cancel_at_period_end is False
    assert "This subscription is not about to end" in text_of(admin.post(address(scene, "/keep"), follow=True))
    assert admin.get(address(scene, "/keep")).status_code == 405


def test_an_end_on_a_day_to_come_can_be_taken_back(scene: Scene, browser: SignIn) -> None:
    admin = signed_in(browser, scene.api.merchant, Role.ADMIN)
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at": "2026-01-20T00:00:00Z"})
    assert "Keep it after all" in text_of(admin.get(address(scene)))
    assert "Pro goes on for" in text_of(admin.post(address(scene, "/keep"), follow=True))
    assert row(scene).cancel_at is None


def test_without_stripe_nothing_changes_and_the_same_form_may_be_sent_again(
    scene: Scene, browser: SignIn, settings: Any
) -> None:
    from billingos.stripe_gateway.client import client as gateway_client

    client = signed_in(browser, scene.api.merchant, Role.ADMIN)
    token = token_on(text_of(client.get(address(scene, "/cancel"))))
    reachable, settings.STRIPE_API_BASE = settings.STRIPE_API_BASE, "http://127.0.0.1:9"
    gateway_client.cache_clear()
    answer = client.post(address(scene, "/cancel"), {"when": "now", "token": token})
    assert answer.status_code == 503
    assert "Stripe can’t be reached" in text_of(answer)
    assert token_on(text_of(answer)) == token
    assert row(scene).status == Status.ACTIVE
    settings.STRIPE_API_BASE = reachable
    gateway_client.cache_clear()
    client.post(address(scene, "/cancel"), {"when": "now", "token": token})
    assert row(scene).status == Status.CANCELED
