"""Search, in Stripe's query language."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, moment


def found(service: Any, query: str, **values: Any) -> list[str]:
    return [one.id for one in service.search({"query": query, **values})]


def test_subscriptions_are_found_by_status_and_metadata(shop: Shop) -> None:
    customer, price = shop.customer(), shop.price(100)
    first = shop.subscribe(customer, price, metadata={"plan": "pro", "it's": "odd"}).id
    second = shop.subscribe(customer, price, metadata={"plan": "free"}).id
    third = shop.subscribe(customer, price).id
    shop.client.v1.subscriptions.cancel(second)
    service = shop.client.v1.subscriptions
    assert found(service, 'status:"active"') == [third, first]
    assert found(service, "status:'active' AND metadata['plan']:'pro'") == [first]
    assert found(service, 'metadata["it\'s"]:"odd"') == [first]
    assert found(service, 'metadata["plan"]:"pro" OR metadata["plan"]:"free"') == [second, first]
    assert found(service, '-metadata["plan"]:"pro"') == [third, second]
    assert found(service, 'metadata["plan"]:null') == [third]
    assert found(service, '-metadata["plan"]:null status:"canceled"') == [second]
    assert found(service, "canceled_at>0") == [second]


def test_every_searchable_resource(shop: Shop) -> None:
    client = shop.client.v1
    customer = client.customers.create({"name": "Jo Blum", "email": "jo@blum.test", "phone": "+411"}).id
    card = client.payment_methods.attach("pm_card_visa", {"customer": customer})
    client.customers.update(customer, {"invoice_settings": {"default_payment_method": card.id}})
    product = client.products.create({"name": "Gold plan", "description": "All you need"}).id
    price = shop.price(700, product=product)
    subscription = shop.subscribe(customer, price).id
    invoice = shop.invoices(subscription)[0]
    charge, intent = client.charges.list().data[0].id, client.payment_intents.list().data[0].id
    queries: list[tuple[Any, str, str]] = [
        (client.customers, 'name~"blum" AND email:"JO@blum.test"', customer),
        (client.products, 'active:"true" AND name~"gold"', product),
        (client.prices, f'product:"{product}" AND type:"recurring"', price),
        (client.invoices, f'subscription:"{subscription}" AND total>=700', invoice.id),
        (client.invoices, f'number:"{invoice.number}"', invoice.id),
        (client.charges, 'payment_method_details.card.last4:4242 AND amount<701 AND refunded:"false"', charge),
        (client.payment_intents, f'status:"succeeded" AND created>{moment(2020, 1, 1)}', intent),
    ]
    for service, query, expected in queries:
        assert found(service, query) == [expected]
        assert found(service, f"{query} AND created<{moment(2020, 1, 1)}") == []


def test_pages_follow_each_other(shop: Shop) -> None:
    made = [shop.client.v1.customers.create({"name": f"Page {n}"}).id for n in range(5)]
    asked: Any = {"query": 'name~"page"', "limit": 2}
    first = shop.client.v1.customers.search(asked)
    assert (len(first.data), first.has_more) == (2, True)
    assert [one.id for one in shop.client.v1.customers.search(asked).auto_paging_iter()] == list(reversed(made))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ('status="active"', "parse"),
        ("", "query"),
        ('status:"active" AND', "parse"),
        ('customer:"cus_1"', "unsupported search field"),
        ('status:"a" AND status:"b" OR status:"c"', "combine AND and OR"),
        ('status>"a"', "operator"),
        ("created>yesterday", "number"),
        ('metadata["k"]~"ab"', "at least 3"),
    ],
)
def test_what_cannot_be_read_is_said(shop: Shop, query: str, message: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=message):
        shop.client.v1.subscriptions.search({"query": query})
