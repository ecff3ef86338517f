"""Reading pages, and filling them with rows."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from customers.models import Customer
from subscriptions.models import Subscription

BUDGET = 12  # statements a page
START = datetime(2026, 1, 1, tzinfo=UTC)
INLINE = re.compile(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*(?:src=|type=\"application/json\"))", re.IGNORECASE)


def text_of(response: Any) -> str:
    content: str = response.content.decode()
    return content


def assert_strict(response: Any) -> None:
    """The page says that nothing inline may run, and has nothing inline."""
    policy = response.headers["Content-Security-Policy"]
    assert "style-src 'self';" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert INLINE.search(text_of(response)) is None


def statements(client: Client, url: str) -> int:
    """How many statements the page takes, of a browser that has been there before. Beginning and ending a transaction
    is not counted: psycopg sends it along with the statement before or after."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200, url
    return sum(not query["sql"].startswith(("BEGIN", "COMMIT")) for query in captured)


def add_customers(merchant: Merchant, count: int, **fields: Any) -> list[Customer]:
    """Made one after the other, the last one newest; each with a name, an email address and an id of the merchant's."""
    with scope(merchant.id):
        already = Customer.objects.for_merchant(merchant.id).count()
        rows = [
            Customer(
                **{
                    "merchant": merchant,
                    "stripe_id": f"cus_{number}",
                    "stripe_created_at": START + timedelta(days=number),
                    "name": f"Person {number:03}",
                    "email": f"person-{number:03}@example.com",
                    "external_id": f"ext_{number:03}",
                    **fields,
                }
            )
            for number in range(already, already + count)
        ]
        return Customer.objects.bulk_create(rows)


def subscribe(customer: Customer, *statuses: Subscription.Status) -> None:
    with scope(customer.merchant_id):
        Subscription.objects.bulk_create(
            Subscription(
                merchant_id=customer.merchant_id,
                customer=customer,
                stripe_id=f"sub_{customer.stripe_id}_{number}",
                stripe_created_at=START,
                status=status,
                currency="usd",
                started_at=START,
                billing_cycle_anchor=START,
                billing_anchor_day=1,
            )
            for number, status in enumerate(statuses)
        )
