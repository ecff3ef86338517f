"""A customer's story: what happened to their subscriptions, invoices and access, in one line of time.

Pure: no database, no clock. What one event has caused is one entry: an upgrade carries the invoice of its proration and
the features that came with it. Everything is said as a merchant would say it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby

from billingos.dashboard.plan_words import Line, day_text, difference, names, plan_change, price_of
from billingos.ui.money import money_text, signed_money_text
from billingos.ui.statuses import Tone, words

TOGETHER = timedelta(minutes=2)  # Stripe's events of one cause are seconds apart
ACCESS_LAG = timedelta(days=1)  # access is given when an event is applied, not when it happened
RECOVERABLE = {"past_due", "unpaid"}
# What may have caused a change of access, and which invoices belong to it.
GIVING = {"subscribed", "trial_started", "trial_ended", "upgraded", "downgraded", "changed", "recovered", "resumed"}
TAKING = {"canceled", "past_due", "unpaid", "lapsed", "paused", "trial_ended", "upgraded", "downgraded", "changed"}
BILLED = {"subscribed", "trial_ended", "upgraded", "downgraded", "changed", "incomplete", "canceled"}


@dataclass(frozen=True, slots=True)
class State:
    """A subscription at one moment."""

    status: str
    lines: tuple[Line, ...] = ()
    cancels_at: datetime | None = None
    trial_end: datetime | None = None
    collection_paused: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a subscription's history; `before` is None where it begins. `mrr` in minor units. `invoice` is the
    latest one's id; `reason`, `feedback` and `comment` are what Stripe knows of a cancellation."""

    at: datetime
    subscription: str
    before: State | None
    after: State
    currency: str
    mrr: int = 0
    mrr_before: int = 0
    invoice: str = ""
    reason: str = ""
    feedback: str = ""
    comment: str = ""

    @property
    def gain(self) -> int:
        return self.mrr - self.mrr_before


@dataclass(frozen=True, slots=True)
class Bill:
    """An invoice; `at` is when it came to its status. Amounts in minor units."""

    id: str
    at: datetime
    created_at: datetime
    status: str
    total: int
    currency: str
    number: str = ""
    subscription: str = ""
    attempts: int = 0
    paid_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """A feature, given or taken at `at` by the subscription item `item`."""

    at: datetime
    feature: str
    item: str
    given: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `kind` is a name for it, `tone` says whether it is good news."""

    at: datetime
    kind: str
    tone: Tone
    title: str
    details: tuple[str, ...] = ()


@dataclass(slots=True)
class _Draft:
    """An entry to which more may be added; `change` is what it tells of."""

    entry: Entry
    change: Change | None = None
    more: list[str] = field(default_factory=list)

    def finished(self) -> Entry:
        return replace(self.entry, details=(*self.entry.details, *self.more))


def tell(
    changes: Sequence[Change],
    bills: Iterable[Bill] = (),
    access: Iterable[Access] = (),
    *,
    created_at: datetime | None = None,
    access_lag: timedelta = ACCESS_LAG,
) -> list[Entry]:
    """The story, newest first. `changes` in the order in which they happened; `created_at` is the customer's, and
    `access_lag` how far from its cause access may have been written."""
    drafts = [_Draft(entry, change) for change in _joined(changes) if (entry := _of_change(change))]
    own = _tell_bills(bills, drafts) + _tell_access(access, drafts, access_lag)
    first = [_Draft(Entry(created_at, "created", "neutral", "Customer created"))] if created_at else []
    in_order = sorted([*first, *drafts, *own], key=lambda draft: draft.entry.at)  # stable: causes stay before effects
    return [draft.finished() for draft in reversed(in_order)]


def by_month(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Under the names of their months, UTC: November 2026."""
    return [(month, list(group)) for month, group in groupby(entries, key=lambda entry: f"{entry.at:%B %Y}")]


# --- Subscriptions --------------------------------------------------------------------------------------------------


def _joined(changes: Iterable[Change]) -> list[Change]:
    """Stripe begins a subscription as incomplete and makes it active when its first payment has succeeded, a moment
    later: together they are its beginning."""
    joined: list[Change] = []
    beginnings: dict[str, int] = {}
    for change in changes:
        index = beginnings.get(change.subscription)
        if index is not None and _completes(change, joined[index]):
            joined[index] = replace(change, at=joined[index].at, before=None, mrr_before=0)
            continue
        if change.before is None:
            beginnings[change.subscription] = len(joined)
        joined.append(change)
    return joined


def _completes(change: Change, beginning: Change) -> bool:
    begun = beginning.after.status == "incomplete" and change.after.status in {"active", "trialing"}
    return begun and change.before is not None and change.at - beginning.at <= TOGETHER


def _of_change(change: Change) -> Entry | None:
    """What the merchant wants to know of a change; None for a renewal and what else is of no interest."""
    if change.before is None:
        return _beginning(change)
    found = [one for one in (_status(change), _plan(change), _cancellation(change), _collection(change)) if one]
    if not found:
        return None
    if found[0].kind in {"canceled", "lapsed"}:
        return found[0]
    further = tuple(detail for one in found[1:] for detail in (one.title, *one.details))
    return replace(found[0], details=tuple(dict.fromkeys((*found[0].details, *further))))


def _beginning(change: Change) -> Entry:
    after, plan = change.after, names(change.after.lines)
    price = price_of(after.lines, change.currency)
    if after.status == "trialing":
        until = f"Free until {day_text(after.trial_end)}, then {price}" if after.trial_end else price
        return Entry(change.at, "trial_started", "info", f"Started a free trial of {plan}", (until,))
    if after.status == "incomplete":
        title = f"Began to subscribe to {plan}, but the first payment has not gone through"
        return Entry(change.at, "incomplete", "warn", title, (price,))
    return Entry(change.at, "subscribed", "good", f"Subscribed to {plan}", (price, *_gain(change)))


def _status(change: Change) -> Entry | None:
    before, after = change.before, change.after
    if before is None or before.status == after.status:
        return None
    plan, was, now = names(after.lines), before.status, after.status
    at, gain = change.at, tuple(_gain(change))
    if now == "canceled":
        return _end(change, before)
    if now == "incomplete_expired":
        return Entry(at, "lapsed", "bad", f"The first payment never came; {plan} was not begun")
    if now == "past_due":
        return Entry(at, "past_due", "bad", f"A payment failed; {plan} is past due")
    if now == "unpaid":
        return Entry(at, "unpaid", "bad", f"No attempt to charge succeeded; {plan} is unpaid", gain)
    if now == "paused":
        return Entry(at, "paused", "warn", f"The trial ended without a card; {plan} is paused")
    if now == "trialing":
        return Entry(at, "trial_started", "info", f"A free trial of {plan} began")
    if now == "active" and was == "trialing":
        return Entry(at, "trial_ended", "good", f"The free trial ended; {plan} is paid for now", gain)
    if now == "active" and was in RECOVERABLE:
        return Entry(at, "recovered", "good", f"Payment recovered; {plan} is active again", gain)
    if now == "active" and was == "paused":
        return Entry(at, "resumed", "good", f"{plan} goes on", gain)
    if now == "active":
        return Entry(at, "subscribed", "good", f"Subscribed to {plan}", (price_of(after.lines, change.currency), *gain))
    return None


def _end(change: Change, before: State) -> Entry:
    plan = names(change.after.lines or before.lines)
    why: list[str] = []
    if change.reason == "payment_failed":
        title = f"{plan} ended: the payments failed"
    elif change.reason == "payment_disputed":
        title = f"{plan} ended: a payment was disputed"
    elif before.status == "trialing":
        title = f"The free trial of {plan} ended without a subscription"
        why = _why(change)
    else:
        planned = before.cancels_at or change.after.cancels_at
        how = "As scheduled" if planned and planned <= change.at else "Canceled at once"
        title = f"{plan} ended"
        why = [how, *_why(change)]
    return Entry(change.at, "canceled", "bad", title, (*_gain(change), *why))


def _plan(change: Change) -> Entry | None:
    if change.before is None:
        return None
    more = change.gain or difference(change.before.lines, change.after.lines)
    title = plan_change(change.before.lines, change.after.lines, more)
    if title is None:
        return None
    details = (f"Now {price_of(change.after.lines, change.currency)}", *_gain(change))
    if more == 0:
        return Entry(change.at, "changed", "info", title, details)
    if more < 0:
        return Entry(change.at, "downgraded", "warn", title, details)
    return Entry(change.at, "upgraded", "good", title, details)


def _cancellation(change: Change) -> Entry | None:
    before, after = change.before, change.after
    if before is None or before.cancels_at == after.cancels_at:
        return None
    if after.cancels_at is None:
        return Entry(change.at, "kept", "good", f"The cancellation of {names(after.lines)} was taken back")
    worth = [f"{money_text(change.mrr, change.currency)} MRR ends with it"] if change.mrr else []
    title = f"{names(after.lines)} is going to end on {day_text(after.cancels_at)}"
    return Entry(change.at, "canceling", "warn", title, (*worth, *_why(change)))


def _collection(change: Change) -> Entry | None:
    before, after = change.before, change.after
    if before is None or before.collection_paused == after.collection_paused:
        return None
    plan = names(after.lines)
    if after.collection_paused:
        return Entry(change.at, "collection_paused", "warn", f"Payments for {plan} were paused", tuple(_gain(change)))
    return Entry(change.at, "collection_resumed", "good", f"Payments for {plan} go on", tuple(_gain(change)))


def _gain(change: Change) -> list[str]:
    return [f"{signed_money_text(change.gain, change.currency)} MRR"] if change.gain else []


def _why(change: Change) -> list[str]:
    reason = [f"Reason: {words(change.feedback).lower()}"] if change.feedback else []
    return [*reason, f"“{change.comment}”"] if change.comment else reason


# --- Invoices -------------------------------------------------------------------------------------------------------


def _tell_bills(bills: Iterable[Bill], drafts: Sequence[_Draft]) -> list[_Draft]:
    """Adds each bill to what has caused it; returns those that stand for themselves."""
    own = []
    for bill in bills:
        if bill.status == "draft" or bill.total == 0:
            continue
        failure = next((draft for draft in drafts if _is_failure_of(draft, bill)), None)
        if failure:
            failure.more.append(f"{_amount(bill)} could not be charged{_named(bill)}")
        cause = next((draft for draft in drafts if _has_caused(draft, bill)), None)
        if cause:
            cause.more.append(_billed(bill))
        elif not (failure and bill.status == "open"):
            own.append(_Draft(_of_bill(bill)))
    return own


def _is_failure_of(draft: _Draft, bill: Bill) -> bool:
    return draft.entry.kind == "past_due" and draft.change is not None and draft.change.invoice == bill.id


def _has_caused(draft: _Draft, bill: Bill) -> bool:
    change = draft.change
    if change is None or not bill.subscription or change.subscription != bill.subscription:
        return False
    if draft.entry.kind == "recovered":
        return bill.paid_at is not None and abs(bill.paid_at - change.at) <= TOGETHER
    return draft.entry.kind in BILLED and abs(bill.created_at - change.at) <= TOGETHER


def _of_bill(bill: Bill) -> Entry:
    amount = _amount(bill)
    number = (f"Invoice {bill.number}",) if bill.number else ()
    if bill.total < 0:
        return Entry(bill.at, "invoice_credit", "neutral", f"{amount} credited for the next invoice", number)
    match bill.status:
        case "paid":
            return Entry(bill.at, "invoice_paid", "good", f"Paid {amount}", (*number, *_attempts(bill)))
        case "void":
            return Entry(bill.at, "invoice_voided", "neutral", f"Invoice of {amount} voided", number)
        case "uncollectible":
            return Entry(bill.at, "invoice_written_off", "bad", f"Invoice of {amount} given up", number)
    if bill.attempts:
        return Entry(bill.at, "invoice_failed", "bad", f"Payment of {amount} failed", (*number, *_attempts(bill)))
    return Entry(bill.at, "invoice_open", "info", f"Invoice of {amount} sent", number)


def _billed(bill: Bill) -> str:
    """A bill as a detail of its cause."""
    if bill.total < 0:
        return f"{_amount(bill)} credited for the next invoice"
    done = {"paid": "paid", "void": "billed, then voided", "uncollectible": "billed and given up"}
    unpaid = "could not be charged" if bill.attempts else "billed"
    tries = "".join(f", {text.lower()}" for text in _attempts(bill)) if bill.status == "paid" else ""
    return f"{_amount(bill)} {done.get(bill.status, unpaid)}{tries}{_named(bill)}"


def _amount(bill: Bill) -> str:
    return money_text(abs(bill.total), bill.currency)


def _named(bill: Bill) -> str:
    return f" (invoice {bill.number})" if bill.number else ""


def _attempts(bill: Bill) -> list[str]:
    if bill.attempts < 2:
        return []
    return [f"After {bill.attempts} attempts" if bill.status == "paid" else f"{bill.attempts} attempts so far"]


# --- Access ---------------------------------------------------------------------------------------------------------


def _tell_access(access: Iterable[Access], drafts: Sequence[_Draft], lag: timedelta) -> list[_Draft]:
    """Adds what was given and taken to what has caused it; returns the rest, one draft for each moment."""
    own: dict[tuple[datetime, bool], list[str]] = {}
    caused: dict[tuple[int, bool], list[str]] = {}
    for one in sorted(access, key=lambda one: one.feature):
        index = _cause_of(one, drafts, lag)
        found = own.setdefault((one.at, one.given), []) if index is None else caused.setdefault((index, one.given), [])
        if one.feature not in found:
            found.append(one.feature)
    for (index, given), features in sorted(caused.items(), key=lambda entry: not entry[0][1]):
        drafts[index].more.append(f"{'Access to' if given else 'No more access to'} {_listed(features)}")
    return [_Draft(_of_access(at, given, features)) for (at, given), features in own.items()]


def _cause_of(access: Access, drafts: Sequence[_Draft], lag: timedelta) -> int | None:
    """The last change before that can have caused it, else the first one after."""
    found = [
        (draft.change.at, index)
        for index, draft in enumerate(drafts)
        if draft.change and _explains(draft, access) and abs(access.at - draft.change.at) <= lag
    ]
    before = [index for at, index in found if at <= access.at + TOGETHER]
    return before[-1] if before else next((index for _, index in found), None)


def _explains(draft: _Draft, access: Access) -> bool:
    change = draft.change
    if change is None or draft.entry.kind not in (GIVING if access.given else TAKING):
        return False
    lines = [*change.after.lines, *(change.before.lines if change.before else ())]
    return any(line.item == access.item for line in lines)


def _of_access(at: datetime, given: bool, features: Sequence[str]) -> Entry:
    if given:
        return Entry(at, "access_given", "info", f"Got access to {_listed(features)}")
    return Entry(at, "access_ended", "warn", f"Lost access to {_listed(features)}")


def _listed(features: Sequence[str]) -> str:
    return features[0] if len(features) == 1 else f"{', '.join(features[:-1])} and {features[-1]}"
