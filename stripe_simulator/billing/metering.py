"""Metered billing: what a meter counted for a customer, and the lines that bill it when a period has ended."""

from collections.abc import Callable, Sequence
from typing import Any

from stripe_simulator.billing import lines
from stripe_simulator.database import Record
from stripe_simulator.money import amount_of, rounded
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

EVENT = "billing.meter_event"


def is_metered(price: Record) -> bool:
    """Whether a price bills what a meter counted, after the period."""
    return bool(price["recurring"]) and price["recurring"]["usage_type"] == "metered"


def counted(work: Work, meter: Record, customer: str, start: int, end: int) -> int:
    """A meter's value for a customer from ``start`` up to, not including, ``end`` (Unix seconds)."""
    formula = _FORMULAS[meter["default_aggregation"]["formula"]]
    return formula([event for event in events_of(work, meter, customer) if start <= event["timestamp"] < end])


def events_of(work: Work, meter: Record, customer: str) -> list[Record]:
    """A customer's events on a meter that were not canceled."""
    return work.related(EVENT, "meter_customer", f"{meter['id']}/{customer}")


def _last(events: Sequence[Record]) -> int:
    newest = max(events, key=lambda event: (event["timestamp"], event["id"]), default=None)
    return int(newest["_value"]) if newest else 0


_FORMULAS: dict[str, Callable[[Sequence[Record]], int]] = {
    "count": len,
    "last": _last,
    "sum": lambda events: sum(event["_value"] for event in events),
}


def usage(work: Work, subscription: Record, item: Record, start: int, end: int) -> int:
    """What a metered item is billed for; a negative count bills nothing."""
    price = work.get("price", item["price"])
    meter = work.get("billing.meter", price["recurring"]["meter"])
    since = int(item.get("_since") or item["created"])
    return max(counted(work, meter, subscription["customer"], max(start, since), end), 0)


def usage_line(work: Work, subscription: Record, item: Record, start: int, end: int) -> Json:
    """The line for a metered item's usage in a period that ended, or ends now."""
    price = work.get("price", item["price"])
    quantity = usage(work, subscription, item, start, end)
    line = lines.period_line(work, subscription, item | {"quantity": quantity}, free=True)
    line["pricing"]["unit_amount_decimal"] = price["unit_amount_decimal"]
    line["period"] = {"start": start, "end": end}
    line["_usage"] = {"item": dict(item)}
    _fill(work, line, price, quantity)
    return line


def _fill(work: Work, line: Json, price: Record, quantity: int) -> None:
    amount = rounded(amount_of(price, quantity))  # a first tier's flat amount is due for nothing, too
    name = work.get("product", price["product"])["name"]
    line |= {
        "amount": amount,
        "subtotal": amount,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "description": f"{quantity} × {name}{lines.rate(price)}",
    }


def recount(work: Work, invoice: Record) -> bool:
    """Count usage again as a draft finalises: events reported within its hour still belong to the period."""
    changed = False
    subscription = work.find("subscription", invoice["_subscription"])
    for line in invoice["lines"]["data"]:
        drawn: Any = line.get("_usage")
        if drawn is None or subscription is None:
            continue
        item, period, before = drawn["item"], line["period"], line["quantity"]
        quantity = usage(work, subscription, item, period["start"], period["end"])
        if quantity != before:
            _fill(work, line, work.get("price", item["price"]), quantity)
            changed = True
    return changed


def counts(invoice: Record) -> bool:
    """Whether an invoice bills usage, which may still be reported while it is a draft."""
    return any("_usage" in line for line in invoice["lines"]["data"])


def cycle_lines(work: Work, subscription: Record, previous: tuple[int, int]) -> list[Json]:
    """Lines of a renewal: the coming period of licensed items, the period gone by of metered ones."""
    drawn = []
    for item in subscription["items"]["data"]:
        if is_metered(work.get("price", item["price"])):
            drawn.append(usage_line(work, subscription, item, *previous))
        else:
            drawn.append(lines.period_line(work, subscription, item))
    return drawn


def coming_lines(work: Work, subscription: Record) -> list[Json]:
    """Lines of the current period, of which metered items have used nothing yet."""
    return [lines.period_line(work, subscription, item) for item in subscription["items"]["data"]]


def final_lines(work: Work, subscription: Record, now: int) -> list[Json]:
    """Usage that was not billed when a subscription ends; in a trial it was free."""
    drawn: list[Json] = []
    if subscription["status"] == "trialing":
        return drawn
    for item in subscription["items"]["data"]:
        if is_metered(work.get("price", item["price"])):
            line = usage_line(work, subscription, item, item["current_period_start"], now)
            if line["quantity"]:
                drawn.append(line)
    return drawn
