"""A record as the JSON that leaves the simulator: private fields dropped, references within it resolved."""

import json
from collections.abc import Callable
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.money import json_number
from stripe_simulator.validity import code_is_active, coupon_is_valid
from stripe_simulator.work import Work

Json = dict[str, Any]
EMBEDDED_LINES = 10  # Stripe embeds no more of an invoice's lines than this


def render(work: Work, record: Record) -> Json:
    """The object as the API shows it, without expansions."""
    shown = public(record)
    special = _SPECIAL.get(record["_kind"])
    return shown if special is None else special(work, record, shown)


def list_object(url: str, data: list[Json], has_more: bool = False) -> Json:
    """A list as Stripe wraps it."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def public(value: Any) -> Any:
    """A copy without private fields, at any depth; names in metadata are the merchant's own."""
    if type(value) is list:
        return [public(child) if type(child) in _NESTING else child for child in value]
    if type(value) is not dict:
        return value
    shown = {}
    for key, child in value.items():  # a loop: every event is drawn by it
        if key[:1] != "_":
            if type(child) in _NESTING:
                child = type(child)(child) if not child or key == "metadata" else public(child)
            shown[key] = child
    return shown


_NESTING = frozenset((dict, list))


def render_item(work: Work, item: Record) -> Json:
    """A subscription item with its price, and the plan that older code still reads."""
    shown: Json = public(item)
    shown["tax_rates"] = rates(work, item["tax_rates"])
    price = work.get("price", item["price"])
    if price["recurring"]["usage_type"] == "metered":
        shown.pop("quantity")
    return shown | {"price": render(work, price), "plan": _plan(price)}


def _plan(price: Record) -> Json:
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": dict(price["metadata"]),
        "meter": recurring["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
    }


def _subscription(work: Work, record: Record, shown: Json) -> Json:
    shown["default_tax_rates"] = rates(work, record["default_tax_rates"])
    shown["items"]["data"] = [render_item(work, item) for item in record["items"]["data"]]
    pending = shown["pending_update"]
    if pending is not None and pending["subscription_items"] is not None:
        items = record["pending_update"]["subscription_items"]
        pending["subscription_items"] = [render_item(work, item) for item in items]
    return shown


def _invoice(work: Work, record: Record, shown: Json) -> Json:
    shown["default_tax_rates"] = rates(work, record["default_tax_rates"])
    if record["status"] == "draft":
        shown["customer_tax_ids"] = customer_tax_ids(work, record["customer"])
    lines = shown["lines"]
    lines["has_more"] = len(lines["data"]) > EMBEDDED_LINES
    lines["data"] = lines["data"][:EMBEDDED_LINES]
    return shown


def customer_tax_ids(work: Work, customer: str) -> list[Json]:
    """A customer's tax ids as its invoices show them; when they are finalised they keep what they showed."""
    return [{"type": one["type"], "value": one["value"]} for one in work.related("tax_id", "customer", customer)]


def rates(work: Work, ids: list[str]) -> list[Json]:
    """Tax rates in full, as Stripe embeds them."""
    return [render(work, work.get("tax_rate", id)) for id in ids]


def _customer(work: Work, record: Record, shown: Json) -> Json:
    discount = work.find("discount", record["discount"])
    return shown | {"discount": None if discount is None else render(work, discount)}


def _coupon(work: Work, record: Record, shown: Json) -> Json:
    valid = coupon_is_valid(record, work.now())
    return shown | {"percent_off": json_number(record["percent_off"]), "valid": valid}


def _promotion_code(work: Work, record: Record, shown: Json) -> Json:
    coupon = work.find("coupon", record["promotion"]["coupon"])
    return shown | {"active": code_is_active(record, coupon, work.now())}


def _tax_rate(work: Work, record: Record, shown: Json) -> Json:
    return shown | {"percentage": json_number(record["percentage"])}


def _invoice_item(work: Work, record: Record, shown: Json) -> Json:
    return shown | {"tax_rates": rates(work, record["tax_rates"])}


def _schedule(work: Work, record: Record, shown: Json) -> Json:
    for phase in shown["phases"]:
        phase["default_tax_rates"] = rates(work, phase["default_tax_rates"])
        for item in phase["items"]:
            item["tax_rates"] = rates(work, item["tax_rates"])
    return shown


def _credit_note(work: Work, record: Record, shown: Json) -> Json:
    lines = shown["lines"]
    lines["data"] = [render_note_line(work, line) for line in record["lines"]["data"][:EMBEDDED_LINES]]
    lines["has_more"] = len(record["lines"]["data"]) > EMBEDDED_LINES
    return shown


def render_note_line(work: Work, line: Record) -> Json:
    """A line of a credit note with its tax rates."""
    shown: Json = public(line)
    return shown | {"tax_rates": rates(work, line["tax_rates"])}


def _product_feature(work: Work, record: Record, shown: Json) -> Json:
    return shown | {"entitlement_feature": render(work, work.get("entitlements.feature", record["_feature"]))}


def _meter_event(work: Work, record: Record, shown: Json) -> Json:
    shown.pop("id")  # Stripe knows them by their identifier alone
    return shown


def _event(work: Work, record: Record, shown: Json) -> Json:
    return shown | {"data": json.loads(work.store.text(record))}  # events are many and seldom read


_SPECIAL: dict[str, Callable[[Work, Record, Json], Json]] = {
    "billing.meter_event": _meter_event,
    "coupon": _coupon,
    "credit_note": _credit_note,
    "customer": _customer,
    "event": _event,
    "invoiceitem": _invoice_item,
    "tax_rate": _tax_rate,
    "subscription": _subscription,
    "subscription_schedule": _schedule,
    "invoice": _invoice,
    "product_feature": _product_feature,
    "promotion_code": _promotion_code,
}
