"""How much the demo's customers use, day by day: high on weekdays, low at the weekend, growing or shrinking; some near
their limit, one whose usage broke down. Drawn from the script's seed, so that any day can be asked for at any time."""

import math
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property

from billingos.common.periods import period_containing
from billingos.demo.life import DAY, Span
from billingos.demo.script import Script

WORKDAYS = 22  # a month
WITHOUT_LIMIT = {"sum": 700_000, "count": 110}  # a month, of a meter that has no limit
DROPPED = 0.3  # what is left of the usage that broke down
DROPPED_DAYS = 30
NEAR_SHARE = 0.07  # of all customers
NEAR_DAYS = 6  # how old a period must be for its limit to be near


@dataclass(frozen=True, slots=True)
class Habit:
    """`share` of the monthly limit, `growth` by month, `weekend` against a weekday; `files` is false for who never uses
    the counted meter."""

    share: float
    growth: float
    weekend: float
    files: bool


@dataclass(frozen=True, slots=True)
class UsageEvent:
    customer: str
    meter: str
    event_id: str
    value: int
    at: datetime

    def body(self) -> dict[str, object]:
        return {
            "customer_id": self.customer,
            "meter": self.meter,
            "event_id": self.event_id,
            "value": self.value,
            "timestamp": self.at.isoformat(),
        }


class Rhythm:
    """The usage of everybody in a script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._habits = {span.customer: self._habit(span.customer) for span in script.spans}
        self._factors = {span.customer: self._factor(span) for span in self.near}

    def usage(self, since: date, until: date, *, living: Collection[str] | None = None) -> Iterator[UsageEvent]:
        """All events of the days from `since` to before `until`; of those in `living` only, if given."""
        for span in self._script.spans:
            if living is not None and span.customer not in living:
                continue
            first = max(since, span.start.date() + DAY)
            last = min(until, span.end.date() + DAY) if span.end else until
            for number in range((last - first).days):
                yield from self._day(span, first + number * DAY)

    @cached_property
    def dropped(self) -> str:
        """The customer whose usage broke down; empty where nobody has been there for long enough."""
        since = self._script.end - 2 * DROPPED_DAYS * DAY
        found = [span.customer for span in self._living if span.start < since]
        return found[0] if found else ""

    @cached_property
    def near(self) -> list[Span]:
        """Those who are about to reach their limit."""
        end, first = self._script.end, self._script.merchant.meters[0]["key"]
        found = [
            span
            for span in self._living
            if span.customer != self.dropped
            and span.terms.interval == "month"
            and first in self._script.merchant.plans[span.terms.plan].limits
            and max(self._period_start(span, end), span.start) < end - NEAR_DAYS * DAY
        ]
        return found[: max(1, round(NEAR_SHARE * len(self._script.merchant.customers)))]

    @property
    def _living(self) -> list[Span]:
        living = [span for span in self._script.spans if span.end is None]
        return sorted(living, key=lambda span: self._draw(span.customer, "rank").random())

    def _period_start(self, span: Span, at: datetime) -> datetime:
        return period_containing(span.anchor, "month", 1, at).start

    def _habit(self, customer: str) -> Habit:
        draw = self._draw(customer, "habit")
        return Habit(draw.uniform(0.15, 0.6), draw.uniform(-0.05, 0.1), draw.uniform(0.12, 0.4), draw.random() < 0.65)

    def _factor(self, span: Span) -> float:
        """Brings the usage of the period that is under way to 84 to 97 % of its limit."""
        meter = self._script.merchant.meters[0]
        since = max(self._period_start(span, self._script.end), span.start).date() + DAY
        days = (self._script.end.date() - since).days
        used = sum(self._amount(span, meter, since + number * DAY) for number in range(days))
        limit = self._script.merchant.plans[span.terms.plan].limits[meter["key"]]
        return limit * self._draw(span.customer, "near").uniform(0.84, 0.97) / max(used, 1)

    def _day(self, span: Span, day: date) -> Iterator[UsageEvent]:
        for meter in self._script.merchant.meters:
            amount = self._amount(span, meter, day)
            if meter["aggregation"] == "sum":
                since = max(self._period_start(span, self._script.end), span.start).date()
                amount *= self._factors.get(span.customer, 1) if since < day < self._script.end.date() else 1
                yield from self._event(span, meter["key"], day, 0, round(amount), self._hour(span, day))
            elif self._habits[span.customer].files:
                count = int(amount + self._draw(span.customer, f"{meter['key']}/{day}/more").random())
                for number in range(count):
                    yield from self._event(span, meter["key"], day, number, 1, time(8 + number % 12, number % 60))

    def _hour(self, span: Span, day: date) -> time:
        """When the day's calls are told of, in one event."""
        draw = self._draw(span.customer, f"{day}/hour")
        return time(draw.randrange(6, 20), draw.randrange(60), draw.randrange(60))

    def _event(self, span: Span, meter: str, day: date, number: int, value: int, at: time) -> Iterator[UsageEvent]:
        if value:
            name = f"demo-{span.customer}-{meter}-{day}-{number}"
            yield UsageEvent(span.customer, meter, name, value, datetime.combine(day, at, UTC))

    def _amount(self, span: Span, meter: Mapping[str, str], day: date) -> float:
        habit = self._habits[span.customer]
        limit = self._script.merchant.plans[span.terms.plan].limits.get(meter["key"])
        monthly = limit / 12 if limit and span.terms.interval == "year" else limit  # a year's has to last
        months = (day - self._script.start.date()).days / 30
        share = min(max(habit.share * math.pow(1 + habit.growth, months), 0.05), 0.78)
        amount = share * (monthly or WITHOUT_LIMIT[meter["aggregation"]]) / WORKDAYS
        amount *= habit.weekend if day.weekday() > 4 else 1
        if span.customer == self.dropped and day > self._script.end.date() - timedelta(days=DROPPED_DAYS):
            amount *= DROPPED
        return amount * self._draw(span.customer, f"{meter['key']}/{day}").uniform(0.82, 1.18)

    def _draw(self, *names: str) -> random.Random:
        return random.Random("/".join((self._script.seed, *names)))  # noqa: S311 - a play, no secret
