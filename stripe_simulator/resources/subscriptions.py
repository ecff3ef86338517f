"""Subscriptions."""

from typing import Any

from stripe_simulator import catalog
from stripe_simulator.billing import (
    adjustments,
    anchors,
    changes,
    clock_limits,
    endings,
    entitlements,
    pausing,
    pending_updates,
    standing,
    trials,
)
from stripe_simulator.billing import subscriptions as engine
from stripe_simulator.billing.subscription_shape import new_subscription
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, missing_param, not_found
from stripe_simulator.events import updating
from stripe_simulator.ids import new_id
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Integer,
    Metadata,
    Range,
    Sequenced,
    Text,
    Unsimulated,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.store import clone
from stripe_simulator.work import Work

_STATUSES = (
    "active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused",
    "trialing", "unpaid",
)  # fmt: skip
_FEEDBACK = (
    "customer_service", "low_quality", "missing_features", "other", "switched_service", "too_complex",
    "too_expensive", "unused",
)  # fmt: skip
PRORATION = Text(choices=("always_invoice", "create_prorations", "none"))
BEHAVIOR = Text(choices=("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"))
PRICE_DATA: Fields = {
    "currency": Text(required=True),
    "product": Text(required=True),
    "recurring": catalog.PRICE["recurring"],
    "tax_behavior": Text(),
    "unit_amount": Integer(least=0),
    "unit_amount_decimal": catalog.PRICE["unit_amount_decimal"],
}
_ITEM: Fields = {
    **adjustments.ITEM,
    "metadata": Metadata(),
    "price": Text(),
    "price_data": Hash(fields=PRICE_DATA),
    "quantity": Integer(least=0),
}
_DETAILS = Hash(fields={"comment": Text(), "feedback": Text(choices=_FEEDBACK, clearable=True)})
_TRIAL_SETTINGS = Hash(
    fields={
        "end_behavior": Hash(
            fields={"missing_payment_method": Text(required=True, choices=("cancel", "create_invoice", "pause"))}
        )
    }
)
_PAYMENT_SETTINGS = Hash(
    fields={
        "payment_method_options": Unsimulated(),
        "payment_method_types": Sequenced(of=Text()),
        "save_default_payment_method": Text(choices=("off", "on_subscription")),
    }
)
_SHARED: Fields = {
    **dict.fromkeys(
        (
            "application_fee_percent",
            "automatic_tax",
            "backdate_start_date",
            "billing_schedules",
            "billing_thresholds",
            "customer_account",
            "default_source",
            "invoice_settings",
            "on_behalf_of",
            "pending_invoice_item_interval",
            "transfer_data",
        ),
        Unsimulated(),
    ),
    **adjustments.SUBSCRIPTION,
    "cancel_at": Integer(clearable=True, words=("max_period_end", "min_period_end")),
    "cancel_at_period_end": Flag(),
    "collection_method": Text(choices=("charge_automatically", "send_invoice")),
    "days_until_due": Integer(least=0),
    "default_payment_method": Text(),
    "description": Text(longest=500),
    "metadata": Metadata(),
    "off_session": Flag(),
    "payment_behavior": BEHAVIOR,
    "payment_settings": _PAYMENT_SETTINGS,
    "proration_behavior": PRORATION,
    "trial_end": Integer(words=("now",)),
    "trial_from_plan": Flag(),
    "trial_settings": _TRIAL_SETTINGS,
}


@endpoint(
    "POST",
    "/v1/subscriptions",
    _SHARED
    | anchors.ANCHOR
    | {
        "billing_mode": Hash(fields={"type": Text(required=True, choices=("classic", "flexible"))}),
        "currency": Text(),
        "customer": Text(required=True),
        "items": Sequenced(of=Hash(fields=_ITEM), most=20),
        "trial_period_days": Integer(least=1, most=730),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """Subscribe a customer: first invoice and its payment included."""
    subscription = make(work, values)
    engine.start(work, subscription, values.get("payment_behavior", "allow_incomplete"))
    return render(work, subscription)


def make(work: Work, values: dict[str, Any]) -> Record:
    """The subscription that a request describes, not yet started."""
    customer = work.get("customer", values["customer"], "customer")
    clock_limits.check_subscription(work, customer)
    if not values.get("items"):
        raise missing_param("items")
    if values.get("payment_behavior") == "pending_if_incomplete":
        raise invalid("pending_if_incomplete can only be used when updating a subscription.", "payment_behavior")
    clock = customer["_clock"]
    now = work.now(clock)
    id = new_id("subscription")
    items = [_new_item(work, id, sent, index, now) for index, sent in enumerate(values["items"])]
    changes.check_items(work, items)
    currency = work.get("price", items[0]["price"])["currency"]
    _check_currency(customer, currency)
    if values.get("currency", currency) != currency:
        raise invalid("The currency must match that of the prices.", "currency")
    trial_end = trials.end(work, items, values, now)
    body = new_subscription(customer, items, id, currency, now, trial_end)
    subscription = work.insert("subscription", body, id=id, clock=clock, trial_notice=False)
    _apply(work, subscription, values)
    if values.get("billing_mode", {}).get("type") == "classic":
        subscription["billing_mode"] = {"flexible": None, "type": "classic"}
    anchors.apply(work, subscription, engine.recurring_of(work, subscription), values)
    if values.get("cancel_at_period_end"):
        subscription["cancel_at_period_end"] = True
        endings.mark_requested(subscription, now)
    adjustments.of_new(work, subscription, values)
    if customer["currency"] is None:
        with updating(work, customer):
            customer["currency"] = currency
    return subscription


@endpoint("GET", "/v1/subscriptions/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A subscription."""
    return render(work, work.get("subscription", id))


@endpoint(
    "POST",
    "/v1/subscriptions/<id>",
    _SHARED
    | pausing.COLLECTION
    | {
        "billing_cycle_anchor": Text(choices=("now", "unchanged")),
        "cancellation_details": _DETAILS,
        "items": Sequenced(
            of=Hash(fields=_ITEM | {"id": Text(), "deleted": Flag(), "clear_usage": Unsimulated()}), most=20
        ),
        "proration_date": Integer(),
        "trial_from_plan": Unsimulated(),
    },
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what is sent; changed items are prorated by the second."""
    subscription = work.get("subscription", id)
    change(work, subscription, values)
    return render(work, subscription)


def change(work: Work, subscription: Record, values: dict[str, Any]) -> None:
    """An update with all that follows from it: invoice, payment, entitlements."""
    if set(values) - {"metadata", "cancellation_details"}:
        engine.require_running(subscription)
    if subscription["schedule"] and {"cancel_at", "cancel_at_period_end"} & values.keys():
        raise invalid(
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating any "
            "cancelation behavior directly is not allowed. Please update the schedule instead.",
        )
    if pending_updates.REPLACED_BY & values.keys():
        engine.give_up_pending(work, subscription)
    if values.get("payment_behavior") == "pending_if_incomplete":
        _change_once_paid(work, subscription, values)
        return
    done, invoice = carry_out(work, subscription, values)
    standing.schedule(work, subscription)
    if invoice is not None:
        engine.collect(work, invoice, values.get("payment_behavior", "allow_incomplete"))
    if done.differs:
        entitlements.refresh(work, subscription["customer"])


def carry_out(work: Work, subscription: Record, values: dict[str, Any]) -> tuple[changes.Change, Record | None]:
    """Do what an update asks for; what changed, and the draft to collect at once where there is one."""
    with updating(work, subscription):
        return _carry_out(work, subscription, values)


def _carry_out(work: Work, subscription: Record, values: dict[str, Any]) -> tuple[changes.Change, Record | None]:
    _apply(work, subscription, values)
    adjustments.of_subscription(work, subscription, values)
    adjustments.add_extras(work, subscription, values)
    if "cancel_at_period_end" in values:
        endings.announce_at_period_end(work, subscription, values["cancel_at_period_end"])
    change = changes.apply(work, subscription, values)
    return change, changes.bill(work, subscription, change, values)


def _change_once_paid(work: Work, subscription: Record, values: dict[str, Any]) -> None:
    pending_updates.check(subscription, values)
    before = clone(subscription)
    with updating(work, subscription):
        done, invoice = _carry_out(work, subscription, values)
        if invoice is not None:
            pending_updates.hold(subscription, before, invoice)
    standing.schedule(work, subscription)
    if invoice is not None:
        engine.collect_held(work, subscription, invoice)
    elif done.differs:
        entitlements.refresh(work, subscription["customer"])


@endpoint(
    "POST",
    "/v1/subscriptions/<id>/resume",
    {
        "billing_cycle_anchor": Text(choices=("now", "unchanged")),
        "proration_behavior": PRORATION,
        "proration_date": Unsimulated(),
    },
)
def resume(work: Work, values: dict[str, Any], id: str) -> Json:
    """Begin again after a trial that ended without a card."""
    subscription = work.get("subscription", id)
    pausing.resume(work, subscription, values)
    return render(work, subscription)


@endpoint(
    "DELETE",
    "/v1/subscriptions/<id>",
    {"cancellation_details": _DETAILS, "invoice_now": Flag(), "prorate": Flag()},
)
def cancel(work: Work, values: dict[str, Any], id: str) -> Json:
    """Cancel now."""
    subscription = work.get("subscription", id)
    if subscription["status"] in standing.ENDED:
        raise not_found("subscription", id, "id")
    if values.get("cancellation_details"):
        with work.edit(subscription):
            subscription["cancellation_details"] |= values["cancellation_details"]
    prorate, invoice_now = values.get("prorate", False), values.get("invoice_now", False)
    endings.cancel(work, subscription, with_credit=prorate, invoice_now=invoice_now)
    return render(work, subscription)


@endpoint(
    "GET",
    "/v1/subscriptions",
    LISTING
    | {
        "collection_method": Text(),
        "created": Range(),
        "current_period_end": Range(),
        "current_period_start": Range(),
        "customer": Text(),
        "price": Text(),
        "status": Text(choices=_STATUSES),
        "test_clock": Text(),
    },
)
def list_subscriptions(work: Work, values: dict[str, Any]) -> Json:
    """Subscriptions; those that ended only when asked for by ``status``."""
    customer, clock = values.get("customer"), values.get("test_clock")
    if customer is not None:
        found: Any = work.related("subscription", "customer", customer)
    else:
        found = [record for record in work.all("subscription") if record["_clock"] == clock]
    chosen = [record for record in found if _listed(record, values)]
    return page(work, chosen, values, "/v1/subscriptions")


def _listed(record: Record, values: dict[str, Any]) -> bool:
    status = values.get("status")
    first = record["items"]["data"][0]
    if status is None:
        if record["status"] in standing.ENDED:
            return False
    elif status == "ended":
        if record["status"] not in standing.ENDED:
            return False
    elif status not in ("all", record["status"]):
        return False
    price, method = values.get("price"), values.get("collection_method")
    return (
        (price is None or any(item["price"] == price for item in record["items"]["data"]))
        and method in (None, record["collection_method"])
        and within(values.get("created"), record["created"])
        and within(values.get("current_period_start"), first["current_period_start"])
        and within(values.get("current_period_end"), first["current_period_end"])
    )


def _new_item(work: Work, id: str, sent: dict[str, Any], index: int, now: int) -> Json:
    price = changes.price_of(work, sent, f"items[{index}]")
    return engine.new_item(work, id, price, sent, now)


def _check_currency(customer: Record, currency: str) -> None:
    if customer["currency"] not in (None, currency):
        raise invalid(
            "You cannot combine currencies on a single customer. This customer has had a subscription, "
            f"coupon, or invoice item with currency {customer['currency']}.",
        )


def _apply(work: Work, subscription: Record, values: dict[str, Any]) -> None:
    for name in ("collection_method", "days_until_due", "description"):
        if name in values:
            subscription[name] = values[name]
    if "metadata" in values:
        subscription["metadata"] = merged_metadata(subscription["metadata"], values["metadata"])
    if "default_payment_method" in values:
        subscription["default_payment_method"] = _own_method(work, subscription, values["default_payment_method"])
    if values.get("payment_settings"):
        subscription["payment_settings"] |= values["payment_settings"]
    if values.get("trial_settings"):
        behavior = values["trial_settings"]["end_behavior"]
        subscription["trial_settings"] = {"end_behavior": behavior}
    if "pause_collection" in values:
        pausing.set_collection(work, subscription, values["pause_collection"])
    if values.get("cancellation_details"):
        subscription["cancellation_details"] |= values["cancellation_details"]
    if "cancel_at" in values:
        endings.announce(work, subscription, values["cancel_at"])
    if subscription["collection_method"] == "send_invoice" and subscription["days_until_due"] is None:
        raise invalid("If `collection_method` is `send_invoice`, days_until_due is required.", "days_until_due")


def _own_method(work: Work, subscription: Record, id: str | None) -> str | None:
    if id is None:
        return None
    method = work.get("payment_method", id, "default_payment_method")
    if method["customer"] != subscription["customer"]:
        raise invalid(
            f"The customer does not have a payment method with the ID {id}. The payment method must be "
            "attached to the customer.",
            "default_payment_method",
            "resource_missing",
        )
    return id
