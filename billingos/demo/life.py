"""One customer's life in the demo while it is being planned, and what it is made of."""

import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from billingos.common.periods import nth_boundary
from billingos.demo.cast import Company, DemoMerchant

DAY = timedelta(days=1)


class Kind(StrEnum):
    JOIN = "join"  # becomes a customer
    SUBSCRIBE = "subscribe"
    CHANGE = "change"  # to another plan, interval or number of seats
    COUPON = "coupon"
    CARD_FAILS = "card_fails"
    CARD_WORKS = "card_works"
    CANCEL_NOW = "cancel_now"
    CANCEL_LATER = "cancel_later"
    STAY = "stay"  # takes a pending cancellation back


@dataclass(frozen=True, slots=True)
class Terms:
    """What is subscribed to: a plan of the merchant, by its index."""

    plan: int
    interval: str = "month"
    seats: int = 1


@dataclass(frozen=True, slots=True)
class Act:
    """`at` is one of the script's steps."""

    at: datetime
    customer: str
    kind: Kind
    terms: Terms | None = None
    trial_days: int = 0
    coupon: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end` (None: still) the customer uses what it subscribed to. `anchor` is where its billing
    periods begin."""

    customer: str
    start: datetime
    end: datetime | None
    terms: Terms
    anchor: datetime


@dataclass
class Life:
    """One customer's, while it is being planned. Instants move to the next step."""

    merchant: DemoMerchant
    company: Company
    draw: random.Random
    steps: Sequence[datetime]
    acts: list[Act] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    @property
    def start(self) -> datetime:
        return self.steps[0]

    @property
    def end(self) -> datetime:
        return self.steps[-1]

    def step(self, at: datetime) -> datetime:
        """The first step at or after an instant; the last one where there is none."""
        return self.steps[min(bisect_left(self.steps, at), len(self.steps) - 1)]

    def do(
        self, kind: Kind, at: datetime, terms: Terms | None = None, *, trial_days: int = 0, coupon: str = ""
    ) -> None:
        self.acts.append(Act(self.step(at), self.company.external_id, kind, terms, trial_days, coupon))

    def join(self, before_end: timedelta) -> datetime:
        """Becomes a customer: some at the very beginning, the others later, each month more."""
        latest = self.end - before_end
        if latest <= self.start or self.draw.random() < 0.27:
            at = self.start + self.draw.random() * min(6 * DAY, max(latest - self.start, timedelta(0)))
        else:
            at = self.start + (latest - self.start) * self.draw.random() ** 0.6
        return self.join_at(at)

    def join_at(self, at: datetime) -> datetime:
        self.do(Kind.JOIN, at)
        return self.step(at)

    def subscribe(self, at: datetime, terms: Terms, *, trial_days: int = 0) -> datetime:
        """Returns where the paid periods begin."""
        self.do(Kind.SUBSCRIBE, at, terms, trial_days=trial_days)
        at = self.step(at)
        anchor = at + trial_days * DAY
        self.spans.append(Span(self.company.external_id, at, None, terms, anchor))
        return anchor

    def change(self, at: datetime, terms: Terms) -> None:
        self.do(Kind.CHANGE, at, terms)
        anchor = self.spans[-1].anchor
        self.leave(self.step(at))
        self.spans.append(Span(self.company.external_id, self.step(at), None, terms, anchor))

    def leave(self, at: datetime) -> None:
        """Uses nothing any more."""
        last = self.spans[-1]
        if at < self.end:
            self.spans[-1] = Span(last.customer, last.start, at, last.terms, last.anchor)

    def renewal(self, anchor: datetime, number: int) -> datetime:
        """When the `number`-th month after the anchor begins."""
        return nth_boundary(anchor, "month", 1, number)

    def months_left(self, since: datetime) -> int:
        """Whole months from an instant to the end."""
        number = 0
        while self.renewal(since, number + 1) < self.end:
            number += 1
        return number

    def terms(self, plan: int | None = None, interval: str = "month") -> Terms:
        """A plan (drawn, the smaller the likelier) with as many seats as fit it."""
        index = self.draw.choices(range(len(self.merchant.plans)), (5, 6, 2))[0] if plan is None else plan
        seats = self.draw.randint(3, 14) if self.merchant.plans[index].per_seat else 1
        return Terms(index, interval, seats)
