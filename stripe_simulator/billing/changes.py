"""Changes to a running subscription: new items, prices and quantities, prorated by the second.

A change in mid-period becomes one credit line for what was billed and not used, and one debit line for the
rest of the period at the new terms, each rounded on its own. They wait for the next invoice, or are invoiced
at once.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from stripe_simulator import catalog, proration
from stripe_simulator.billing import adjustments, billed, lines, metering, standing, subscriptions
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, missing_param, not_found, not_simulated
from stripe_simulator.events import emit
from stripe_simulator.money import amount_of, rounded
from stripe_simulator.params import merged_metadata
from stripe_simulator.periods import boundary
from stripe_simulator.rendering import Json
from stripe_simulator.store import clone
from stripe_simulator.work import Work


@dataclass
class Change:
    """What an update did: whether items differ, and whether a new period began."""

    old: list[Json]
    at: int
    prorates: bool
    restarted: bool = False
    differs: bool = False


def price_of(work: Work, sent: dict[str, Any], prefix: str) -> Record:
    """The recurring price that an item names, or a new one from ``price_data``.

    An archived price can't be taken anew, but it stays where it is ``_agreed`` on.
    """
    if sent.get("price_data"):
        return catalog.add_price(work, sent["price_data"] | {"active": False}, f"{prefix}[price_data]")
    if not sent.get("price"):
        raise missing_param(f"{prefix}[price]")
    price = work.get("price", sent["price"], f"{prefix}[price]")
    if not price["active"] and not sent.get("_agreed"):
        raise invalid("The price specified is inactive. This field only accepts active prices.", f"{prefix}[price]")
    if price["recurring"] is None:
        raise invalid(
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            f"{prefix}[price]",
        )
    return price


def check_items(work: Work, items: list[Json]) -> None:
    """One currency, one interval, no price twice."""
    if not items:
        raise invalid("A subscription must have at least one active plan.", "items")
    used = [work.get("price", item["price"]) for item in items]
    if len({price["currency"] for price in used}) > 1:
        raise invalid("Price currencies must match across all subscription items.", "items")
    if len({(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in used}) > 1:
        raise not_simulated("items with different intervals in one subscription", "items")
    if len({price["id"] for price in used}) < len(used):
        raise invalid("Cannot add multiple subscription items with the same plan.", "items")


def apply(work: Work, subscription: Record, values: dict[str, Any]) -> Change:
    """Put the new items and trial end in place (within an ``updating`` block); ``bill`` follows."""
    now = work.now(subscription["_clock"])
    change = Change(
        old=clone(subscription["items"]["data"]),
        at=_proration_date(subscription, values, now),
        prorates=values.get("proration_behavior") != "none" and subscription["status"] in ("active", "past_due"),
    )
    interval = subscriptions.recurring_of(work, subscription)
    if values.get("items"):
        _change_items(work, subscription, values["items"], now)
        change.differs = _billed(change.old) != _billed(subscription["items"]["data"])
    if "trial_end" in values:
        _change_trial(work, subscription, values["trial_end"], now, change)
    elif subscription["status"] != "trialing" and (
        subscriptions.recurring_of(work, subscription) != interval or values.get("billing_cycle_anchor") == "now"
    ):
        _restart(work, subscription, now, change)
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = standing.period_end(subscription)
    return change


def apply_at_renewal(work: Work, subscription: Record, values: dict[str, Any]) -> Change:
    """Put new items in place as a period ends (within an ``updating`` block); the renewal that follows bills them."""
    ends = standing.period_end(subscription)
    change = Change(old=clone(subscription["items"]["data"]), at=ends, prorates=False)
    interval = subscriptions.recurring_of(work, subscription)
    _change_items(work, subscription, values["items"], ends)
    change.differs = _billed(change.old) != _billed(subscription["items"]["data"])
    if subscriptions.recurring_of(work, subscription) != interval or values.get("billing_cycle_anchor") == "now":
        subscription["billing_cycle_anchor"] = ends
    return change


def bill(work: Work, subscription: Record, change: Change, values: dict[str, Any]) -> Record | None:
    """Prorate what changed; the draft to collect at once, where Stripe would, or None."""
    old = {item["id"]: item for item in change.old}
    new = {item["id"]: item for item in subscription["items"]["data"]}
    if change.prorates and (change.differs or change.restarted):
        for id, item in old.items():
            if change.restarted or _terms(item) != _terms(new.get(id)):
                _credit(work, subscription, item, change.at)
        for id, item in new.items():
            if not change.restarted and _terms(item) != _terms(old.get(id)):
                _debit(work, subscription, item, change.at)
    if change.restarted:
        free = subscription["status"] == "trialing"
        drawn = [lines.period_line(work, subscription, item, free=free) for item in subscription["items"]["data"]]
        return subscriptions.draft_now(work, subscription, drawn)
    if change.prorates and change.differs and values.get("proration_behavior") == "always_invoice":
        return subscriptions.draft_now(work, subscription, [])
    return None


def credit_all(work: Work, subscription: Record, at: int) -> None:
    """Pending credits for the unused time of every item, when a subscription ends in mid-period."""
    for item in subscription["items"]["data"]:
        _credit(work, subscription, item, at)


def _proration_date(subscription: Record, values: dict[str, Any], now: int) -> int:
    at = values.get("proration_date") or now
    first = subscription["items"]["data"][0]
    if not first["current_period_start"] <= at <= first["current_period_end"]:
        raise invalid("Cannot specify proration_date outside of current billing period.", "proration_date")
    return int(at)


def _terms(item: Json | None) -> tuple[str, int | None] | None:
    return None if item is None else (item["price"], item["quantity"])


def _billed(items: list[Json]) -> list[tuple[str, str, int | None]]:
    return sorted((item["id"], item["price"], item["quantity"]) for item in items)


def _change_items(work: Work, subscription: Record, sent: list[dict[str, Any]], now: int) -> None:
    items: list[Json] = subscription["items"]["data"]
    for index, values in enumerate(sent):
        if values.get("id"):
            item = next((item for item in items if item["id"] == values["id"]), None)
            if item is None:
                raise not_found("subscription_item", values["id"], f"items[{index}][id]", 400)
            if values.get("deleted"):
                items.remove(item)
                continue
            _change_item(work, item, values, f"items[{index}]")
            adjustments.of_item(work, subscription, item, values, f"items[{index}]")
        else:
            price = price_of(work, values, f"items[{index}]")
            item = subscriptions.new_item(work, subscription["id"], price, values, now)
            first = items[0] if items else {"current_period_start": now, "current_period_end": now}
            item |= {name: first[name] for name in ("current_period_start", "current_period_end")}
            items.append(item)
            adjustments.of_item(work, subscription, item, values, f"items[{index}]")
    check_items(work, items)
    if work.get("price", items[0]["price"])["currency"] != subscription["currency"]:
        raise invalid("The price's currency must match the subscription's.", "items")


def _change_item(work: Work, item: Json, values: dict[str, Any], prefix: str) -> None:
    if values.get("price") or values.get("price_data"):
        item["price"] = price_of(work, values | {"_agreed": _agreed(item, values)}, prefix)["id"]
    asked = {"quantity": item["quantity"] or 1} if values.get("quantity") is None else values
    price = work.get("price", item["price"])
    item["quantity"] = subscriptions.licensed_quantity(price, values if metering.is_metered(price) else asked)
    if "metadata" in values:
        item["metadata"] = merged_metadata(item["metadata"], values["metadata"])


def _agreed(item: Json, values: dict[str, Any]) -> bool:
    return bool(values.get("_agreed") or values.get("price") == item["price"])


def _change_trial(work: Work, subscription: Record, wanted: int | str, now: int, change: Change) -> None:
    if subscription["status"] != "trialing":
        if wanted == "now":
            return
        if subscription["status"] not in ("active", "past_due"):
            raise not_simulated("a trial added to a subscription that is not active", "trial_end")
    if wanted == "now":
        subscription |= {"trial_end": now, "status": "active"}
        _restart(work, subscription, now, change)
        return
    if int(wanted) <= now:
        raise invalid("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
    subscription |= {"trial_end": int(wanted), "billing_cycle_anchor": int(wanted), "_trial_notice": False}
    if subscription["status"] == "trialing":
        start = subscription["items"]["data"][0]["current_period_start"]
    else:  # what was paid for the time from now on is credited
        start = change.at = now
        change.restarted = True
        subscription |= {"status": "trialing", "trial_start": now}
    subscriptions.set_period(subscription, start, int(wanted))


def _restart(work: Work, subscription: Record, now: int, change: Change) -> None:
    """A new period begins now, and with it a new anchor."""
    interval = subscriptions.recurring_of(work, subscription)
    subscription["billing_cycle_anchor"] = now
    subscriptions.set_period(subscription, now, boundary(now, *interval, 1))
    change.restarted = True


def _credit(work: Work, subscription: Record, item: Json, at: int) -> None:
    if metering.is_metered(work.get("price", item["price"])):
        _bill_usage(work, subscription, item, at)
        return
    amount = billed.unused(work, subscription, item, at)
    credited = billed.credited_items(item)
    _pend(work, subscription, item, work.get("price", item["price"]), amount, at, "Unused time on", credited=credited)


def _debit(work: Work, subscription: Record, item: Json, at: int) -> None:
    if metering.is_metered(work.get("price", item["price"])):
        return
    share = billed.remaining(work, subscription, item, at)
    whole = billed.full_price(work, subscription, item)
    amount = proration.debit(Fraction(whole.net), share)
    period = {"start": at, "end": item["current_period_end"]}
    pending = _pend(work, subscription, item, work.get("price", item["price"]), amount, at, "Remaining time on")
    gross = proration.debit(Fraction(whole.gross), share)
    item["_billed"] = {"gross": gross, "net": amount, **period, "item": pending["id"]}


def bill_usage_of_leaving(
    work: Work, subscription: Record, sent: list[dict[str, Any]], *, of_all: bool = False
) -> None:
    """Usage of the metered items that a change of items is about to take away, at the end of their period.

    ``of_all`` where no renewal follows that would bill the others.
    """
    leaving = {values["id"] for values in sent if values.get("id") and (values.get("deleted") or values.get("price"))}
    for item in subscription["items"]["data"]:
        if (of_all or item["id"] in leaving) and metering.is_metered(work.get("price", item["price"])):
            _bill_usage(work, subscription, item, item["current_period_end"])


def _bill_usage(work: Work, subscription: Record, item: Json, at: int) -> None:
    """A metered item that goes leaves what it counted so far, at its own price."""
    start = item["current_period_start"]
    price, quantity = work.get("price", item["price"]), metering.usage(work, subscription, item, start, at)
    if quantity:
        used = item | {"quantity": quantity, "current_period_end": at}
        _pend(work, subscription, used, price, rounded(amount_of(price, quantity)), start, "Usage of", False)
    for kept in subscription["items"]["data"]:
        if kept["id"] == item["id"]:
            kept["_since"] = at  # what follows is counted for the item as it is now


def _pend(
    work: Work,
    subscription: Record,
    item: Json,
    price: Record,
    amount: int,
    at: int,
    words: str,
    prorated: bool = True,
    credited: Json | None = None,
) -> Record:
    name = work.get("product", price["product"])["name"]
    times = f"{item['quantity']} × " if item["quantity"] != 1 else ""
    body: Record = {
        "amount": amount,
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "customer_account": None,
        "date": work.now(subscription["_clock"]),
        "description": f"{words} {times}{name}",
        "discountable": False,
        "discounts": [],
        "invoice": None,
        "metadata": {},
        "net_amount": amount,
        "parent": {
            "subscription_details": {"subscription": subscription["id"], "subscription_item": item["id"]},
            "type": "subscription_details",
        },
        "period": {"start": at, "end": item["current_period_end"]},
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "proration": prorated,
        "proration_details": {"credited_items": credited, "discount_amounts": []} if prorated else None,
        "quantity": item["quantity"],
        "quantity_decimal": str(item["quantity"]),
        "tax_rates": list(item["tax_rates"]),
        "test_clock": subscription["test_clock"],
    }
    pending = work.insert("invoiceitem", body, clock=subscription["_clock"], subscription=subscription["id"])
    emit(work, "invoiceitem.created", pending)
    return pending
