"""The merchant's customers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponseBase

from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants.roles import EXPORT
from billingos.ui.listing import NEWEST, Filter, Listing, Order
from billingos.ui.statuses import words
from customers.models import Customer
from customers.selectors import customers as customers_of
from subscriptions.models import Subscription
from subscriptions.selectors import mrr_of_customers, statuses_of_customers, with_subscription

ORDERS = (NEWEST, Order("name", "Name", "name", descending=False), Order("oldest", "Oldest first", descending=False))
STATUS = Filter(
    "status",
    "Subscription",
    [*((status.value, words(status)) for status in Subscription.Status), ("none", "Never had one")],
)
COLUMNS: Mapping[str, Callable[[Customer], Any]] = {
    "id": lambda customer: customer.stripe_id,
    "external_id": lambda customer: customer.external_id,
    "name": lambda customer: customer.name,
    "email": lambda customer: customer.email,
    "currency": lambda customer: customer.currency,
    "created": lambda customer: customer.stripe_created_at,
}


@dataclass(frozen=True, slots=True)
class Row:
    customer: Customer
    statuses: list[Subscription.Status]
    mrr: list[tuple[int, str]]


@merchant_page("customers")
def customers(visit: Visit) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    listing = Listing(visit.request, orders=ORDERS, filters=[STATUS])

    def found() -> QuerySet[Customer]:
        rows = customers_of(merchant_id, search=listing.search or None)
        status = listing.value("status")
        return with_subscription(rows, status) if status else rows

    if listing.wants_csv:
        visit.demand(EXPORT)
        return listing.csv("customers", found, COLUMNS, lambda: scope(merchant_id))
    with scope(merchant_id):
        page = listing.page(found())
        statuses = statuses_of_customers(merchant_id, page.rows)
        mrr = mrr_of_customers(merchant_id, page.rows)
    rows = [Row(customer, statuses.get(customer.id, []), mrr.get(customer.id, [])) for customer in page.rows]
    return visit.render(
        "dashboard/customers/list.html",
        {"listing": listing, "page": page, "rows": rows, "can_export": visit.may(EXPORT)},
    )
