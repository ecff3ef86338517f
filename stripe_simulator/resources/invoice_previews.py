"""Previews: the invoice that would come next. It is really drafted, shown, and undone."""

from typing import Any

from stripe_simulator import catalog
from stripe_simulator.billing import (
    adjustments,
    coming,
    discounts,
    endings,
    invoice_items,
    invoices,
    metering,
    standing,
    subscriptions,
    tax_ids,
    taxes,
)
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import StripeError, invalid, missing_param, not_simulated
from stripe_simulator.ids import new_id
from stripe_simulator.params import Fields, Flag, Hash, Integer, Metadata, Number, Sequenced, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources import schedule_previews
from stripe_simulator.resources import subscriptions as requests
from stripe_simulator.resources.invoice_items import FIELDS, apply, check_simulated
from stripe_simulator.resources.shapes import ADDRESS, SHIPPING, address, shipping
from stripe_simulator.work import Work

_PRICE_DATA: Fields = {
    "currency": Text(required=True),
    "product": Text(required=True),
    "recurring": catalog.PRICE["recurring"],
    "tax_behavior": Text(),
    "unit_amount": Integer(least=0),
    "unit_amount_decimal": Number(),
}
_ITEM: Fields = {
    **adjustments.ITEM,
    "clear_usage": Flag(),
    "deleted": Flag(),
    "id": Text(),
    "metadata": Metadata(),
    "price": Text(),
    "price_data": Hash(fields=_PRICE_DATA),
    "quantity": Integer(least=0),
}
_SUBSCRIPTION: Fields = {
    "billing_cycle_anchor": Text(choices=("now", "unchanged")),
    "cancel_at": Integer(clearable=True),
    "cancel_at_period_end": Flag(),
    "cancel_now": Flag(),
    "default_tax_rates": taxes.TAX_RATES,
    "items": Sequenced(of=Hash(fields=_ITEM), most=20),
    "metadata": Metadata(),
    "proration_behavior": Text(choices=("always_invoice", "create_prorations", "none")),
    "proration_date": Integer(),
    "trial_end": Integer(words=("now",)),
}
_INVOICE_ITEM: Fields = {name: param for name, param in FIELDS.items() if name != "pricing"} | {
    "currency": Text(longest=3),
    "invoiceitem": Text(),
    "price": Text(),
    "unit_amount": Integer(),
}
_CUSTOMER: Fields = {
    "address": Hash(fields=ADDRESS),
    "shipping": Hash(fields=SHIPPING),
    "tax_exempt": Text(choices=("exempt", "none", "reverse")),
    "tax_ids": Sequenced(of=Hash(fields=tax_ids.TAX_ID), most=tax_ids.MOST),
}
_FIRST_ONLY = ("default_tax_rates", "items", "metadata", "proration_behavior", "trial_end")  # for a new subscription


@endpoint(
    "POST",
    "/v1/invoices/create_preview",
    {
        "automatic_tax": Hash(fields={"enabled": Flag(required=True)}),
        "currency": Text(longest=3),
        "customer": Text(),
        "customer_details": Hash(fields=_CUSTOMER),
        "discounts": discounts.DISCOUNTS,
        "invoice_items": Sequenced(of=Hash(fields=_INVOICE_ITEM)),
        "preview_mode": Text(choices=("next", "recurring")),
        "schedule": Text(),
        "schedule_details": Hash(fields=schedule_previews.DETAILS),
        "subscription": Text(),
        "subscription_details": Hash(fields=_SUBSCRIPTION),
    },
    dry=True,
)
def create_preview(work: Work, values: dict[str, Any]) -> Json:
    """The next invoice of a subscription, a schedule or a customer; or the first one of what is only described."""
    _check_simulated(values)
    details = values.get("subscription_details") or {}
    schedule = schedule_previews.asked(work, values)
    subscription = _named(work, values, schedule)
    customer = _customer(work, values, schedule or subscription)
    _describe(work, customer, values.get("customer_details") or {})
    if subscription is None and not details.get("items") and not values.get("schedule_details"):
        subscription = _earliest(work, customer) if schedule is None else None
    for sent in values.get("invoice_items", []):
        _add(work, customer, subscription, sent)
    if schedule is not None or values.get("schedule_details"):
        invoice = schedule_previews.draft(work, customer, schedule, values)
    elif subscription is not None:
        invoice = _of_subscription(work, customer, subscription, details, values)
    elif details.get("items"):
        invoice = _of_new(work, customer, details, values)
    else:
        invoice = _of_pending(work, customer, values)
    if invoice is None:
        raise StripeError(
            f"No upcoming invoices for customer: {customer['id']}", status=404, code="invoice_upcoming_none"
        )
    return _shown(work, invoice)


def _check_simulated(values: dict[str, Any]) -> None:
    if (values.get("automatic_tax") or {}).get("enabled"):
        raise not_simulated("automatic taxes", "automatic_tax[enabled]")


def _named(work: Work, values: dict[str, Any], schedule: Record | None) -> Record | None:
    if schedule is not None:
        return work.find("subscription", schedule["subscription"])
    return work.get("subscription", values["subscription"], "subscription") if "subscription" in values else None


def _customer(work: Work, values: dict[str, Any], owned: Record | None) -> Record:
    id = values.get("customer") or (owned or {}).get("customer")
    if id is None:
        raise missing_param("customer")
    if owned is not None and owned["customer"] != id:
        what = owned["_kind"].removeprefix("subscription_")
        raise invalid(f"The {what} belongs to another customer.", what)
    return work.get("customer", id, "customer")


def _describe(work: Work, customer: Record, details: dict[str, Any]) -> None:
    with work.edit(customer):
        if details.get("tax_exempt"):
            customer["tax_exempt"] = details["tax_exempt"]
        if "address" in details:
            customer["address"] = address(details["address"])
        if "shipping" in details:
            customer["shipping"] = shipping(details["shipping"])
    if "tax_ids" in details:
        for held in tax_ids.of(work, customer["id"]):
            tax_ids.remove(work, held)
        for position, sent in enumerate(details["tax_ids"]):
            tax_ids.add(work, customer, sent, f"customer_details[tax_ids][{position}]")


def _earliest(work: Work, customer: Record) -> Record | None:
    running = [
        subscription
        for subscription in work.related("subscription", "customer", customer["id"])
        if subscription["status"] not in (*standing.ENDED, "incomplete") and not _ends_first(subscription)
    ]
    return min(running, key=standing.period_end, default=None)


def _add(work: Work, customer: Record, subscription: Record | None, sent: dict[str, Any]) -> None:
    check_simulated(sent)
    if sent.get("invoiceitem"):
        raise not_simulated("changes to existing invoice items in a preview", "invoice_items")
    if sent.get("unit_amount") is not None:
        sent = sent | {"unit_amount_decimal": Number().read(str(sent["unit_amount"]), "unit_amount")}
    owner = {"subscription": subscription["id"]} if subscription else {}
    item = invoice_items.add(work, customer, sent | owner, "invoice_items")
    apply(work, item, sent)


def _of_subscription(
    work: Work, customer: Record, subscription: Record, details: dict[str, Any], values: dict[str, Any]
) -> Record | None:
    if subscription["status"] in standing.ENDED:
        return None
    recurring = values.get("preview_mode") == "recurring"
    if details.get("cancel_now"):
        return None if recurring else _of_ending(work, customer, subscription, details)
    wanted = {name: value for name, value in details.items() if name != "cancel_now"}
    _, invoice = requests.carry_out(work, subscription, wanted | _discounts(values))
    if invoice is not None and not recurring:
        return invoice
    coming.settle(work, invoice)
    return coming.next_draft(work, subscription, recurring=recurring)


def _of_ending(work: Work, customer: Record, subscription: Record, details: dict[str, Any]) -> Record | None:
    at = details.get("proration_date") or work.now(customer["_clock"])
    endings.prorate(work, subscription, at if details.get("proration_behavior") != "none" else None)
    drawn = metering.final_lines(work, subscription, at)
    if not drawn and not invoice_items.waiting(work, subscription):
        return None
    return subscriptions.draft_now(work, subscription, drawn)


def _of_new(work: Work, customer: Record, details: dict[str, Any], values: dict[str, Any]) -> Record | None:
    for name in details:
        if name not in _FIRST_ONLY:
            raise not_simulated(f"{name} in the preview of a new subscription", f"subscription_details[{name}]")
    asked = details | {"customer": customer["id"], "payment_behavior": "default_incomplete"}
    subscription = requests.make(work, asked | _discounts(values))
    invoice = subscriptions.first_draft(work, subscription)
    if values.get("preview_mode") != "recurring":
        return invoice
    with work.edit(subscription):
        subscription["status"] = "trialing" if subscription["trial_end"] else "active"
    coming.settle(work, invoice)
    return coming.next_draft(work, subscription, recurring=True)


def _discounts(values: dict[str, Any]) -> dict[str, Any]:
    """Those of the preview; an empty list does not even leave the customer's."""
    if "discounts" not in values:
        return {}
    return {"discounts": values["discounts"], "_bare": not values["discounts"]}


def _of_pending(work: Work, customer: Record, values: dict[str, Any]) -> Record | None:
    currency = str(values.get("currency") or customer["currency"] or "usd").lower()
    taken = [item for item in invoice_items.pending(work, customer["id"]) if item["currency"] == currency]
    if not taken or values.get("preview_mode") == "recurring":
        return None
    ids = discounts.of_subscription(work, {"discounts": []}, customer)
    if "discounts" in values:
        amount = sum(item["amount"] for item in taken)
        ids = discounts.redeem(work, customer, values["discounts"], currency=currency, amount=amount, invoice="")
    terms: Json = {
        "auto_advance": False,
        "body": {"discounts": ids},
        "collection_method": "charge_automatically",
        "currency": currency,
        "days_until_due": None,
        "subscription": None,
    }
    return invoices.create_by_hand(work, customer, terms, taken)


def _ends_first(subscription: Record) -> bool:
    at = subscription["cancel_at"]
    return at is not None and at <= standing.period_end(subscription)


def _shown(work: Work, invoice: Record) -> Json:
    shown = render(work, invoice)
    owed = shown["total"] + shown["starting_balance"]
    shown |= {"id": new_id("invoice_preview"), "ending_balance": min(owed, 0)}
    if shown["collection_method"] == "charge_automatically":
        shown["next_payment_attempt"] = shown["created"] + invoices.DRAFT_SECONDS
    for line in shown["lines"]["data"]:
        line |= {"id": new_id("line_preview"), "invoice": shown["id"]}
    shown["lines"]["url"] = f"/v1/invoices/{shown['id']}/lines"
    return shown
