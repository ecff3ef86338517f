"""The page that a merchant opens first."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.dashboard import progress
from billingos.merchants.models import Membership, Merchant, User
from billingos.merchants.services import add_member
from billingos.webhooks.models import WebhookEvent
from customers.models import Customer
from subscriptions.models import Invoice, Subscription
from tests.factories import MerchantFactory, UserFactory, unique
from tests.pages.conftest import SignIn
from tests.pages.filling import add_history, add_insights
from tests.pages.looking import BUDGET, START, add_customers, assert_strict, statements, subscribe, text_of

DAY = timedelta(days=1)


@pytest.fixture
def page(shop: Merchant, member: User, browser: SignIn) -> tuple[Client, str]:
    return browser(member), f"/app/{shop.slug}/home"


def figure(html: str, label: str) -> tuple[str, str]:
    """Value and note of a metric card."""
    found = re.search(rf">{label}<.*?<strong[^>]*>(.*?)</strong>\s*<span[^>]*>(.*?)</span>", html, re.DOTALL)
    assert found is not None, label
    return found[1], found[2]


def add_open_invoice(customer: Customer, amount: int) -> None:
    with scope(customer.merchant_id):
        Invoice.objects.create(
            merchant_id=customer.merchant_id,
            customer=customer,
            subscription=Subscription.objects.for_merchant(customer.merchant_id).get(customer=customer),
            stripe_id=unique("in_"),
            stripe_created_at=START,
            status="open",
            currency="usd",
            subtotal=amount,
            total=amount,
            amount_due=amount,
            amount_paid=0,
            amount_remaining=amount,
            attempt_count=1,
            period_start=START,
            period_end=START + 30 * DAY,
        )


def test_whoever_works_for_one_business_begins_at_its_home(page: tuple[Client, str]) -> None:
    client, url = page
    assert client.get("/app/").headers["Location"] == url


@pytest.mark.parametrize("role", Membership.Role.values)
def test_every_role_sees_it_and_outsiders_do_not(
    shop: Merchant, outsider: User, browser: SignIn, role: Membership.Role
) -> None:
    user = UserFactory.create()
    add_member(merchant=shop, user=user, role=role)
    assert browser(user).get(f"/app/{shop.slug}/home").status_code == 200
    assert browser(outsider).get(f"/app/{shop.slug}/home").status_code == 404
    assert Client().get(f"/app/{shop.slug}/home").status_code == 302


def test_without_history_it_teaches_the_first_subscription(page: tuple[Client, str]) -> None:
    client, url = page
    answer = client.get(url)
    assert_strict(answer)
    assert "No revenue yet" in text_of(answer)
    assert "/api/subscriptions" in text_of(answer)
    assert 'class="metrics"' not in text_of(answer)


def test_figures_and_names_of_what_changed(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    stays, leaves, comes, owes = add_customers(shop, 4)
    now = timezone.now()
    add_history(shop, stays.stripe_id, (now - 300 * DAY, 10_000))
    add_history(shop, leaves.stripe_id, (now - 200 * DAY, 4_900), (now - 3 * DAY, 0))
    add_history(shop, comes.stripe_id, (now - 2 * DAY, 7_900))
    subscribe(stays, Subscription.Status.ACTIVE, Subscription.Status.TRIALING)
    subscribe(owes, Subscription.Status.PAST_DUE)
    add_open_invoice(owes, 2_500)
    add_history(MerchantFactory.create(), stays.stripe_id, (now - DAY, 99_900))
    answer = client.get(url)
    assert_strict(answer)
    html = text_of(answer)
    assert figure(html, "MRR") == ("$179.00", "+$30.00 in 30 days")
    assert figure(html, "Active subscriptions") == ("1", "2 paying customers")
    assert figure(html, "Trials")[0] == "1"
    assert figure(html, "Churned in 30 days") == ("1", "$49.00 of MRR")
    assert figure(html, "Past due") == ("1", "$25.00 to recover")
    movements = re.findall(
        r'<span class="name"><a [^>]*>(.*?)</a></span>.*?<span class="number">(.*?)</span>', html, re.DOTALL
    )
    assert movements == [("Person 002", "+$79.00"), ("Person 001", "\N{MINUS SIGN}$49.00")]
    assert "/docs/metrics#what-changed" in html


def test_the_range_is_chosen_by_link_and_nonsense_is_the_default(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_history(shop, "cus_1", (timezone.now() - 400 * DAY, 4_900))
    for asked, points in (("30d", 31), ("90d", 91), ("12m", 53), ("", 53), ("x\x00y", 53)):
        html = text_of(client.get(url, {"range": asked, "currency": "'--"}))
        assert html.count('<span class="slot">') == points, asked


def test_the_line_begins_where_something_is_known(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_history(shop, "cus_1", (timezone.now() - 9 * DAY, 4_900))
    assert text_of(client.get(url, {"range": "30d"})).count('<span class="slot">') == 10


def test_on_the_first_day_there_is_no_line_yet(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_history(shop, "cus_1", (timezone.now(), 4_900))
    assert "the line needs a second day" in text_of(client.get(url))


def test_where_test_clocks_are_ahead_the_line_ends_there_and_says_so(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    ahead = timezone.now() + 100 * DAY
    add_history(shop, "cus_1", (timezone.now() - 9 * DAY, 4_900), (ahead, 9_900))
    html = text_of(client.get(url))
    assert figure(html, "MRR") == ("$99.00", "+$50.00 in 30 days")
    assert "it lies ahead of today" in html
    assert f"{ahead.astimezone(UTC):%-d %b %Y}" in html


def test_currencies_are_never_added_up(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    then = timezone.now() - 10 * DAY
    add_history(shop, "cus_1", (then, 4_900))
    add_history(shop, "cus_2", (then, 9_900), currency="eur")
    assert figure(text_of(client.get(url)), "MRR")[0] == "$49.00"
    html = text_of(client.get(url, {"currency": "eur"}))
    assert figure(html, "MRR")[0] == "€99.00"
    assert "currencies are never added up" in html


def test_a_merchant_with_history_in_one_other_currency_sees_that_one(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_history(shop, "cus_2", (timezone.now() - 10 * DAY, 9_900), currency="eur")
    assert figure(text_of(client.get(url)), "MRR")[0] == "€99.00"


def test_the_most_severe_alerts_come_first(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    customer = add_customers(shop, 1)[0]
    add_insights(customer, 1, title="Bad", severity="critical")
    add_insights(customer, 6, severity="info", kind="cancellation_pending")
    add_insights(customer, 1, title="Done with", status="dismissed")
    html = text_of(client.get(url))
    titles = re.findall(r'<a class="what"[^>]*>(.*?)</a>', html)
    assert titles == ["Bad", "Insight 005", "Insight 004", "Insight 003", "Insight 002"]
    assert "See all" in html


def test_events_that_could_not_be_applied_are_told(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    with scope(shop.id):
        WebhookEvent.objects.create(
            merchant=shop,
            livemode=False,
            account=shop.stripe_account_id,
            stripe_event_id=unique("evt_"),
            type="invoice.paid",
            status="failed",
            payload={},
            created=START,
            next_attempt_at=START,
            received_at=START,
        )
    assert "1 event from Stripe could not be applied" in text_of(client.get(url))


@pytest.fixture
def at_work() -> Iterator[None]:
    """The history is being written, and has come to 1 June 2026."""
    known = datetime(2026, 6, 1, tzinfo=UTC)
    before = list(progress._readers)
    progress.tell_progress(lambda merchant: progress.Progress("The demo is playing a year.", 40, known))
    yield
    progress._readers[:] = before


def test_while_history_is_being_written_the_line_ends_where_it_has_come_to(
    shop: Merchant, page: tuple[Client, str], at_work: None
) -> None:
    client, url = page
    add_history(shop, "cus_1", (datetime(2026, 1, 1, tzinfo=UTC), 4_900))
    answer = client.get(url)
    assert_strict(answer)
    html = text_of(answer)
    assert 'value="40"' in html
    assert "The demo is playing a year." in html
    assert "up to <time" in html
    assert "1 Jun 2026" in html
    assert "23 Nov" not in html


def test_names_are_shown_as_text(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    customer = add_customers(shop, 1, name="<script>alert(1)</script>")[0]
    add_history(shop, customer.stripe_id, (timezone.now() - DAY, 4_900))
    add_insights(customer, 1, title="<b>x", body="<i>y")
    answer = client.get(url)
    assert_strict(answer)
    assert "<script>alert" not in text_of(answer)
    assert "<b>x" not in text_of(answer)


def test_the_page_takes_as_many_statements_for_500_as_for_one(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    now = timezone.now()
    first = add_customers(shop, 1)[0]
    add_history(shop, first.stripe_id, (now - 40 * DAY, 4_900))
    add_insights(first, 1)
    one = statements(client, url)
    for number, customer in enumerate(add_customers(shop, 499)):
        add_history(shop, customer.stripe_id, (now - 40 * DAY, 4_900), (now - DAY, 1_000 * (number % 9)))
    add_insights(first, 30)
    assert statements(client, url) == one <= BUDGET
