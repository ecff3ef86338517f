"""What the merchant sells: products with their versions, prices, features and subscribers."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponseBase

from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.dashboard.prices import price_words, tier_texts, tiers_rule
from billingos.ui.listing import NEWEST, Filter, Listing, Order
from entitlements.selectors import products as products_with_features
from subscriptions.models import Price, Product, ProductVersion
from subscriptions.standing import Standing, standing_of_products, standing_of_versions

ORDERS = (NEWEST, Order("name", "Name", "name", descending=False))
STATE = Filter("state", "State", [("active", "Active"), ("archived", "Archived")])
SHOWN = 3  # prices in a row of the list
CURL = """curl {base_url}/api/products \\
  -H "Authorization: Bearer $BILLINGOS_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"name": "Team"}}'

curl {base_url}/api/prices \\
  -H "Authorization: Bearer $BILLINGOS_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"product": "<id of the product>", "currency": "{currency}", "unit_amount": 4900, "interval": "month"}}'"""


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A price as the pages show it."""

    price: Price
    text: str
    tiers: Sequence[str]
    rule: str


@dataclass(frozen=True, slots=True)
class Row:
    product: Product
    prices: Sequence[PriceLine]
    more_prices: int
    features: int
    standing: Standing


@merchant_page("products")
def products(visit: Visit) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    listing = Listing(visit.request, orders=ORDERS, filters=[STATE])
    state = listing.value("state")
    rows = products_with_features(merchant_id, active=None if state is None else state == "active")
    if listing.search:
        rows = rows.filter(name__icontains=listing.search)
    with scope(merchant_id):
        page = listing.page(rows)
        prices = _prices(merchant_id, page.rows)
        standings = standing_of_products(merchant_id, page.rows)
    context = {
        "listing": listing,
        "page": page,
        "rows": [_row(product, prices, standings[product.id]) for product in page.rows],
        "curl": CURL.format(base_url=settings.BASE_URL, currency=visit.merchant.default_currency),
    }
    return visit.render("dashboard/products/list.html", context)


@dataclass(frozen=True, slots=True)
class Version:
    version: ProductVersion
    prices: Sequence[PriceLine]
    standing: Standing


@merchant_page("products")
def product(visit: Visit, product_id: UUID) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    with scope(merchant_id):
        found = products_with_features(merchant_id).filter(id=product_id).first()
        if found is None:
            raise Http404
        prices = _prices(merchant_id, [found])
        standing = standing_of_products(merchant_id, [found])[found.id]
        standings = standing_of_versions(merchant_id, found.versions.all())
    by_version: dict[UUID, list[PriceLine]] = defaultdict(list)
    for price in prices.values():
        if price.deleted_at is None:
            by_version[price.version_id].append(_line(price))
    versions = [Version(version, by_version[version.id], standings[version.id]) for version in found.versions.all()]
    return visit.render(
        "dashboard/products/detail.html",
        {"product": found, "versions": versions, "standing": standing},
    )


def _prices(merchant_id: UUID, products: Collection[Product]) -> dict[UUID, Price]:
    """All prices by id, ended ones too: somebody may still be on them. The oldest first."""
    rows = Price.objects.for_merchant(merchant_id).filter(version__product__in=products).select_related("version")
    return {price.id: price for price in rows.order_by("id")}


def _row(product: Product, prices: Mapping[UUID, Price], standing: Standing) -> Row:
    current = next(iter(product.versions.all()), None)
    mine = [
        _line(price)
        for price in prices.values()
        if current and price.version_id == current.id and price.active and price.deleted_at is None
    ]
    features = len(current.features.all()) if current else 0
    return Row(product, mine[:SHOWN], max(len(mine) - SHOWN, 0), features, standing)


def _line(price: Price) -> PriceLine:
    return PriceLine(price, price_words(price), tier_texts(price), tiers_rule(price))
