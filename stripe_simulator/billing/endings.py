"""The end of a subscription in mid-period or at its end, and what is still to be invoiced then."""

from stripe_simulator.billing import changes, invoice_items, standing, subscriptions
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, not_simulated
from stripe_simulator.events import emit
from stripe_simulator.work import Work


def cancel(work: Work, subscription: Record, *, with_credit: bool, invoice_now: bool) -> None:
    """Cancel now: ``with_credit`` prorates the unused time, ``invoice_now`` bills what is pending in a last invoice.

    With neither of them pending prorations are dropped; a credit that is not invoiced waits for the
    customer's next invoice.
    """
    prorate(work, subscription, work.now(subscription["_clock"]) if with_credit else None)
    if not with_credit and not invoice_now:
        _drop_prorations(work, subscription)
    if invoice_now:
        subscriptions.end_with_invoice(work, subscription)
    else:
        standing.end(work, subscription, "cancellation_requested")


def prorate(work: Work, subscription: Record, at: int | None) -> None:
    """Pending credits for the time after ``at``, of a subscription about to end; None for none."""
    if at is not None and subscription["status"] in ("active", "past_due"):
        with work.edit(subscription):
            changes.credit_all(work, subscription, at)


def _drop_prorations(work: Work, subscription: Record) -> None:
    for item in invoice_items.pending(work, subscription["customer"]):
        if item["_subscription"] == subscription["id"] and item["proration"]:
            work.delete(item)
            emit(work, "invoiceitem.deleted", item)


def announce(work: Work, subscription: Record, at: int | str | None) -> None:
    """``cancel_at``: let it end at a time (Unix seconds) or with a period, or go on (within an ``updating`` block)."""
    now = work.now(subscription["_clock"])
    if isinstance(at, str):  # all items have the same period, so that its earliest and latest end are one
        if subscription["latest_invoice"] is None:
            raise not_simulated(f"cancel_at={at} at creation; use cancel_at_period_end", "cancel_at")
        at = standing.period_end(subscription)
    if at is not None and at <= now:
        raise invalid("Invalid timestamp: must be in the future.", "cancel_at")
    subscription["cancel_at"] = at
    mark_requested(subscription, now if at is not None else None)


def announce_at_period_end(work: Work, subscription: Record, wanted: bool) -> None:
    """``cancel_at_period_end``: the same for the end of the current period."""
    if wanted == subscription["cancel_at_period_end"]:
        return
    now = work.now(subscription["_clock"])
    subscription["cancel_at_period_end"] = wanted
    subscription["cancel_at"] = standing.period_end(subscription) if wanted else None
    mark_requested(subscription, now if wanted else None)


def mark_requested(subscription: Record, at: int | None) -> None:
    """Keep when the end was asked for; None where it is no longer wanted."""
    subscription["canceled_at"] = at
    reason = "cancellation_requested" if at is not None else None
    subscription["cancellation_details"] |= {"reason": reason}
