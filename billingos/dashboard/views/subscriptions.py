"""The merchant's subscriptions."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase

from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.dashboard.plans import plan_of
from billingos.merchants.roles import EXPORT
from billingos.ui.listing import NEWEST, Filter, Listing, Order
from billingos.ui.money import plain_amount
from billingos.ui.statuses import words
from subscriptions.models import Subscription
from subscriptions.selectors import find_subscriptions, products

SOONEST = Order("renews", "Renews soonest", "next_billing_at", descending=False)
ORDERS = (NEWEST, Order("mrr", "MRR, high to low", "mrr"), SOONEST)
STATUS = Filter(
    "status", "Status", [*((one.value, words(one)) for one in Subscription.Status), ("canceling", "About to end")]
)
PRODUCTS = 100  # to choose from
COLUMNS: Mapping[str, Callable[[Subscription], Any]] = {
    "id": lambda row: row.stripe_id,
    "customer": lambda row: row.customer.stripe_id,
    "name": lambda row: row.customer.name,
    "email": lambda row: row.customer.email,
    "plan": lambda row: plan_of(row).name,
    "price": lambda row: plan_of(row).price,
    "status": lambda row: row.status,
    "currency": lambda row: row.currency,
    "mrr": lambda row: plain_amount(row.mrr, row.currency),
    "started": lambda row: row.started_at,
    "renews": lambda row: row.next_billing_at,
    "ends": lambda row: plan_of(row).ends_at or row.ended_at,
}


@merchant_page("subscriptions")
def subscriptions(visit: Visit) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    with scope(merchant_id):
        listing = Listing(visit.request, orders=ORDERS, filters=[STATUS, *_product_filter(visit)])

        def found() -> QuerySet[Subscription]:
            rows = find_subscriptions(
                merchant_id, search=listing.search, status=listing.value("status"), product=listing.value("product")
            )
            return rows.filter(next_billing_at__isnull=False) if listing.order is SOONEST else rows

        if not listing.wants_csv:
            page = listing.page(found())
    if listing.wants_csv:
        visit.demand(EXPORT)
        return listing.csv("subscriptions", found, COLUMNS, lambda: scope(merchant_id))
    context = {"listing": listing, "page": page, "plans": [plan_of(row) for row in page.rows]}
    return visit.render("dashboard/subscriptions/list.html", {**context, "can_export": visit.may(EXPORT)})


def _product_filter(visit: Visit) -> list[Filter]:
    """To choose by what was bought, where there is more than one product."""
    known = products(visit.merchant.id).order_by("name", "id").values_list("id", "name")[:PRODUCTS]
    choices = [(str(product_id), name) for product_id, name in known]
    return [Filter("product", "Product", choices)] if len(choices) > 1 else []
