"""Search: what the seven searchable resources take in a query."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.lists import newest_first
from stripe_simulator.params import Fields, Integer, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.search import parse
from stripe_simulator.work import Work

_TAKES: Fields = {"limit": Integer(least=1, most=100), "page": Text(), "query": Text(required=True)}
_CARD = "payment_method_details.card"

# kind → field → whether it is text, a token (exact) or a number
_FIELDS: dict[str, dict[str, str]] = {
    "charge": {
        "amount": "number",
        "billing_details.address.postal_code": "token",
        "created": "number",
        "currency": "token",
        "customer": "token",
        "disputed": "token",
        f"{_CARD}.brand": "token",
        f"{_CARD}.exp_month": "number",
        f"{_CARD}.exp_year": "number",
        f"{_CARD}.fingerprint": "token",
        f"{_CARD}.last4": "token",
        "refunded": "token",
        "status": "token",
    },
    "customer": {"created": "number", "email": "text", "name": "text", "phone": "text"},
    "invoice": {
        "created": "number",
        "currency": "token",
        "customer": "token",
        "number": "text",
        "receipt_number": "token",
        "status": "token",
        "subscription": "token",
        "total": "number",
    },
    "payment_intent": {
        "amount": "number",
        "created": "number",
        "currency": "token",
        "customer": "token",
        "status": "token",
    },
    "price": {
        "active": "token",
        "billing_scheme": "token",
        "created": "number",
        "currency": "token",
        "lookup_key": "token",
        "product": "token",
        "type": "token",
    },
    "product": {
        "active": "token",
        "created": "number",
        "description": "text",
        "name": "text",
        "shippable": "token",
        "url": "text",
    },
    "subscription": {"canceled_at": "number", "created": "number", "status": "token"},
}


def _search(work: Work, values: dict[str, Any], kind: str) -> Json:
    query = parse(values["query"], _FIELDS[kind])
    found = [record for record in newest_first(work.all(kind)) if query.holds(record)]
    start, limit = _offset(values.get("page")), values.get("limit", 10)
    more = len(found) > start + limit
    return {
        "object": "search_result",
        "data": [render(work, record) for record in found[start : start + limit]],
        "has_more": more,
        "next_page": str(start + limit) if more else None,
        "url": f"/v1/{kind}s/search",
    }


def _offset(page: str | None) -> int:
    if page is not None and not page.isdecimal():
        raise invalid("Invalid page: use the next_page of an earlier answer.", "page")
    return int(page or 0)


@endpoint("GET", "/v1/charges/search", _TAKES)
def charges(work: Work, values: dict[str, Any]) -> Json:
    """Search charges."""
    return _search(work, values, "charge")


@endpoint("GET", "/v1/customers/search", _TAKES)
def customers(work: Work, values: dict[str, Any]) -> Json:
    """Search customers."""
    return _search(work, values, "customer")


@endpoint("GET", "/v1/invoices/search", _TAKES)
def invoices(work: Work, values: dict[str, Any]) -> Json:
    """Search invoices."""
    return _search(work, values, "invoice")


@endpoint("GET", "/v1/payment_intents/search", _TAKES)
def payment_intents(work: Work, values: dict[str, Any]) -> Json:
    """Search payment intents."""
    return _search(work, values, "payment_intent")


@endpoint("GET", "/v1/prices/search", _TAKES)
def prices(work: Work, values: dict[str, Any]) -> Json:
    """Search prices."""
    return _search(work, values, "price")


@endpoint("GET", "/v1/products/search", _TAKES)
def products(work: Work, values: dict[str, Any]) -> Json:
    """Search products."""
    return _search(work, values, "product")


@endpoint("GET", "/v1/subscriptions/search", _TAKES)
def subscriptions(work: Work, values: dict[str, Any]) -> Json:
    """Search subscriptions."""
    return _search(work, values, "subscription")
