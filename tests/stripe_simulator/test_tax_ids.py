"""Tax ids of customers and of accounts, and the invoices that show them."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, moment

START = moment(2026, 4, 1, 0)


def pairs(shown: Any) -> list[tuple[str, str]]:
    return [(one.type, one.value) for one in shown or []]


def status_of(tax_id: stripe.TaxId) -> str | None:
    return tax_id.verification.status if tax_id.verification else None


def told(shop: Shop) -> list[str]:
    return [one.removeprefix("customer.tax_id.") for one in shop.types() if one.startswith("customer.tax_id.")]


def test_a_customers_tax_ids(shop: Shop) -> None:
    customer = shop.customer()
    tax_ids = shop.client.v1.customers.tax_ids
    made = tax_ids.create(customer, {"type": "eu_vat", "value": "DE123456789"})
    assert (made.country, made.customer, made.value) == ("DE", customer, "DE123456789")
    assert (made.owner and made.owner.type, status_of(made)) == ("customer", "pending")
    swiss = tax_ids.create(customer, {"type": "ch_vat", "value": "CHE-123.456.789 MWST"})
    assert status_of(swiss) == "unavailable"
    assert [one.id for one in tax_ids.list(customer)] == [swiss.id, made.id]
    assert tax_ids.retrieve(customer, made.id).to_dict() == made.to_dict()
    shown = shop.client.v1.customers.retrieve(customer, {"expand": ["tax_ids"]})
    assert [one.id for one in shown.tax_ids or []] == [swiss.id, made.id]
    assert tax_ids.delete(customer, made.id).deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such tax_id") as refused:
        tax_ids.retrieve(shop.customer(), swiss.id)
    assert refused.value.http_status == 404
    assert told(shop) == ["created", "created", "deleted"]


@pytest.mark.parametrize(
    ("value", "status"), [("DE000000000", "verified"), ("111111111", "unverified"), ("222222222", "pending")]
)
def test_magic_values_are_verified_a_second_later(shop: Shop, value: str, status: str) -> None:
    clock = shop.clock(START)
    asked: Any = {"name": "Jo", "test_clock": clock, "tax_id_data": [{"type": "eu_vat", "value": value}]}
    customer = shop.client.v1.customers.create(asked).id
    [made] = shop.client.v1.customers.tax_ids.list(customer).data
    assert status_of(made) == "pending"
    shop.advance(clock, START + 60)
    [after] = shop.client.v1.customers.tax_ids.list(customer).data
    assert status_of(after) == status
    assert (after.verification and after.verification.verified_name) == ("Jo" if status == "verified" else None)
    assert shop.types()[:3] == ["test_helpers.test_clock.created", "customer.created", "customer.tax_id.created"]
    assert told(shop) == (["created"] if status == "pending" else ["created", "updated"])


def test_an_invoice_shows_those_that_there_were_when_it_was_finalised(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    tax_ids = shop.client.v1.customers.tax_ids
    first = tax_ids.create(customer, {"type": "gb_vat", "value": "GB123456789"})
    item: Any = {"customer": customer, "amount": 500, "currency": "usd"}
    draft: Any = {"customer": customer, "pending_invoice_items_behavior": "include"}
    shop.client.v1.invoice_items.create(item)
    invoice = shop.client.v1.invoices.create(draft)
    assert pairs(invoice.customer_tax_ids) == [("gb_vat", "GB123456789")]
    tax_ids.create(customer, {"type": "us_ein", "value": "12-3456789"})
    both = [("gb_vat", "GB123456789"), ("us_ein", "12-3456789")]
    assert pairs(shop.client.v1.invoices.retrieve(invoice.id).customer_tax_ids) == both
    shop.client.v1.invoices.finalize_invoice(invoice.id)
    tax_ids.delete(customer, first.id)
    assert pairs(shop.client.v1.invoices.retrieve(invoice.id).customer_tax_ids) == both
    subscription = shop.subscribe(customer, shop.price(900))
    assert pairs(shop.invoices(subscription.id)[0].customer_tax_ids) == both[1:]
    described: Any = {"tax_ids": [{"type": "ca_bn", "value": "123456789"}]}
    asked: Any = {"subscription": subscription.id, "customer_details": described}
    assert pairs(shop.client.v1.invoices.create_preview(asked).customer_tax_ids) == [("ca_bn", "123456789")]
    assert [one.type for one in tax_ids.list(customer)] == ["us_ein"]
    shop.client.v1.customers.delete(customer)
    assert shop.client.v1.tax_ids.list().data == []


def test_an_accounts_own_tax_ids(shop: Shop) -> None:
    customer = shop.customer()
    tax_ids = shop.client.v1.tax_ids
    own = tax_ids.create({"type": "eu_vat", "value": "EL123456789"})
    assert (own.country, own.customer, own.owner and own.owner.type) == ("GR", None, "self")
    theirs = tax_ids.create(
        {"type": "us_ein", "value": "123456789", "owner": {"type": "customer", "customer": customer}}
    )
    assert [one.id for one in tax_ids.list()] == [own.id]
    named: Any = {"owner": {"type": "customer", "customer": customer}}
    assert [one.id for one in tax_ids.list(named)] == [theirs.id]
    asked: Any = {"customer": customer, "account_tax_ids": [own.id], "expand": ["account_tax_ids"]}
    [shown] = shop.client.v1.invoices.create(asked).account_tax_ids or []
    assert isinstance(shown, stripe.TaxId)
    assert shown.value == "EL123456789"
    with pytest.raises(stripe.InvalidRequestError, match="own"):
        shop.client.v1.invoices.create({"customer": customer, "account_tax_ids": [theirs.id]})
    assert tax_ids.delete(own.id).deleted
    assert told(shop) == ["created"]


@pytest.mark.parametrize(
    ("type", "value", "code"),
    [
        ("eu_vat", "US123456789", "tax_id_invalid"),
        ("eu_vat", "DE", "tax_id_invalid"),
        ("us_ein", "1234", "tax_id_invalid"),
        ("none", "1234", None),
        ("eu_vat", "", "parameter_invalid_empty"),
    ],
)
def test_what_is_no_tax_id_is_refused(shop: Shop, type: Any, value: str, code: str | None) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.customers.tax_ids.create(shop.customer(), {"type": type, "value": value})
    assert refused.value.code == code
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.customers.create({"tax_id_data": [{"type": type, "value": value}]})
    assert len(shop.client.v1.customers.list().data) == 1


def test_five_are_enough(shop: Shop) -> None:
    customer = shop.customer()
    for number in range(5):
        shop.client.v1.customers.tax_ids.create(customer, {"type": "ca_bn", "value": f"12345678{number}"})
    with pytest.raises(stripe.InvalidRequestError, match="at most 5"):
        shop.client.v1.customers.tax_ids.create(customer, {"type": "ca_bn", "value": "123456789"})
