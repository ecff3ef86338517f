"""The unchanged ``stripe`` library, synchronous and asynchronous, with its own ways to call."""

import asyncio
from collections.abc import Iterator

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop


def asynchronous(url: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        "sk_test_simulator",
        base_addresses={"api": url},
        http_client=stripe.HTTPXClient(),
        max_network_retries=0,
    )


async def use(client: stripe.StripeClient) -> tuple[str, str]:
    """A subscription made and renewed; its status and its invoices' statuses."""
    v1 = client.v1
    clock = await v1.test_helpers.test_clocks.create_async({"frozen_time": 1_767_225_600})
    card = "pm_card_visa"
    customer = await v1.customers.create_async(
        {"test_clock": clock.id, "payment_method": card, "invoice_settings": {"default_payment_method": card}}
    )
    product = await v1.products.create_async({"name": "Plan"})
    price = await v1.prices.create_async(
        {"product": product.id, "currency": "usd", "unit_amount": 900, "recurring": {"interval": "month"}}
    )
    made = await v1.subscriptions.create_async({"customer": customer.id, "items": [{"price": price.id}]})
    await v1.test_helpers.test_clocks.advance_async(clock.id, {"frozen_time": 1_770_000_000})
    found = await v1.subscriptions.retrieve_async(made.id, {"expand": ["latest_invoice"]})
    invoices = await v1.invoices.list_async({"subscription": made.id, "limit": 1})
    statuses = [invoice.status async for invoice in invoices.auto_paging_iter()]
    return found.status, ",".join(str(status) for status in statuses)


def test_the_asynchronous_client(shop: Shop) -> None:
    assert asyncio.run(use(asynchronous(shop.url))) == ("active", "paid,paid")


def test_many_asynchronous_requests_at_once(shop: Shop) -> None:
    async def create() -> list[str]:
        client = asynchronous(shop.url)
        made = await asyncio.gather(*(client.v1.customers.create_async({"name": str(n)}) for n in range(20)))
        return [one.id for one in made]

    ids = asyncio.run(create())
    assert len(set(ids)) == 20
    assert {one.id for one in shop.client.v1.customers.list({"limit": 100})} == set(ids)


def test_asynchronous_errors(shop: Shop) -> None:
    async def fail() -> None:
        await asynchronous(shop.url).v1.customers.retrieve_async("cus_none")

    with pytest.raises(stripe.InvalidRequestError, match="No such customer") as caught:
        asyncio.run(fail())
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


@pytest.fixture
def module(shop: Shop) -> Iterator[Shop]:
    before = stripe.api_base, stripe.api_key
    stripe.api_base, stripe.api_key = shop.url, "sk_test_simulator"
    yield shop
    stripe.api_base, stripe.api_key = before


def test_the_older_module_style(module: Shop) -> None:
    made = stripe.Customer.create(name="A", metadata={"k": "v"})
    stripe.Customer.modify(made.id, name="B")
    assert stripe.Customer.retrieve(made.id).name == "B"
    assert [one.id for one in stripe.Customer.list().auto_paging_iter()] == [made.id]
    [found] = stripe.Customer.search(query="metadata['k']:'v'").data
    assert found.id == made.id
    assert made.delete().deleted
