"""Meters and what they have counted."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.merchants.models import Membership, Merchant, User
from billingos.merchants.services import add_member
from customers.models import Customer, TestClock
from entitlements.models import Entitlement, Feature
from tests.factories import MerchantFactory, UserFactory, unique
from tests.pages.conftest import SignIn
from tests.pages.filling import add_events, add_meters
from tests.pages.looking import BUDGET, START, add_customers, assert_strict, statements, text_of
from usage.models import Meter
from usage.selectors import events

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def page(shop: Merchant, member: User, browser: SignIn) -> tuple[Client, str]:
    return browser(member), f"/app/{shop.slug}/usage"


def grant(customer: Customer, meter: Meter, limit: int | None) -> None:
    with scope(customer.merchant_id):
        feature = Feature.objects.create(
            merchant_id=customer.merchant_id,
            lookup_key=unique("f_"),
            name="F",
            type=Feature.Type.LIMIT,
            meter=meter,
            stripe_id=unique("feat_"),
            stripe_created_at=START,
        )
        Entitlement.objects.create(
            merchant_id=customer.merchant_id,
            customer=customer,
            feature=feature,
            source="subscription_item:si_1",
            limit=limit,
            granted_at=START,
        )


def amounts(html: str) -> list[tuple[str, str]]:
    """Name and amount of each bar of use."""
    names = [
        re.sub(r"<[^>]+>", "", name)
        for name in re.findall(r'<span class="name">(.*?)</span>\s*<span class="amount', html)
    ]
    return list(zip(names, re.findall(r'<span class="amount number">(.*?)</span>', html), strict=True))


@pytest.mark.parametrize("role", Membership.Role.values)
def test_every_role_sees_the_merchants_own_meters_only(
    shop: Merchant, outsider: User, browser: SignIn, role: Membership.Role
) -> None:
    mine = add_meters(shop, 1)[0]
    theirs = add_meters(MerchantFactory.create(), 1, name="Stranger")[0]
    user = UserFactory.create()
    add_member(merchant=shop, user=user, role=role)
    client, url = browser(user), f"/app/{shop.slug}/usage"
    for address in (url, f"{url}/{mine.id}"):
        answer = client.get(address)
        assert_strict(answer)
        assert "Meter 000" in text_of(answer)
        assert "Stranger" not in text_of(answer)
        assert browser(outsider).get(address).status_code == 404
        assert Client().get(address).status_code == 302
        assert client.post(address).status_code == 405
    assert client.get(f"{url}/{theirs.id}").status_code == 404
    assert client.get(f"{url}/no%00such").status_code == 404


def test_the_list_shows_what_this_month_has_counted(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    summed, counted = add_meters(shop, 1)[0], add_meters(shop, 1, key="counted", name="Counted", aggregation="count")[0]
    customer = add_customers(shop, 1)[0]
    now = timezone.now()
    for meter in (summed, counted):
        add_events(meter, customer, (now, 1200), (now, 34), (now.replace(day=1) - 2 * DAY, 99_999))
    html = text_of(client.get(url))
    assert re.findall(r"</span>([\d,]+)</td>", html) == ["2", "1,234"]  # by name: Counted, Meter 000
    assert html.count('class="spark"') == 2


def test_bars_by_day_with_their_weekday_and_the_total(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    meter = add_meters(shop, 1)[0]
    customer = add_customers(shop, 1)[0]
    now = timezone.now()
    add_events(meter, customer, (now, 3), (now - HOUR / 60, 4), (now - 60 * DAY, 5), (now - 120 * DAY, 6))
    html = text_of(client.get(f"{url}/{meter.id}"))
    assert html.count('<span class="slot">') == 30
    assert '<strong class="number">7</strong> in 30 days' in html
    assert f"{now.astimezone(UTC):%a %-d %b %Y}" in html
    longer = text_of(client.get(f"{url}/{meter.id}", {"days": "90"}))
    assert longer.count('<span class="slot">') == 90
    assert '<strong class="number">12</strong> in 90 days' in longer
    assert text_of(client.get(f"{url}/{meter.id}", {"days": "9999"})).count('<span class="slot">') == 30


def test_fractions_are_not_lost(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    meter = add_meters(shop, 1)[0]
    add_events(meter, add_customers(shop, 1)[0], (timezone.now(), "0.25"))
    html = text_of(client.get(f"{url}/{meter.id}"))
    assert '<strong class="number">0.25</strong>' in html
    assert max(float(height) for height in re.findall(r'height="([\d.]+)"/>', html)) > 100


def test_who_uses_most_with_the_limit_that_runs_out_first(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    meter, other = add_meters(shop, 2)
    small, large, free = add_customers(shop, 3)
    now = timezone.now()
    add_events(meter, small, (now, 90))
    add_events(meter, large, (now, 500), (now.replace(day=1) - 2 * DAY, 9_000))
    add_events(meter, free, (now, 5))
    for limit in (100, 80, None):
        grant(small, meter, limit)
    grant(large, other, 3)
    grant(free, meter, None)
    html = text_of(client.get(f"{url}/{meter.id}"))
    assert amounts(html) == [
        ("Person 001", "500 used, no limit"),
        ("Person 000", "90 of 80"),
        ("Person 002", "5 used, no limit"),
    ]


def test_on_a_test_clock_the_period_is_that_of_the_clock(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    meter = add_meters(shop, 1)[0]
    with scope(shop.id):
        clock = TestClock.objects.create(
            merchant=shop, stripe_id="clock_1", stripe_created_at=START, frozen_at=START + 5 * DAY, status="ready"
        )
    past = add_customers(shop, 1, test_clock=clock)[0]
    add_events(meter, past, (START + DAY, 7))
    assert amounts(text_of(client.get(f"{url}/{meter.id}"))) == [("Person 000", "7 used, no limit")]


def test_where_test_clocks_are_ahead_the_days_go_on_until_there(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    meter = add_meters(shop, 1)[0]
    ahead = timezone.now() + 40 * DAY
    add_events(meter, add_customers(shop, 1)[0], (ahead, 7))
    assert '<strong class="number">7</strong> in 30 days' in text_of(client.get(f"{url}/{meter.id}"))
    assert f"{ahead.astimezone(UTC):%B} so far" in text_of(client.get(url))


def test_events_are_shown_newest_first_page_by_page(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    meter = add_meters(shop, 1)[0]
    customer = add_customers(shop, 1)[0]
    now = timezone.now().replace(microsecond=5)
    add_events(meter, customer, *((now - number // 2 * HOUR / 4, number) for number in range(60)))
    seen: list[str] = []
    address = f"{url}/{meter.id}"
    for shown in (25, 25, 10):
        html = text_of(client.get(address))
        rows = html.split("<tbody>")[-1]
        values = re.findall(r'<td class="is-end number">(\d+)</td>', rows)
        assert len(values) == shown
        seen += values
        following = re.search(r'rel="next" href="([^"]+)"', html)
        address = f"{url}/{meter.id}{following[1]}" if following else ""
    assert sorted(seen, key=int) == [str(number) for number in range(60)]
    assert [int(value) // 2 for value in seen] == sorted(int(value) // 2 for value in seen)
    assert address == ""


def test_following_is_asked_for_and_renews_the_events_alone(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    meter = add_meters(shop, 1)[0]
    add_events(meter, add_customers(shop, 1)[0], (timezone.now(), 7))
    assert "every 5s" not in text_of(client.get(f"{url}/{meter.id}"))
    live = text_of(client.get(f"{url}/{meter.id}", {"live": "1"}))
    assert 'hx-trigger="every 5s"' in live
    part = text_of(
        client.get(f"{url}/{meter.id}", {"live": "1"}, headers={"HX-Request": "true", "HX-Target": "events"})
    )
    assert part.lstrip().startswith('<section class="card" id="events"')
    assert 'hx-trigger="every 5s"' in part
    assert "<h1>" not in part


def test_strange_addresses_show_the_page(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    meter = add_meters(shop, 1)[0]
    add_events(meter, add_customers(shop, 1, name="<script>alert(1)</script>")[0], (timezone.now(), 7))
    for query in ("?cursor=x", "?cursor=W251bGwsIng", "?days=%00", "?q=%00%25", "?sort='"):
        for address in (url, f"{url}/{meter.id}"):
            answer = client.get(address + query)
            assert answer.status_code == 200
            assert "<script>alert" not in text_of(answer)
    assert "No meter matches" in text_of(client.get(url, {"q": "%"}))


def test_the_empty_pages_teach(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    assert "Create your first meter" in text_of(client.get(url))
    meter = add_meters(shop, 1)[0]
    html = text_of(client.get(f"{url}/{meter.id}"))
    assert "/api/usage/track" in html
    assert "Nobody has used it" in html


def test_only_the_partitions_of_the_range_are_opened(shop: Merchant) -> None:
    meter = add_meters(shop, 1)[0]
    customer = add_customers(shop, 1)[0]
    add_events(meter, customer, *((datetime(2026, month, 5, tzinfo=UTC), 1) for month in range(1, 7)))
    with scope(shop.id), connection.cursor() as cursor:
        rows = events(shop.id, meter, start=datetime(2026, 5, 10, tzinfo=UTC))
        sql, params = rows.query.sql_with_params()
        cursor.execute(f"EXPLAIN {sql}", params)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    opened = set(re.findall(r"usage_records_(\d{4}_\d{2})", plan))
    assert {"2026_05", "2026_06"} <= opened
    assert min(opened) == "2026_05"


def test_the_pages_take_as_many_statements_for_500_as_for_one(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    meter = add_meters(shop, 1)[0]
    first = add_customers(shop, 1)[0]
    now = timezone.now()
    add_events(meter, first, (now, 7))
    grant(first, meter, 10)
    lists, details = statements(client, url), statements(client, f"{url}/{meter.id}")
    for number in range(1, 500):
        add_meters(shop, 1, key=f"more_{number}")
    for number, customer in enumerate(add_customers(shop, 499)):
        add_events(meter, customer, (now - number * HOUR / 60, number))
    assert statements(client, url) == lists <= BUDGET
    assert statements(client, f"{url}/{meter.id}") == details <= BUDGET
