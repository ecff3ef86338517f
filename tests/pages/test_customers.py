"""The merchant's customers, page by page."""

import base64
import csv
import io
import json
import re
from html import unescape

import pytest
from django.test import Client

from billingos.common.ids import uuid7
from billingos.merchants.models import Membership, Merchant, User
from billingos.merchants.services import add_member, set_merchant_status
from subscriptions.models import Subscription
from tests.factories import MerchantFactory, UserFactory
from tests.pages.conftest import SignIn
from tests.pages.looking import BUDGET, add_customers, assert_strict, statements, subscribe, text_of

Status = Subscription.Status


@pytest.fixture
def page(shop: Merchant, member: User, browser: SignIn) -> tuple[Client, str]:
    return browser(member), f"/app/{shop.slug}/customers"


def names_on(html: str) -> list[str]:
    return re.findall(r'<a class="who"[^>]*>(.*?)</a>', html)


def link(html: str, text: str) -> str:
    found = re.search(rf'<a class="button"[^>]*href="([^"]*)">{text}</a>', html)
    assert found is not None
    return unescape(found[1])


def test_a_member_sees_the_customers_of_their_merchant_only(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_customers(shop, 2)
    add_customers(MerchantFactory.create(), 1, name="Stranger")
    html = text_of(client.get(url))
    assert names_on(html) == ["Person 001", "Person 000"]
    assert "person-001@example.com" in html
    assert "ext_001" in html
    assert "2 Jan 2026" in html
    assert "Stranger" not in html


def test_for_outsiders_the_page_does_not_exist(shop: Merchant, outsider: User, browser: SignIn) -> None:
    theirs = browser(outsider).get(f"/app/{shop.slug}/customers")
    nobodys = browser(outsider).get("/app/no-such-shop/customers")
    assert theirs.status_code == nobodys.status_code == 404
    assert shop.name not in text_of(theirs)
    assert_strict(theirs)


def test_nobody_is_sent_to_sign_in(shop: Merchant) -> None:
    url = f"/app/{shop.slug}/customers"
    answer = Client().get(url)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/accounts/login/?next={url}")
    assert Client().get("/").headers["Location"] == "/accounts/login/"


def test_a_search_whose_session_has_ended_reloads_the_whole_page(shop: Merchant) -> None:
    answer = Client().get(f"/app/{shop.slug}/customers", headers={"HX-Request": "true"})
    assert answer.headers["HX-Refresh"] == "true"


def test_of_a_suspended_merchant_there_are_no_pages(
    shop: Merchant, staff: User, member: User, page: tuple[Client, str]
) -> None:
    client, url = page
    set_merchant_status(merchant_id=shop.id, status=Merchant.Status.SUSPENDED, by=staff)
    assert client.get(url).status_code == 404
    chosen = client.get("/app/")
    assert chosen.status_code == 200
    assert "Suspended" in text_of(chosen)
    assert url not in text_of(chosen)


def test_whoever_works_for_several_chooses(browser: SignIn, shop: Merchant, member: User) -> None:
    other = MerchantFactory.create()
    add_member(merchant=other, user=member, role=Membership.Role.ADMIN)
    html = text_of(browser(member).get("/app/"))
    assert f'href="/app/{shop.slug}/home"' in html
    assert f'href="/app/{other.slug}/home"' in html


@pytest.mark.parametrize("term", ["person 007", "PERSON-007@", "ext_007"])
def test_search_finds_by_name_email_and_external_id(shop: Merchant, page: tuple[Client, str], term: str) -> None:
    client, url = page
    add_customers(shop, 12)
    assert names_on(text_of(client.get(url, {"q": term}))) == ["Person 007"]


def test_a_search_without_a_match_says_so(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_customers(shop, 1)
    html = text_of(client.get(url, {"q": '"><script>alert(1)</script>'}))
    assert "No customer matches" in html
    assert "<script>alert" not in html
    assert link(html, "Show all customers") == url


def test_search_takes_signs_literally(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_customers(shop, 3)
    for term in ("%", "_erson", "\\"):
        assert names_on(text_of(client.get(url, {"q": term}))) == []
    assert client.get(url + "?q=a%00b").status_code == 200


def test_links_lead_through_all_pages_and_keep_the_search(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_customers(shop, 60)
    add_customers(shop, 1, name="Somebody else", email="", external_id=None)
    html, seen = text_of(client.get(url, {"q": "person"})), []
    while True:
        seen += names_on(html)
        if ">Next page<" not in html:
            break
        html = text_of(client.get(url + link(html, "Next page")))
    assert seen == [f"Person {number:03}" for number in reversed(range(60))]
    assert names_on(text_of(client.get(url + link(html, "First page"))))[0] == "Person 059"
    assert 'value="person"' in html


def test_a_cursor_that_no_page_gave_shows_the_first_page(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_customers(shop, 1)
    foreign = base64.urlsafe_b64encode(json.dumps([{"at": "2026-01-01"}, str(uuid7())]).encode()).decode()
    for cursor in ("x", "é", "A" * 500, foreign):
        answer = client.get(url, {"cursor": cursor, "sort": "name"})
        assert answer.status_code == 200
        assert "There are no more" in text_of(answer) or names_on(text_of(answer)) == ["Person 000"]


def test_sorted_by_name_each_customer_comes_once_though_names_repeat(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_customers(shop, 30, name="Same name")
    add_customers(shop, 2, name="Another name")
    first = text_of(client.get(url, {"sort": "name"}))
    second = text_of(client.get(url + link(first, "Next page")))
    assert names_on(first)[:2] == ["Another name"] * 2
    assert len(names_on(first) + names_on(second)) == 32


def test_only_customers_in_the_chosen_state_are_shown(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    one, two, _ = add_customers(shop, 3)
    subscribe(one, Status.PAST_DUE)
    subscribe(two, Status.ACTIVE)
    assert names_on(text_of(client.get(url, {"status": "past_due"}))) == ["Person 000"]
    assert names_on(text_of(client.get(url, {"status": "none"}))) == ["Person 002"]
    assert len(names_on(text_of(client.get(url, {"status": "no such state"})))) == 3


def test_the_file_holds_every_match_and_runs_no_formula(
    shop: Merchant, page: tuple[Client, str], browser: SignIn
) -> None:
    viewer, url = page
    assert viewer.get(url, {"format": "csv"}).status_code == 403
    developer = UserFactory.create()
    add_member(merchant=shop, user=developer, role=Membership.Role.DEVELOPER)
    add_customers(shop, 30)
    add_customers(shop, 1, name="=1+1", email="")
    add_customers(MerchantFactory.create(), 1, name="Stranger")
    answer = browser(developer).get(url, {"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined]  # a test client's answer may stream
    assert answer.headers["Content-Disposition"] == 'attachment; filename="customers.csv"'
    assert len(rows) == 31
    assert rows[0]["name"] == "'=1+1"
    assert "Stranger" not in str(rows)


def test_the_empty_page_teaches_the_first_customer(page: tuple[Client, str]) -> None:
    client, url = page
    html = text_of(client.get(url))
    assert "Create your first customer" in html
    assert "curl http://127.0.0.1:8000/api/customers" in html
    assert 'role="search"' not in html


@pytest.mark.parametrize(
    ("statuses", "shown"),
    [
        ([], ["None"]),
        ([Status.ACTIVE], ["Active"]),
        ([Status.ACTIVE, Status.PAST_DUE], ["Past due", "Active"]),
        ([Status.CANCELED, Status.TRIALING], ["Trialing"]),
        ([Status.INCOMPLETE_EXPIRED, Status.CANCELED], ["Canceled"]),
    ],
)
def test_what_is_urgent_comes_first_and_what_has_ended_last(
    shop: Merchant, page: tuple[Client, str], statuses: list[Subscription.Status], shown: list[str]
) -> None:
    client, url = page
    subscribe(add_customers(shop, 1)[0], *statuses)
    html = text_of(client.get(url))
    assert re.findall(r'class="(?:badge is-\w+|muted)">(.*?)</span>', html) == shown


def test_the_number_of_statements_does_not_grow(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    subscribe(add_customers(shop, 1)[0], Status.ACTIVE)
    with_one = statements(client, url)
    for customer in add_customers(shop, 499)[-60:]:
        subscribe(customer, Status.ACTIVE, Status.PAST_DUE)
    with_many = statements(client, url)
    assert with_one == with_many <= BUDGET
    assert statements(client, f"{url}?q=person") <= BUDGET


def test_the_page_is_strict_and_for_nobodys_cache(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    assert_strict(client.get(url))
    add_customers(shop, 30)
    assert_strict(client.get(url))
    assert "Cookie" in client.get(url).headers["Vary"]


def test_choosing_stays_within_its_budget(browser: SignIn, committed_db: None) -> None:
    user = UserFactory.create()
    for _ in range(15):
        MerchantFactory.create(owner=user)
    assert statements(browser(user), "/app/") <= BUDGET
