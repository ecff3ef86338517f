"""Two kinds of pause: a subscription without a card after its trial, and collection that is held back."""

from typing import Any

from stripe_simulator import proration
from stripe_simulator.billing import entitlements, invoices, lines, metering, standing, subscriptions
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.params import Fields, Hash, Integer, Text
from stripe_simulator.periods import boundary, next_boundary
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

COLLECTION: Fields = {
    "pause_collection": Hash(
        fields={
            "behavior": Text(required=True, choices=("keep_as_draft", "mark_uncollectible", "void")),
            "resumes_at": Integer(),
        }
    )
}


def pause(work: Work, subscription: Record) -> None:
    """The trial ended and there is nothing to charge (``missing_payment_method=pause``)."""
    with updating(work, subscription):
        subscription["status"] = "paused"
    emit(work, "customer.subscription.paused", subscription)
    standing.schedule(work, subscription)
    entitlements.refresh(work, subscription["customer"])


def resume(work: Work, subscription: Record, values: dict[str, Any]) -> None:
    """Begin again. With something to pay it stays ``paused`` until its invoice is paid, for 23 hours."""
    if subscription["status"] != "paused":
        raise invalid(f"The subscription {subscription['id']} is not paused: only paused ones can be resumed.")
    now = work.now(subscription["_clock"])
    with updating(work, subscription):
        subscription["trial_end"] = min(subscription["trial_end"] or now, now)
        if values.get("billing_cycle_anchor", "now") == "now":
            drawn = _begin_anew(work, subscription, now)
        else:
            drawn = _fall_in(work, subscription, now, values.get("proration_behavior", "create_prorations"))
        invoice = subscriptions.draft_now(work, subscription, drawn) if drawn else None
    if invoice is None:
        standing.unpause(work, subscription, "active")
        return
    invoices.announce(work, invoice)
    invoices.finalize(work, invoice)
    if invoice["status"] == "open":
        with work.edit(invoice):
            invoice |= {"auto_advance": False, "_expires": True, "_due": now + standing.INCOMPLETE_SECONDS}


def _begin_anew(work: Work, subscription: Record, now: int) -> list[Json]:
    subscription["billing_cycle_anchor"] = now
    interval = subscriptions.recurring_of(work, subscription)
    subscriptions.set_period(subscription, now, boundary(now, *interval, 1))
    return metering.coming_lines(work, subscription)


def _fall_in(work: Work, subscription: Record, now: int, behavior: str) -> list[Json]:
    """Take the place in the old cycle; what is left of the period is charged, unless prorations are off."""
    anchor, interval = subscription["billing_cycle_anchor"], subscriptions.recurring_of(work, subscription)
    ends = next_boundary(anchor, *interval, now)
    begins = max(boundary(anchor, *interval, _number(anchor, interval, ends) - 1), anchor)
    subscriptions.set_period(subscription, begins, ends)
    if behavior == "none":
        return []
    share, drawn = proration.unused_share(begins, ends, now), metering.coming_lines(work, subscription)
    for line, item in zip(drawn, subscription["items"]["data"], strict=True):
        amount = proration.debit(lines.item_amount(work, item), share)
        line |= {"amount": amount, "subtotal": amount, "period": {"start": now, "end": ends}}
        line["parent"]["subscription_item_details"]["proration"] = True
    return drawn


def _number(anchor: int, interval: tuple[str, int], at: int) -> int:
    number = 0
    while boundary(anchor, *interval, number) < at:
        number += 1
    return number


def set_collection(work: Work, subscription: Record, sent: dict[str, Any] | None) -> None:
    """Hold collection back, or let it go on (None); within an ``updating`` block."""
    if sent is None:
        subscription["pause_collection"] = None
        return
    resumes_at = sent.get("resumes_at")
    if resumes_at is not None and resumes_at <= work.now(subscription["_clock"]):
        raise invalid("Invalid timestamp: must be in the future.", "pause_collection[resumes_at]")
    subscription["pause_collection"] = {"behavior": sent["behavior"], "resumes_at": resumes_at}


def hold(work: Work, subscription: Record, invoice: Record) -> None:
    """What becomes of an invoice while collection is paused."""
    behavior = subscription["pause_collection"]["behavior"]
    if behavior == "keep_as_draft":
        with work.edit(invoice):
            invoice["auto_advance"] = False
        return
    invoices.finalize(work, invoice)
    if invoice["status"] != "open":
        return
    if behavior == "void":
        invoices.void(work, invoice)
    else:
        invoices.mark_uncollectible(work, invoice)
