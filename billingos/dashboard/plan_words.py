"""Plans in words: what a subscription is for, what it costs, and how one plan became another. No queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billingos.common.money import round_half_up
from billingos.dashboard.prices import exact_money
from subscriptions.models import Price, SubscriptionItem
from subscriptions.mrr import PER_MONTH

RHYTHMS = {("day", 1): "daily", ("week", 1): "weekly", ("month", 1): "monthly", ("year", 1): "yearly"}


@dataclass(frozen=True, slots=True)
class Line:
    """One item of a subscription. `amount` is in minor units for one, perhaps a fraction, None for tiers; `quantity` is
    None for what is billed by use."""

    item: str
    product: str
    name: str
    price: str
    amount: Decimal | int | None = None
    interval: str = "month"
    interval_count: int = 1
    quantity: int | None = 1

    @property
    def rhythm(self) -> str:
        return RHYTHMS.get((self.interval, self.interval_count), f"every {self.interval_count} {self.interval}s")


def line_of(item: SubscriptionItem) -> Line:
    """Of an item with price, version and product at hand."""
    price = item.price
    return Line(
        item=item.stripe_id,
        product=item.version.product.stripe_id,
        name=item.version.product.name,
        price=price.stripe_id,
        amount=price.unit_amount if price.unit_amount_decimal is None else price.unit_amount_decimal,
        interval=price.interval,
        interval_count=price.interval_count,
        quantity=None if price.usage_type == Price.UsageType.METERED else item.quantity,
    )


def names(lines: Sequence[Line]) -> str:
    """Team; Team and Extra seats; Team and 3 more."""
    found = list(dict.fromkeys(line.name for line in lines))
    if not found:
        return "the subscription"
    if len(found) == 1:
        return found[0]
    return f"{found[0]} and {found[1] if len(found) == 2 else f'{len(found) - 1} more'}"


def line_price(line: Line, currency: str) -> str:
    """$79.00 / month × 3."""
    if line.quantity is None:
        return "billed by use"
    if line.amount is None:
        return "tiered price" if line.quantity == 1 else f"tiered price × {line.quantity:,}"
    every = line.interval if line.interval_count == 1 else f"{line.interval_count} {line.interval}s"
    text = exact_money(Decimal(line.amount), currency) + (f" / {every}" if line.interval else "")
    return text if line.quantity == 1 else f"{text} × {line.quantity:,}"


def price_of(lines: Sequence[Line], currency: str) -> str:
    return " + ".join(line_price(line, currency) for line in lines) or "no price"


def difference(before: Sequence[Line], after: Sequence[Line]) -> int:
    """Minor units a month more, at the prices as listed: for a trial, whose MRR is nought, it tells up from down."""
    return round_half_up(_monthly(after) - _monthly(before))


def _monthly(lines: Sequence[Line]) -> Fraction:
    recurring = [line for line in lines if line.amount and line.quantity and line.interval in PER_MONTH]
    return sum(
        (Fraction(line.amount or 0) * (line.quantity or 0) * PER_MONTH[line.interval] / line.interval_count)
        for line in recurring
    ) or Fraction(0)


def plan_change(before: Sequence[Line], after: Sequence[Line], more: int) -> str | None:
    """What has changed, None if nothing has that is sold. `more` is what is paid more a month, or less."""
    if _sold(before) == _sold(after):
        return None
    was, now = {line.product: line for line in before}, {line.product: line for line in after}
    if was.keys() == now.keys():
        return _same_products(was, now)
    gone, new = [was[key] for key in was if key not in now], [now[key] for key in now if key not in was]
    if not gone:
        return f"Added {names(new)}"
    if not new:
        return f"Removed {names(gone)}"
    verb = "Upgraded" if more > 0 else "Downgraded" if more < 0 else "Moved"
    return f"{verb} from {names(gone)} to {names(new)}"


def _sold(lines: Sequence[Line]) -> list[tuple[str, str, int | None]]:
    return sorted((line.product, line.price, line.quantity or 0) for line in lines)


def _same_products(was: dict[str, Line], now: dict[str, Line]) -> str:
    differing = [key for key in was if (was[key].price, was[key].quantity) != (now[key].price, now[key].quantity)]
    key = next(iter(differing or was))  # a product may stand in two items
    old, new = was[key], now[key]
    if (old.interval, old.interval_count) != (new.interval, new.interval_count):
        return f"Switched {new.name} from {old.rhythm} to {new.rhythm}"
    if old.quantity != new.quantity:
        return f"Quantity of {new.name} changed from {old.quantity or 0:,} to {new.quantity or 0:,}"
    return f"Price of {new.name} changed"


def day_text(at: datetime) -> str:
    """12 Nov 2026, UTC."""
    return f"{at.day} {at:%b %Y}"
