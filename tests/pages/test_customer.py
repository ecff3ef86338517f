"""One customer: subscriptions and story, access and why, invoices."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from billingos.common.ids import uuid7
from billingos.common.tenancy import scope
from billingos.merchants.models import Membership, Merchant, User
from billingos.merchants.services import add_member
from customers.models import Customer
from entitlements.models import Entitlement, Feature
from subscriptions.models import Invoice, Subscription, SubscriptionChange
from tests.factories import UserFactory, unique
from tests.pages.conftest import SignIn
from tests.pages.looking import BUDGET, START, add_customers, assert_strict, statements, subscribe, text_of
from tests.scenes import Scene

Status = Subscription.Status


def signed_in(browser: SignIn, merchant: Merchant, role: Membership.Role = Membership.Role.VIEWER) -> Client:
    user = UserFactory.create()
    add_member(merchant=merchant, user=user, role=role)
    return browser(user)


@pytest.fixture
def someone(shop: Merchant) -> Customer:
    return add_customers(shop, 1)[0]


@pytest.fixture
def client(shop: Merchant, member: User, browser: SignIn) -> Client:
    return browser(member)


def pages_of(customer: Customer, shop: Merchant) -> list[str]:
    url = f"/app/{shop.slug}/customers/{customer.id}"
    return [url, f"{url}/access", f"{url}/invoices"]


def fill(customer: Customer, count: int) -> None:
    """`count` subscriptions, changes, invoices, features with entitlements."""
    merchant_id = customer.merchant_id
    subscribe(customer, *[Status.ACTIVE] * count)
    known: dict[str, Any] = {"merchant_id": merchant_id, "customer": customer}
    with scope(merchant_id):
        first = Subscription.objects.for_merchant(merchant_id).filter(customer=customer).order_by("id")[0]
        Invoice.objects.bulk_create(
            Invoice(
                **known,
                subscription=first,
                stripe_id=unique("in_"),
                stripe_created_at=START + timedelta(hours=number),
                number=f"N-{number}",
                status="paid",
                currency="usd",
                **dict.fromkeys(("subtotal", "total", "amount_due", "amount_paid"), 100 + number),
                amount_remaining=0,
                period_start=START,
                period_end=START,
            )
            for number in range(count)
        )
        SubscriptionChange.objects.bulk_create(
            SubscriptionChange(
                merchant_id=merchant_id,
                subscription_stripe_id=first.stripe_id,
                customer_stripe_id=customer.stripe_id,
                event_id=unique("evt_"),
                at=START + timedelta(hours=number),
                status="active" if number % 2 else "past_due",
                currency="usd",
                mrr=100,
                position=0 if number == 0 else 1,
                payload={"object": {"status": "active" if number % 2 else "past_due"}, "previous_attributes": {}},
            )
            for number in range(count)
        )
        features = Feature.objects.bulk_create(
            Feature(
                merchant_id=merchant_id,
                stripe_id=unique("feat_"),
                stripe_created_at=START,
                lookup_key=unique("f"),
                name=f"Feature {number}",
                type="boolean",
            )
            for number in range(count)
        )
        Entitlement.objects.bulk_create(
            Entitlement(**known, feature=feature, source="subscription_item:si_x", granted_at=START)
            for feature in features
        )


def test_the_story_of_a_customer_reads_from_the_newest_back(scene: Scene, browser: SignIn) -> None:
    merchant = scene.api.merchant
    scene.advance(40)
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    scene.deliveries.flush()
    client = signed_in(browser, merchant)
    url = f"/app/{merchant.slug}/customers/{scene.customer['id']}"
    html = text_of(client.get(url))
    told = [
        html.index(text)
        for text in ("Pro is going to end on 1 Mar 2026", "Paid $49.00", "Subscribed to Pro", "Customer created")
    ]
    assert told == sorted(told)
    assert "Access to API calls and Single sign-on" in html
    assert "is about to leave" in html  # the open insight
    assert "$49.00 / month" in html
    assert "test clock" in html
    assert "10 Feb 2026" in html
    assert scene.customer["stripe_id"] in html
    assert_strict(client.get(url))


def test_access_says_what_is_left_and_why(scene: Scene, browser: SignIn) -> None:
    merchant = scene.api.merchant
    usage = {"customer_id": scene.customer["id"], "meter": "api_calls", "event_id": unique("e"), "value": 250}
    scene.api.made("/usage/track", usage)
    scene.api.made("/features", {"lookup_key": "audit", "name": "Audit log"})
    client = signed_in(browser, merchant)
    url = f"/app/{merchant.slug}/customers/{scene.customer['id']}/access"
    html = text_of(client.get(url))
    assert "250 of 1,000" in html
    assert "Resets" in html
    assert "1 Feb 2026" in html
    assert html.count('">Pro</a>') == 2
    assert "No subscription of theirs includes it" in html
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": False})
    scene.deliveries.flush()
    html = text_of(client.get(url))
    assert "with the subscription to Pro" in html
    assert html.count('<span class="badge">Off</span>') == 3


def test_invoices_are_listed_narrowed_and_taken_away(scene: Scene, browser: SignIn) -> None:
    merchant = scene.api.merchant
    url = f"/app/{merchant.slug}/customers/{scene.customer['id']}/invoices"
    viewer, developer = signed_in(browser, merchant), signed_in(browser, merchant, Membership.Role.DEVELOPER)
    assert "$49.00" in text_of(viewer.get(url))
    assert "No invoice in this state" in text_of(viewer.get(url, {"status": "void"}))
    assert viewer.get(url, {"format": "csv"}).status_code == 403
    answer = developer.get(url, {"format": "csv"})
    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()  # type: ignore[attr-defined]  # a test client's answer may stream
    assert len(lines) == 2
    assert ",49.00," in lines[1]


def test_who_has_nothing_has_pages_that_say_so(shop: Merchant, someone: Customer, client: Client) -> None:
    overview, access, invoices = (text_of(client.get(url)) for url in pages_of(someone, shop))
    assert "has never subscribed" in overview
    assert "Customer created" in overview
    assert "No product of yours includes a feature yet" in access
    assert "No invoices yet" in invoices


def test_who_has_no_name_is_called_by_what_is_known(shop: Merchant, client: Client) -> None:
    nameless = add_customers(shop, 1, name="", email="", external_id=None)[0]
    long = add_customers(shop, 1, name="Ω" * 250 + "<b>")[0]
    assert f"<h1>{nameless.stripe_id}</h1>" in text_of(client.get(pages_of(nameless, shop)[0]))
    assert "<b>" not in text_of(client.get(pages_of(long, shop)[0]))


def test_several_currencies_stand_side_by_side(shop: Merchant, someone: Customer, client: Client) -> None:
    subscribe(someone, Status.ACTIVE, Status.ACTIVE)
    with scope(shop.id):
        rows = Subscription.objects.for_merchant(shop.id).filter(customer=someone)
        rows.update(mrr=7900)
        rows.filter(stripe_id__endswith="_1").update(currency="jpy", mrr=1200)
    html = text_of(client.get(pages_of(someone, shop)[0]))
    assert "$79.00<br>¥1,200" in html
    listed = text_of(client.get(f"/app/{shop.slug}/customers"))
    assert "$79.00" in listed
    assert "¥1,200" in listed


def test_others_and_what_is_deleted_are_not_there(
    shop: Merchant, someone: Customer, client: Client, outsider: User, browser: SignIn
) -> None:
    for url in pages_of(someone, shop):
        assert browser(outsider).get(url).status_code == 404
        assert Client().get(url).status_code == 302
        assert client.post(url).status_code == 405
    gone = add_customers(shop, 1, deleted_at=timezone.now())[0]
    subscribe(gone, Status.CANCELED)
    stranger = Customer(id=uuid7())
    for nobody in (gone, stranger):
        assert {client.get(url).status_code for url in pages_of(nobody, shop)} == {404}
    assert client.get(f"/app/{shop.slug}/customers/no-uuid").status_code == 404
    assert client.get(f"/app/{shop.slug}/customers/cus_1/access").status_code == 404


@pytest.mark.parametrize("before", ["x", "2026-01-01", "2026-13-45T00:00:00Z", "9" * 300])
def test_an_instant_that_is_none_shows_the_newest(
    shop: Merchant, someone: Customer, client: Client, before: str
) -> None:
    answer = client.get(pages_of(someone, shop)[0], {"before": before})
    assert answer.status_code == 200
    assert "Customer created" in text_of(answer)


def test_the_ends_of_time_have_pages(shop: Merchant, someone: Customer, client: Client) -> None:
    for before in ("0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "2026-01-01T00:00:00\x00Z"):
        assert client.get(pages_of(someone, shop)[0], {"before": before}).status_code == 200


def test_a_long_story_is_told_page_by_page_and_nothing_twice(shop: Merchant, someone: Customer, client: Client) -> None:
    fill(someone, 130)
    url, seen = pages_of(someone, shop)[0], []
    query: dict[str, str] = {}
    for _ in range(30):
        html = text_of(client.get(url, query))
        seen += [part.split("<")[0].rstrip(")") for part in re.split(r"[iI]nvoice N-", html)[1:]]
        if "Show what is older" not in html:
            break
        query = {"before": html.split('href="?before=')[1].split("#")[0].replace("%3A", ":").replace("%2B", "+")}
    assert sorted(seen, key=int) == [str(number) for number in range(130)]
    assert "Customer created" in html


def test_the_number_of_statements_does_not_grow(shop: Merchant, someone: Customer, client: Client) -> None:
    fill(someone, 1)
    with_one = [statements(client, url) for url in pages_of(someone, shop)]
    fill(add_customers(shop, 1)[0], 1)
    other = add_customers(shop, 1)[0]
    fill(other, 500)
    with_many = [statements(client, url) for url in pages_of(other, shop)]
    assert with_one == with_many
    assert max(with_many) <= BUDGET
    for url in pages_of(other, shop):
        assert_strict(client.get(url))
