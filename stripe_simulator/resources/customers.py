"""Customers."""

from typing import Any

from stripe_simulator.billing import adjustments, balance, clock_limits, standing, tax_ids
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import random_text
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Hash,
    Integer,
    Metadata,
    Range,
    Sequenced,
    Text,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.payment_methods import attach_to, resolve
from stripe_simulator.resources.shapes import ADDRESS, SHIPPING, address, shipping
from stripe_simulator.work import Work

_TEXTS = ("business_name", "description", "email", "individual_name", "name", "phone")
_INVOICE_SETTINGS: Fields = {
    "custom_fields": Sequenced(of=Hash(fields={"name": Text(required=True), "value": Text(required=True)}), most=4),
    "default_payment_method": Text(),
    "footer": Text(),
}
_FIELDS: Fields = {
    **adjustments.CUSTOMER,
    **{name: Text() for name in _TEXTS},
    "address": Hash(fields=ADDRESS),
    "balance": Integer(),
    "invoice_prefix": Text(),
    "invoice_settings": Hash(fields=_INVOICE_SETTINGS),
    "metadata": Metadata(),
    "next_invoice_sequence": Integer(least=1),
    "preferred_locales": Sequenced(of=Text(required=True)),
    "shipping": Hash(fields=SHIPPING),
    "source": Text(),
    "tax_exempt": Text(choices=("exempt", "none", "reverse")),
}


@endpoint(
    "POST",
    "/v1/customers",
    _FIELDS
    | {
        "payment_method": Text(),
        "tax_id_data": Sequenced(of=Hash(fields=tax_ids.TAX_ID), most=tax_ids.MOST),
        "test_clock": Text(),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A customer, on a test clock if one is named."""
    clock = values.get("test_clock")
    if clock is not None:
        work.get("test_helpers.test_clock", clock, "test_clock")
        clock_limits.check_customer(work, clock)
    customer = work.insert("customer", _blank(work, clock), clock=clock)
    _apply(work, customer, values)
    wanted = (values.get("invoice_settings") or {}).get("default_payment_method")
    for name in ("payment_method", "source"):
        if values.get(name):
            method = attach_to(work, resolve(work, values[name], name), customer)
            if name == "source":
                customer["default_source"] = method["id"]
            if values[name] == wanted:  # the same test token names the same card
                wanted = method["id"]
    if wanted:
        customer["invoice_settings"]["default_payment_method"] = _own_method(work, customer, wanted)
    if customer["balance"]:
        balance.note(work, customer, customer["balance"], "initial")
    adjustments.of_customer(work, customer, values)
    held = [
        tax_ids.add(work, customer, sent, f"tax_id_data[{position}]")
        for position, sent in enumerate(values.get("tax_id_data", []))
    ]
    emit(work, "customer.created", customer)
    for tax_id in held:
        tax_ids.announce(work, tax_id)
    return render(work, customer)


@endpoint("GET", "/v1/customers/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A customer; one that was deleted shows nothing but that."""
    gone = work.find("deleted_customer", id)
    return _deleted(id) if gone is not None else render(work, work.get("customer", id))


@endpoint("POST", "/v1/customers/<id>", _FIELDS)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what is sent."""
    customer = work.get("customer", id)
    source = values.get("source")
    method = attach_to(work, resolve(work, source, "source"), customer) if source else None
    wanted = (values.get("invoice_settings") or {}).get("default_payment_method")
    if wanted:
        values["invoice_settings"]["default_payment_method"] = _own_method(work, customer, wanted)
    moved = values.get("balance", customer["balance"]) - customer["balance"]
    with updating(work, customer):
        _apply(work, customer, values)
        adjustments.of_customer(work, customer, values)
        settings = values.get("invoice_settings") or {}
        if "default_payment_method" in settings:
            customer["invoice_settings"]["default_payment_method"] = settings["default_payment_method"]
        if method is not None:
            customer["default_source"] = method["id"]
    if moved:
        balance.note(work, customer, moved, "adjustment")
    return render(work, customer)


@endpoint("DELETE", "/v1/customers/<id>")
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Delete a customer and cancel its subscriptions."""
    remove(work, work.get("customer", id))
    return _deleted(id)


def remove(work: Work, customer: Record) -> None:
    """Cancel the customer's subscriptions, delete it, and remember that it was there."""
    for subscription in work.related("subscription", "customer", customer["id"]):
        if subscription["status"] not in standing.ENDED:
            standing.end(work, subscription, "cancellation_requested")
    for tax_id in tax_ids.of(work, customer["id"]):
        tax_ids.remove(work, tax_id)
    emit(work, "customer.deleted", customer)
    work.delete(customer)
    work.insert("deleted_customer", {}, id=customer["id"])


@endpoint("GET", "/v1/customers", LISTING | {"created": Range(), "email": Text(), "test_clock": Text()})
def list_customers(work: Work, values: dict[str, Any]) -> Json:
    """Customers; those of test clocks only when the clock is named."""
    clock, email = values.get("test_clock"), values.get("email")
    found = (
        customer
        for customer in work.related("customer", "clock", clock)
        if (email is None or customer["email"] == email) and within(values.get("created"), customer["created"])
    )
    return page(work, found, values, "/v1/customers")


def _own_method(work: Work, customer: Record, id: str) -> str:
    method = resolve(work, id, "invoice_settings[default_payment_method]")
    if method["customer"] != customer["id"]:
        raise invalid(
            f"The customer does not have a payment method with the ID {id}. The payment method must be "
            "attached to the customer.",
            "invoice_settings[default_payment_method]",
            "resource_missing",
        )
    return str(method["id"])


def _apply(work: Work, customer: Record, values: dict[str, Any]) -> None:
    for name in (
        *_TEXTS,
        "balance",
        "next_invoice_sequence",
        "tax_exempt",
        "preferred_locales",
        "invoice_prefix",
    ):
        if name in values:
            customer[name] = values[name]
    if "address" in values:
        customer["address"] = address(values["address"])
    if "shipping" in values:
        customer["shipping"] = shipping(values["shipping"])
    if "metadata" in values:
        customer["metadata"] = merged_metadata(customer["metadata"], values["metadata"])
    settings = values.get("invoice_settings") or {}
    for name in ("custom_fields", "footer"):
        if name in settings:
            customer["invoice_settings"][name] = settings[name]


def _blank(work: Work, clock: str | None) -> Json:
    return {
        "address": None,
        "balance": 0,
        "business_name": None,
        "created": work.now(clock),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "individual_name": None,
        "invoice_prefix": random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": clock,
    }


def _deleted(id: str) -> Json:
    return {"id": id, "object": "customer", "deleted": True}
