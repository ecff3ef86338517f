"""Payment methods: Stripe's test cards, attached to customers."""

from datetime import UTC, datetime
from typing import Any

from stripe_simulator import cards
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, not_found, not_simulated
from stripe_simulator.events import emit, updating
from stripe_simulator.lists import page
from stripe_simulator.params import LISTING, Fields, Hash, Integer, Metadata, Text, Unsimulated, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.shapes import ADDRESS, address
from stripe_simulator.work import Work

_DETAILS: Fields = {
    "address": Hash(fields=ADDRESS),
    "email": Text(),
    "name": Text(),
    "phone": Text(),
    "tax_id": Text(),
}
_CARD: Fields = {
    "cvc": Text(),
    "exp_month": Integer(),
    "exp_year": Integer(),
    "number": Text(),
    "token": Text(),
}
INLINE: Fields = {
    **dict.fromkeys(
        (
            "acss_debit",
            "affirm",
            "afterpay_clearpay",
            "alipay",
            "au_becs_debit",
            "bacs_debit",
            "bancontact",
            "blik",
            "boleto",
            "cashapp",
            "customer_balance",
            "eps",
            "giropay",
            "grabpay",
            "ideal",
            "klarna",
            "konbini",
            "link",
            "oxxo",
            "p24",
            "paypal",
            "pix",
            "promptpay",
            "revolut_pay",
            "sepa_debit",
            "sofort",
            "us_bank_account",
            "wechat_pay",
            "zip",
        ),
        Unsimulated(),
    ),
    "billing_details": Hash(fields=_DETAILS),
    "card": Hash(fields=_CARD),
    "metadata": Metadata(),
    "type": Text(required=True),
}
_REDISPLAY = Text(choices=("always", "limited", "unspecified"))


@endpoint(
    "POST",
    "/v1/payment_methods",
    {
        "allow_redisplay": _REDISPLAY,
        "billing_details": Hash(fields=_DETAILS),
        "card": Hash(fields=_CARD),
        "metadata": Metadata(),
        "type": Text(required=True),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A card from a test number or a test token."""
    return render(work, make(work, values))


def make(work: Work, values: dict[str, Any]) -> Record:
    """The payment method that ``type``, ``card`` and ``billing_details`` describe, not attached to anybody."""
    if values["type"] != "card":
        raise not_simulated(f"payment methods of type {values['type']}", "type")
    sent = values.get("card") or {}
    if sent.get("token"):
        card = cards.by_token(sent["token"], "tok_")
        if card is None:
            raise not_found("token", sent["token"], "card[token]", 400)
    elif sent.get("number"):
        card = cards.by_number(sent["number"], "number")
    else:
        raise invalid("Missing required param: card[number].", "card[number]", "parameter_missing")
    return _add(work, card, values)


@endpoint("GET", "/v1/payment_methods/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A payment method."""
    return render(work, work.get("payment_method", id, "payment_method"))


@endpoint(
    "POST",
    "/v1/payment_methods/<id>",
    {
        "allow_redisplay": _REDISPLAY,
        "billing_details": Hash(fields=_DETAILS),
        "card": Hash(fields={"exp_month": Integer(), "exp_year": Integer()}),
        "metadata": Metadata(),
    },
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change billing details, the expiry or metadata of an attached payment method."""
    method = work.get("payment_method", id, "payment_method")
    if method["customer"] is None:
        raise invalid("You must save this PaymentMethod to a customer before you can update it.")
    with updating(work, method):
        if "metadata" in values:
            method["metadata"] = merged_metadata(method["metadata"], values["metadata"])
        if "allow_redisplay" in values:
            method["allow_redisplay"] = values["allow_redisplay"]
        method["billing_details"] |= _details(values.get("billing_details") or {})
        method["card"] |= values.get("card") or {}
    return render(work, method)


@endpoint("POST", "/v1/payment_methods/<id>/attach", {"customer": Text(required=True)})
def attach(work: Work, values: dict[str, Any], id: str) -> Json:
    """Attach to a customer; cards that decline can't be attached, except the one made for that."""
    customer = work.get("customer", values["customer"], "customer")
    return render(work, attach_to(work, resolve(work, id, "payment_method"), customer))


@endpoint("POST", "/v1/payment_methods/<id>/detach")
def detach(work: Work, values: dict[str, Any], id: str) -> Json:
    """Detach from its customer, where it may have been a default."""
    method = work.get("payment_method", id, "payment_method")
    customer = work.find("customer", method["customer"])
    if customer is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    before = method["customer"]
    with work.edit(method):
        method["customer"] = None
    emit(work, "payment_method.detached", method, {"customer": before})
    if id in (customer["invoice_settings"]["default_payment_method"], customer["default_source"]):
        with updating(work, customer):
            if customer["invoice_settings"]["default_payment_method"] == id:
                customer["invoice_settings"]["default_payment_method"] = None
            if customer["default_source"] == id:
                customer["default_source"] = None
    return render(work, method)


@endpoint(
    "GET",
    "/v1/payment_methods",
    LISTING | {"customer": Text(), "type": Text(), "allow_redisplay": _REDISPLAY},
)
def list_methods(work: Work, values: dict[str, Any]) -> Json:
    """Payment methods of a customer."""
    customer = values.get("customer")
    if customer is not None:
        work.get("customer", customer, "customer")
    return page(work, _of(work, customer, values.get("type")), values, "/v1/payment_methods")


@endpoint("GET", "/v1/customers/<id>/payment_methods", LISTING | {"type": Text(), "allow_redisplay": _REDISPLAY})
def list_of_customer(work: Work, values: dict[str, Any], id: str) -> Json:
    """Payment methods of a customer."""
    work.get("customer", id, "customer")
    return page(work, _of(work, id, values.get("type")), values, f"/v1/customers/{id}/payment_methods")


@endpoint("GET", "/v1/customers/<id>/payment_methods/<method>")
def retrieve_of_customer(work: Work, values: dict[str, Any], id: str, method: str) -> Json:
    """One payment method of a customer."""
    found = work.get("payment_method", method, "payment_method")
    if found["customer"] != id:
        raise not_found("PaymentMethod", method, "payment_method", 404)
    return render(work, found)


def resolve(work: Work, id: str, param: str) -> Record:
    """The payment method with this id, or a new one from ``pm_card_…`` or ``tok_…``."""
    for prefix in ("pm_card_", "tok_"):
        card = cards.by_token(id, prefix)
        if card is not None:
            return _add(work, card, {})
    return work.get("payment_method", id, param)


def attach_to(work: Work, method: Record, customer: Record) -> Record:
    """Attach a payment method to a customer; a card error where the card declines being saved."""
    if method["customer"] == customer["id"]:
        return method
    if method["customer"] is not None:
        raise invalid(
            "The payment method you provided has already been attached to a customer.",
            None,
            "payment_method_unexpected_state",
        )
    card = cards.by_number(method["_number"], "number")
    if not card.attaches and card.decline is not None:
        error = cards.declined(card.decline)
        error.keeps_changes = False
        raise error
    with work.edit(method):
        method["customer"] = customer["id"]
        method["_clock"] = customer["_clock"]
    emit(work, "payment_method.attached", method)
    return method


def _of(work: Work, customer: str | None, type: str | None) -> list[Record]:
    found = work.related("payment_method", "customer", customer)
    return [method for method in found if customer is not None and type in (None, method["type"])]


def _add(work: Work, card: cards.TestCard, values: dict[str, Any]) -> Record:
    sent = values.get("card") or {}
    year = datetime.fromtimestamp(work.now(), UTC).year + 1
    body: Record = {
        "allow_redisplay": values.get("allow_redisplay", "unspecified"),
        "billing_details": {
            "address": address({}),
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        }
        | _details(values.get("billing_details") or {}),
        "card": cards.face(card, sent.get("exp_month") or 12, sent.get("exp_year") or year),
        "created": work.now(),
        "customer": None,
        "customer_account": None,
        "metadata": merged_metadata({}, values.get("metadata", {})),
        "type": "card",
    }
    return work.insert("payment_method", body, number=card.number)


def _details(values: dict[str, Any]) -> Json:
    return {name: address(value) if name == "address" else value for name, value in values.items()}
