"""The merchant's products: list and detail."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from billingos.common.ids import uuid7
from billingos.common.tenancy import scope
from billingos.dashboard.prices import price_words, tier_texts
from billingos.merchants.models import Membership, Merchant, User
from billingos.merchants.services import add_member
from subscriptions.models import Price, Product, ProductVersion
from tests.factories import MerchantFactory, UserFactory
from tests.pages.conftest import SignIn
from tests.pages.filling import add_price, add_products, subscribe_to
from tests.pages.looking import BUDGET, add_customers, assert_strict, statements, text_of


@pytest.fixture
def page(shop: Merchant, member: User, browser: SignIn) -> tuple[Client, str]:
    return browser(member), f"/app/{shop.slug}/products"


def names_on(html: str) -> list[str]:
    return re.findall(r'<a class="who"[^>]*>(.*?)</a>', html)


def price_of(product: Product) -> Price:
    with scope(product.merchant_id):
        return Price.objects.for_merchant(product.merchant_id).select_related("version").get(version__product=product)


def cells(html: str) -> list[str]:
    """The cells of the first row as text."""
    row = html.split("<tbody>")[1].split("</tr>")[0]
    return [
        " ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<td.*?</td>", row, flags=re.DOTALL)
    ]


@pytest.mark.parametrize("role", Membership.Role.values)
def test_every_role_sees_the_merchants_own_products_only(
    shop: Merchant, outsider: User, browser: SignIn, role: Membership.Role
) -> None:
    mine, theirs = add_products(shop, 1)[0], add_products(MerchantFactory.create(), 1, name="Stranger")[0]
    user = UserFactory.create()
    add_member(merchant=shop, user=user, role=role)
    url = f"/app/{shop.slug}/products"
    client = browser(user)
    for address in (url, f"{url}/{mine.id}"):
        answer = client.get(address)
        assert_strict(answer)
        assert "Product 000" in text_of(answer)
        assert "Stranger" not in text_of(answer)
        assert browser(outsider).get(address).status_code == 404
        assert Client().get(address).status_code == 302
        assert client.post(address).status_code == 405
    assert client.get(f"{url}/{theirs.id}").status_code == 404
    assert client.get(f"{url}/{uuid7()}").status_code == 404
    assert client.get(f"{url}/not-an-id").status_code == 404


def test_a_row_says_what_it_costs_and_what_it_brings(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    product = add_products(shop, 1)[0]
    monthly = price_of(product)
    yearly = add_price(monthly.version, unit_amount=50_000, interval="year")
    add_price(monthly.version, unit_amount=1, active=False)
    one, two, three, four = add_customers(shop, 4)
    subscribe_to(one, [monthly], quantity=3, mrr=14_700)
    subscribe_to(two, [yearly, yearly], mrr=8_333)
    subscribe_to(three, [monthly], status="trialing", mrr=0)
    subscribe_to(four, [monthly], status="canceled", mrr=0)
    # 3 x 49.00 and two items of 500.00 a year: 147.00 + 83.33; the subscription with two items counts once
    expected = [
        "Product 000",
        "Active",
        "$49.00 / month $500.00 / year",
        "Features: 1",
        "Subscriptions: 3",
        "MRR: $230.33",
    ]
    assert cells(text_of(client.get(url))) == expected
    detail = text_of(client.get(f"{url}/{product.id}"))
    assert "$230.33" in detail
    assert monthly.stripe_id in detail
    assert product.stripe_id in detail
    assert "1,000" in detail


def test_currencies_stand_side_by_side(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    product = add_products(shop, 1)[0]
    dollars = price_of(product)
    euros = add_price(dollars.version, unit_amount=4_500, currency="eur")
    one, two = add_customers(shop, 2)
    subscribe_to(one, [dollars])
    subscribe_to(two, [euros], mrr=4500)
    assert cells(text_of(client.get(url)))[-1] == "MRR: €45.00 $49.00"


def test_older_versions_keep_their_prices_and_subscribers(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    product = add_products(shop, 1)[0]
    old = price_of(product)
    with scope(shop.id):
        version = ProductVersion.objects.create(merchant=shop, product=product, number=2)
    add_price(version, unit_amount=5_900)
    subscribe_to(add_customers(shop, 1)[0], [old])
    assert cells(text_of(client.get(url)))[2:] == ["$59.00 / month", "Features: 0", "Subscriptions: 1", "MRR: $49.00"]
    detail = text_of(client.get(f"{url}/{product.id}"))
    assert detail.index("$59.00") < detail.index("Version 1</h2>") < detail.index("$49.00 / month")


def test_search_and_state_narrow(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_products(shop, 3)
    add_products(shop, 1, name="Old one", active=False)
    assert names_on(text_of(client.get(url, {"q": "product 002"}))) == ["Product 002"]
    assert names_on(text_of(client.get(url, {"state": "archived"}))) == ["Old one"]
    assert len(names_on(text_of(client.get(url, {"state": "x", "cursor": "x", "sort": "x"})))) == 4
    html = text_of(client.get(url, {"q": "<b>%\x00"}))
    assert "No product matches" in html
    assert "<b>%" not in html


def test_names_and_metadata_are_shown_as_text(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    evil = "<script>alert(1)</script>"
    product = add_products(shop, 1, name=evil, description=evil, metadata={evil: evil})[0]
    for address in (url, f"{url}/{product.id}"):
        answer = client.get(address)
        assert_strict(answer)
        assert "<script>alert" not in text_of(answer)


def test_the_empty_page_teaches_the_first_product(page: tuple[Client, str]) -> None:
    client, url = page
    html = text_of(client.get(url))
    assert "Create your first product" in html
    assert "/api/prices" in html


TIERS = [
    {"up_to": 10, "unit_amount": 500, "flat_amount": None},
    {"up_to": 50, "unit_amount_decimal": "0.5", "flat_amount": 2000},
    {"up_to": None, "unit_amount": 0, "flat_amount": 9900},
]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"unit_amount": 7900}, "$79.00 / month"),
        ({"unit_amount": 49000, "currency": "eur", "interval": "year", "interval_count": 2}, "€490.00 / 2 years"),
        ({"unit_amount": 1000, "interval": ""}, "$10.00 once"),
        ({"unit_amount": 1200, "currency": "jpy"}, "¥1,200 / month"),
        ({"unit_amount": None, "unit_amount_decimal": Decimal("0.500000000000")}, "$0.005 / month"),
        ({"unit_amount": 3, "usage_type": "metered"}, "$0.03 / month, by use"),
        ({"billing_scheme": "tiered", "tiers": TIERS, "tiers_mode": "volume"}, "Tiers / month"),
    ],
)
def test_prices_in_words(fields: dict[str, Any], text: str) -> None:
    price = Price(**{"currency": "usd", "interval": "month", "interval_count": 1, **fields})
    assert price_words(price) == text


def test_tiers_in_words() -> None:
    assert tier_texts(Price(currency="usd", tiers=TIERS)) == [
        "1 to 10: $5.00 each",
        "11 to 50: $0.005 each plus $20.00 flat",
        "51 and more: $99.00 flat",
    ]


def test_the_pages_take_as_many_statements_for_500_as_for_one(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    first = add_products(shop, 1)[0]
    one = add_customers(shop, 1)[0]
    subscribe_to(one, [price_of(first)])
    lists, details = statements(client, url), statements(client, f"{url}/{first.id}")
    products = add_products(shop, 499)
    for product in products[-50:]:
        subscribe_to(one, [price_of(product)])
    version = price_of(first).version
    for amount in range(60):
        subscribe_to(one, [add_price(version, unit_amount=amount)])
    assert statements(client, url) == lists <= BUDGET
    assert statements(client, f"{url}/{first.id}") == details <= BUDGET
