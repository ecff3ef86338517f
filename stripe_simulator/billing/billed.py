"""What an item was billed for its period, and would be billed now: the two sides of a proration.

In the flexible billing mode a credit is a share of what was really billed, after discounts, whatever the
terms have become since. In the classic mode it is a share of the item's present price, under the discounts
that it was last billed with.
"""

from dataclasses import dataclass
from fractions import Fraction

from stripe_simulator import proration
from stripe_simulator.billing import discounts, lines
from stripe_simulator.database import Record
from stripe_simulator.money import rounded
from stripe_simulator.periods import whole_period
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work


@dataclass(frozen=True)
class Whole:
    """An item's price for a whole period in minor units: before and after the discounts that run now."""

    gross: Fraction
    net: Fraction


def unused(work: Work, subscription: Record, item: Json, at: int) -> int:
    """The credit (at most 0 for what was owed) for an item's time after ``at``, in minor units."""
    last = item.get("_billed")
    if last is None:
        return proration.credit(lines.item_amount(work, item), remaining(work, subscription, item, at))
    if subscription["billing_mode"]["type"] == "flexible" or last["gross"] == 0:
        return proration.credit(Fraction(last["net"]), proration.unused_share(last["start"], last["end"], at))
    kept = Fraction(last["net"], last["gross"])
    return proration.credit(lines.item_amount(work, item) * kept, remaining(work, subscription, item, at))


def remaining(work: Work, subscription: Record, item: Json, at: int) -> Fraction:
    """The share of a whole period, the one that a price is for, that lies between ``at`` and the item's period end."""
    recurring = work.get("price", item["price"])["recurring"]
    interval = recurring["interval"], recurring["interval_count"]
    start, end = item["current_period_start"], item["current_period_end"]
    whole = whole_period(subscription["billing_cycle_anchor"], *interval, start, end)
    return proration.unused_share(min(whole, start), end, max(at, start))


def credited_items(item: Json) -> Json | None:
    """What a credit is for: the lines that billed the item, or the invoice item that is still to be billed."""
    last = item.get("_billed") or {}
    if "source" in last:
        return {"invoice_item": None, "invoice_line_item_details": dict(last["source"]), "type": "invoice_line_items"}
    if "item" in last:
        return {"invoice_item": last["item"], "invoice_line_item_details": None, "type": "invoice_item"}
    return None


def full_price(work: Work, subscription: Record, item: Json) -> Whole:
    """What an item costs for a whole period, with its part of the subscription's running discounts."""
    gross = lines.item_amount(work, item)
    customer = work.get("customer", subscription["customer"])
    shared = discounts.of_subscription(work, subscription, customer)
    if not shared and not item["discounts"]:
        return Whole(gross, gross)
    return Whole(gross, Fraction(_net(work, subscription, item, shared)))


def _net(work: Work, subscription: Record, item: Json, shared: list[str]) -> int:
    """The item's net on an invoice of all items for a whole period: fixed amounts are divided among them."""
    items: list[Json] = subscription["items"]["data"]
    now = work.now(subscription["_clock"])
    drawn = [lines.period_line(work, subscription, each) for each in items]
    left = [rounded(lines.item_amount(work, each)) for each in items]
    for position, each in enumerate(items):
        for discount in discounts.running(work, each["discounts"], now):
            discounts.take(discount, drawn, left, [position], subscription["currency"])
    for discount in discounts.running(work, shared, now):
        discounts.take(discount, drawn, left, range(len(items)), subscription["currency"])
    return left[next(position for position, each in enumerate(items) if each["id"] == item["id"])]
