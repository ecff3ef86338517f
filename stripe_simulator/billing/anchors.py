"""A billing anchor of one's own at creation: a first period that is shorter, and costs its share."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from stripe_simulator import proration
from stripe_simulator.billing import lines
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, not_simulated
from stripe_simulator.params import Fields, Hash, Integer
from stripe_simulator.periods import boundary
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

ANCHOR: Fields = {
    "billing_cycle_anchor": Integer(least=0),
    "billing_cycle_anchor_config": Hash(
        fields={
            "day_of_month": Integer(required=True, least=1, most=31),
            "hour": Integer(least=0, most=23),
            "minute": Integer(least=0, most=59),
            "month": Integer(least=1, most=12),
            "second": Integer(least=0, most=59),
        }
    ),
}


def apply(work: Work, subscription: Record, interval: tuple[str, int], values: dict[str, Any]) -> None:
    """Set the anchor that was asked for on a subscription not yet started (within an ``edit`` block)."""
    config = values.get("billing_cycle_anchor_config")
    if config is None and values.get("billing_cycle_anchor") is None:
        return
    if subscription["trial_end"]:
        raise not_simulated("a trial together with a billing anchor of one's own", "billing_cycle_anchor")
    now = work.now(subscription["_clock"])
    anchor = _configured(config, interval, now) if config else values["billing_cycle_anchor"]
    if not now < anchor <= boundary(now, *interval, 1):
        raise invalid(
            "billing_cycle_anchor must be in the future, and no later than the next natural billing date.",
            "billing_cycle_anchor",
        )
    subscription |= {"billing_cycle_anchor": anchor, "_first_share": values.get("proration_behavior") != "none"}
    if config:
        names = ("day_of_month", "hour", "minute", "month", "second")
        subscription["billing_cycle_anchor_config"] = {name: config.get(name) for name in names}


def _configured(config: dict[str, Any], interval: tuple[str, int], now: int) -> int:
    """The first moment after ``now`` that the configuration names."""
    name = "billing_cycle_anchor_config"
    if interval[0] not in ("month", "year") or config["day_of_month"] > 28:
        raise not_simulated(f"{name} for days and weeks, or for days of the month after the 28th", name)
    today = datetime.fromtimestamp(now, UTC)
    clock = {part: config[part] for part in ("hour", "minute", "second") if part in config}
    at = today.replace(day=config["day_of_month"], month=config.get("month", today.month), **clock)
    step = "year" if "month" in config else "month"
    found = int(at.timestamp())
    return found if found > now else boundary(found, step, 1, 1)


def shorten(work: Work, subscription: Record, drawn: list[Json], interval: tuple[str, int]) -> None:
    """Bring the lines of a first period that ends at an anchor of its own to their share of a whole one."""
    whole = subscription.get("_first_share")
    if whole is None:
        return
    anchor = subscription["billing_cycle_anchor"]
    begins = subscription["items"]["data"][0]["current_period_start"]
    share = proration.unused_share(boundary(anchor, *interval, -1), anchor, begins) if whole else Fraction(0)
    for line, item in zip(drawn, subscription["items"]["data"], strict=True):
        amount = proration.debit(lines.item_amount(work, item), share)
        line |= {"amount": amount, "subtotal": amount}
        line["parent"]["subscription_item_details"]["proration"] = True
