"""Stripe is away: all that is here can be read, in the API and on the pages; what needs Stripe says 503 and when to
come again; nothing is left half-done, and nothing happens by itself when Stripe is back."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from django.apps import apps

from billingos.common.models import MerchantOwned
from billingos.common.tenancy import scope
from billingos.merchants.tasks import resume_write_intents
from billingos.stripe_gateway.client import client as gateway_client
from billingos.stripe_gateway.gate import gate as shared_gate
from billingos.stripe_gateway.gate import rules
from billingos.stripe_gateway.models import WriteIntent
from tests.e2e.addresses import Area
from tests.factories import unique
from tests.fixtures import Deliveries
from tests.pages.test_budgets import PAGES, SENDS_ON, Company
from tests.scenes import Scene

# What asks Stripe by its nature, and so cannot be read without it.
ASKS_STRIPE = {"/subscriptions/{subscription}/upcoming-invoice", "/customers/{customer}/balance-transactions"}


@pytest.fixture
def company(scene: Scene) -> Company:
    return Company(scene)


@pytest.fixture
def away(company: Company, settings: Any) -> Iterator[None]:
    """Nobody listens where Stripe was."""
    address = settings.STRIPE_API_BASE
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.getsockname()[1]}"
    settings.STRIPE_BREAKER_FAILURES = 2
    settings.STRIPE_BREAKER_PAUSE_SECONDS = 600
    gateway_client.cache_clear()
    yield
    shared_gate.tell("answered", rules())
    settings.STRIPE_API_BASE = address
    gateway_client.cache_clear()


def rows_of(company: Company) -> dict[str, list[Any]]:
    """All of the merchant's rows but its intents, and how often each was written."""
    found = {}
    with scope(company.merchant.id):
        for model in apps.get_models():
            if issubclass(model, MerchantOwned) and model is not WriteIntent:
                keys = ["id", *({"revision"} & {field.name for field in model._meta.fields})]
                rows = model.objects.filter(merchant_id=company.merchant.id).order_by("id")
                found[model._meta.db_table] = list(rows.values_list(*keys))
    return found


def ids_of(company: Company) -> dict[str, str]:
    scene = company.scene
    return {
        "customer": scene.customer["id"],
        "product": scene.product["id"],
        "price": scene.price["id"],
        "subscription": scene.subscription["id"],
        "invoice": str(company.invoice.id),
        "payment": scene.api.found("/payments")["data"][0]["id"],
        "method": scene.api.found(f"/customers/{scene.customer['id']}/payment-methods")["data"][0]["id"],
    }


READS = [
    "/customers", "/customers/{customer}", "/customers/{customer}/payment-methods",
    "/products", "/products/{product}", "/products/{product}/versions", "/prices", "/prices/{price}", "/features",
    "/coupons", "/promotion-codes", "/subscriptions", "/subscriptions/{subscription}", "/invoices",
    "/invoices/{invoice}", "/invoices/{invoice}/document", "/invoices/{invoice}/document.pdf", "/credit-notes",
    "/payments", "/payments/{payment}", "/refunds", "/meters", "/analytics/mrr", "/insights", "/webhooks/events",
]  # fmt: skip


def writes(ids: dict[str, str]) -> list[tuple[str, str, Any]]:
    price = {"items": [{"price": ids["price"]}]}
    return [
        ("POST", "/customers", {"name": "New"}),
        ("PATCH", "/customers/{customer}", {"name": "Renamed"}),
        ("DELETE", "/customers/{customer}", None),
        ("POST", "/customers/{customer}/balance", {"amount": 100, "currency": "usd", "description": "Thanks"}),
        ("DELETE", "/customers/{customer}/payment-methods/{method}", None),
        ("POST", "/products", {"name": "New"}),
        ("PATCH", "/products/{product}", {"name": "Renamed"}),
        ("POST", "/prices", {"product": ids["product"], "currency": "usd", "unit_amount": 1, "interval": "year"}),
        ("PATCH", "/prices/{price}", {"active": False}),
        ("POST", "/features", {"lookup_key": unique("f_"), "name": "New"}),
        ("POST", "/coupons", {"percent_off": "10", "duration": "once"}),
        ("POST", "/subscriptions", {"customer_id": ids["customer"], **price}),
        ("POST", "/subscriptions/{subscription}/change", {"items": [{"price": ids["price"], "quantity": 2}]}),
        ("POST", "/subscriptions/{subscription}/preview", {"items": [{"price": ids["price"], "quantity": 2}]}),
        ("POST", "/subscriptions/{subscription}/cancel", {}),
        ("POST", "/subscriptions/{subscription}/pause", {}),
        ("POST", "/checkout/sessions", {
            "email": "new@example.com", "price": ids["price"],
            "success_url": "https://example.com/a", "cancel_url": "https://example.com/b",
        }),
        ("POST", "/invoices", {"customer_id": ids["customer"], "lines": [{"amount": 100, "description": "One"}]}),
        ("POST", "/refunds", {"payment": ids["payment"]}),
        ("POST", "/credit-notes", {"invoice": ids["invoice"], "amount": 100, "refund_amount": 100}),
    ]  # fmt: skip


def test_the_api_reads_on_and_refuses_writes_cleanly(company: Company, away: None, deliveries: Deliveries) -> None:
    api, ids = company.scene.api, ids_of(company)
    before, told = rows_of(company), []
    for method, path, body in writes(ids):
        started = time.monotonic()
        answer = api.request(method, path.format(**ids), body)
        told.append((path, answer.status_code, answer.json().get("error", {}).get("code")))
        if answer.status_code == 503:
            assert int(answer["Retry-After"]) >= 1, path
        assert time.monotonic() - started < 3, path
    assert {entry[1:] for entry in told} == {(503, "stripe_unavailable")}, told
    assert rows_of(company) == before
    for path in READS:
        assert api.get(path.format(**ids)).status_code == 200, path
    for path in ASKS_STRIPE:
        answer = api.get(path.format(**ids))
        assert (answer.status_code, bool(answer["Retry-After"])) == (503, True), path
    assert company.scene.allowed()


def test_with_the_breaker_open_nothing_is_even_begun(company: Company, away: None) -> None:
    api, ids = company.scene.api, ids_of(company)
    for _ in range(2):
        shared_gate.tell("failed", rules())
    with scope(company.merchant.id):
        before = WriteIntent.objects.for_merchant(company.merchant.id).count()
    assert api.post("/customers", {"name": "New"}).status_code == 503
    assert int(api.request("DELETE", f"/customers/{ids['customer']}")["Retry-After"]) > 60
    with scope(company.merchant.id):
        assert WriteIntent.objects.for_merchant(company.merchant.id).count() == before


def test_what_was_refused_does_not_happen_later(company: Company, away: None, settings: Any, simulator: Any) -> None:
    api, ids = company.scene.api, ids_of(company)
    for method, path, body in writes(ids):
        api.request(method, path.format(**ids), body)
    before = rows_of(company)
    settings.STRIPE_API_BASE = company.scene.stripe_client._requestor._options.base_addresses["api"]
    gateway_client.cache_clear()
    resume_write_intents()
    assert company.scene.deliveries.flush() == []
    assert rows_of(company) == before


def test_pages_are_read_without_stripe(company: Company, away: None, settings: Any) -> None:
    settings.DEMO_MODE = True
    browsers = company.browsers()
    told = {
        route.name: browsers[route.area].get(company.url(route)).status_code
        for route in PAGES
        if route.name not in SENDS_ON
    }
    assert {name: status for name, status in told.items() if status != 200} == {}


def test_pages_that_need_stripe_say_so(company: Company, away: None) -> None:
    """A form is shown again with the reason, or the next page tells it; nothing is changed and nothing breaks."""
    browsers, before = company.browsers(), rows_of(company)
    slug, customer = f"/app/{company.merchant.slug}", browsers[Area.PORTAL]
    for path in (f"subscriptions/{company.subscription.id}/cancel", f"invoices/{company.invoice.id}/credit"):
        form = browsers[Area.DASHBOARD].get(f"{slug}/{path}")
        fields = {"when": "now", "token": form.context.get("token") or "t" * 32, "amount": "1.00", "to": "refund"}
        answer = browsers[Area.DASHBOARD].post(f"{slug}/{path}", fields)
        assert answer.status_code in {302, 400, 503}, path
        assert answer.status_code != 503 or answer["Retry-After"]
    answer = customer.post(f"/portal/subscriptions/{company.subscription.id}/cancel", {"feedback": "other"})
    assert (answer.status_code, bool(answer["Retry-After"])) == (503, True)
    answer = customer.post("/portal/payment-method")
    assert answer.status_code in {200, 503}
    assert rows_of(company) == before
