"""What a subscription has been, read from what was billed for it: for the time before any event is known. Pure.

Invoices say exactly when a change took effect that they bill: a renewal's lines begin with their period, and the lines
of a proration begin at the second of the change. What changed without being billed shows at the next renewal only, and
what is not known is said (`Gap`), not guessed. docs/backfill.md has the rules.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

RENEWALS = {"subscription_create", "subscription_cycle"}
NEVER_COLLECTED = {"draft", "void", "uncollectible"}
SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Held:
    """So many of a price (by Stripe's id)."""

    price: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an invoice for a price that is not metered. `held` is None for a price that is gone."""

    item: str
    held: Held | None
    starts_at: datetime
    proration: bool
    amount: int
    discount_amount: int


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice; `attempts` are those to charge for it. Amounts in minor units."""

    reason: str
    status: str
    charged: bool  # Stripe charges for it by itself
    amount_due: int
    attempts: int
    billed_at: datetime
    finalized_at: datetime | None
    paid_at: datetime | None
    lines: Sequence[Line]
    written_off_at: datetime | None = None  # voided, or marked uncollectible

    @property
    def has_failed(self) -> bool:
        return self.charged and (self.attempts > 1 or (self.attempts == 1 and self.paid_at is None))

    def is_owed(self, at: datetime) -> bool:
        """Whether it had failed by then, and was neither paid nor written off yet."""
        failed = self.has_failed and self.finalized_at is not None and self.finalized_at <= at
        return failed and not any(end and end <= at for end in (self.paid_at, self.written_off_at))

    @property
    def was_left_alone(self) -> bool:
        """Nobody tried to collect it: collection was paused."""
        asked_for = self.charged and self.amount_due > 0 and self.reason == "subscription_cycle"
        return asked_for and self.status in NEVER_COLLECTED and self.attempts == 0


@dataclass(frozen=True, slots=True)
class Offer:
    """A discount that is known: it holds in `[starts_at, ends_at)`."""

    id: str
    starts_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a subscription now: its row, its invoices from the first on, its discounts. `until` is the time
    of the first event that is known; from then on events say what happened."""

    started_at: datetime
    status: str
    items: Mapping[str, Held]
    now: datetime
    bills: Sequence[Bill] = ()
    offers: Sequence[Offer] = ()
    trial: tuple[datetime, datetime] | None = None
    cancel_asked_at: datetime | None = None
    cancels_at: datetime | None = None
    ended_at: datetime | None = None
    is_paused: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What a subscription was from `at` on, until the next one."""

    at: datetime
    status: str
    items: Mapping[str, Held]
    discounts: tuple[str, ...] = ()
    is_paused: bool = False
    cancels_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What is not known lies in `[since, until)`."""

    kind: str
    since: datetime
    until: datetime | None = None


@dataclass
class Inferred:
    states: list[State] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def infer(past: Past) -> Inferred:
    """The states of a subscription up to `past.until`, in their order, each other than the one before it."""
    found = Inferred()
    items = _items(past, found.gaps)
    moments = sorted({*items, *_other_moments(past)})
    pauses = list(_pauses(past, found.gaps))
    _note_unknown_discounts(past, found.gaps)
    if past.status == "unpaid" and past.until is None:
        found.gaps.append(Gap("status_since_unknown", _unpaid_since(past)))
    now: Mapping[str, Held] = {}
    for at in moments:
        now = items.get(at, now)
        if at < past.started_at or (past.until and at >= past.until):
            continue
        state = State(
            at=at,
            status=_status(past, at),
            items=now,
            discounts=_discounts(past, at),
            is_paused=any(since <= at and (until is None or at < until) for since, until in pauses),
            cancels_at=past.cancels_at if past.cancel_asked_at and past.cancel_asked_at <= at else None,
        )
        if not found.states or replace(state, at=found.states[-1].at) != found.states[-1]:
            found.states.append(state)
    found.gaps = [gap for gap in found.gaps if past.until is None or gap.since < past.until]
    return found


def _items(past: Past, gaps: list[Gap]) -> dict[datetime, dict[str, Held]]:
    """What was held, by the moment since when."""
    said = _said(past, gaps)
    if not said:
        gaps.append(Gap("never_invoiced", past.started_at))
        return {past.started_at: dict(past.items)}
    held: dict[datetime, dict[str, Held]] = {}
    now: dict[str, Held] = {}
    last = past.started_at
    for at, (whole, lines) in sorted(said.items()):
        before, now = now, _after(now, whole, lines)
        if whole and before and now != before and not any(line.proration for line in lines):
            gaps.append(Gap("not_invoiced", last, at))
        held[at] = now
        last = at
    first = min(held)
    if first > past.started_at:
        held[past.started_at] = held[first]
        if first - past.started_at > SLACK and past.trial is None:
            gaps.append(Gap("never_invoiced", past.started_at, first))
    return held


def _said(past: Past, gaps: list[Gap]) -> dict[datetime, tuple[bool, list[Line]]]:
    """The lines by the moment that they begin at, and whether they are all that was held then."""
    said: dict[datetime, tuple[bool, list[Line]]] = {}
    for bill in past.bills:
        by_start: dict[datetime, list[Line]] = defaultdict(list)
        for line in bill.lines:
            if line.held is None:
                gaps.append(Gap("price_unknown", line.starts_at, None))
            else:
                by_start[line.starts_at].append(line)
        for at, lines in by_start.items():
            renews = bill.reason in RENEWALS and not any(line.proration for line in lines)
            whole, known = said.get(at, (False, []))
            said[at] = (whole or renews, known + lines)
    return said


def _after(before: Mapping[str, Held], whole: bool, lines: Sequence[Line]) -> dict[str, Held]:
    """What is held once the lines hold. Of the two lines of a proration one gives back what was held."""
    plain = {line.item: line.held for line in lines if line.held and not line.proration}
    if whole:
        return plain
    after = dict(before)
    for item in {line.item for line in lines if line.proration}:
        of_item = [line for line in lines if line.proration and line.item == item]
        gained = [line.held for line in of_item if not _gives_back(line, before.get(item), alone=len(of_item) == 1)]
        if gained and gained[-1]:
            after[item] = gained[-1]
        else:
            after.pop(item, None)
    return {**after, **plain}


def _gives_back(line: Line, held: Held | None, *, alone: bool) -> bool:
    if line.amount != 0:
        return line.amount < 0
    return not alone and line.held == held  # what costs nothing has no sign


def _other_moments(past: Past) -> Iterator[datetime]:
    """When something other than what is held may have changed."""
    yield past.started_at
    yield from filter(None, [*(past.trial or ()), past.cancel_asked_at, past.ended_at])
    for offer in past.offers:
        yield offer.starts_at
        if offer.ends_at and offer.ends_at <= past.now:
            yield offer.ends_at
    for bill in past.bills:
        yield from filter(None, [bill.finalized_at if bill.has_failed else None, bill.paid_at, bill.written_off_at])
        if bill.reason == "subscription_cycle":
            yield bill.billed_at  # whether it is collected tells of pauses
    if past.status == "unpaid":
        yield _unpaid_since(past)


def _status(past: Past, at: datetime) -> str:
    if past.ended_at and at >= past.ended_at:
        return past.status if past.status in {"canceled", "incomplete_expired"} else "canceled"
    if past.trial and past.trial[0] <= at < past.trial[1]:
        return "trialing"
    if past.status == "paused" and past.trial and at >= past.trial[1]:
        return "paused"
    if past.status == "unpaid" and at >= _unpaid_since(past):
        return "unpaid"
    # The last one counts: to Stripe a subscription is past due while its latest finalized invoice is.
    finalized = [bill for bill in past.bills if bill.finalized_at and bill.finalized_at <= at]
    last = max(finalized, key=_finalized, default=None)
    if last is None or not last.is_owed(at):
        return "active"
    return "incomplete" if last.reason == "subscription_create" and past.trial is None else "past_due"


def _finalized(bill: Bill) -> datetime:
    return bill.finalized_at or bill.billed_at


def _unpaid_since(past: Past) -> datetime:
    """The earliest that it can have been: the failure of the oldest bill that is still owed."""
    owed = [bill.finalized_at for bill in past.bills if bill.finalized_at and bill.is_owed(past.now)]
    return min(owed, default=past.started_at)


def _pauses(past: Past, gaps: list[Gap]) -> Iterator[tuple[datetime, datetime | None]]:
    """Spans in which renewals were not collected. They began before, and ended before the next one that was."""
    renewals = [bill for bill in past.bills if bill.reason == "subscription_cycle"]
    began, before = None, past.started_at
    for bill in renewals:
        if bill.was_left_alone and began is None:
            began = bill.billed_at
            gaps.append(Gap("pause_unknown", before, bill.billed_at))
        elif not bill.was_left_alone and began is not None:
            yield began, bill.billed_at
            gaps.append(Gap("pause_unknown", before, bill.billed_at))
            began = None
        before = bill.billed_at
    if began is not None:
        yield began, None
    elif past.is_paused:
        gaps.append(Gap("pause_unknown", before))
        yield past.now, None


def _discounts(past: Past, at: datetime) -> tuple[str, ...]:
    """Those that are known to have held; a renewal without any says that they were taken away before it."""
    bare = [bill.billed_at for bill in past.bills if bill.reason in RENEWALS and _is_bare(bill)]
    return tuple(
        offer.id
        for offer in past.offers
        if offer.starts_at <= at
        and (offer.ends_at is None or at < offer.ends_at)
        and not any(offer.starts_at <= since <= at for since in bare)
    )


def _is_bare(bill: Bill) -> bool:
    lines = [line for line in bill.lines if line.amount > 0 and not line.proration]
    return bool(lines) and not any(line.discount_amount for line in lines)


def _note_unknown_discounts(past: Past, gaps: list[Gap]) -> None:
    for bill in past.bills:
        takes_off = any(line.discount_amount for line in bill.lines)
        if takes_off and not any(offer.starts_at <= bill.billed_at for offer in past.offers):
            gaps.append(Gap("discount_unknown", bill.billed_at))
