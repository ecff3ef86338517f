"""The invoice that comes next as time goes by, for previews: all that is done here is to be undone."""

from stripe_simulator.billing import invoice_items, invoices, schedules, standing, subscriptions
from stripe_simulator.database import Record
from stripe_simulator.work import Work


def next_draft(work: Work, subscription: Record, *, recurring: bool = False) -> Record | None:
    """The draft of the next invoice of a running subscription, by its schedule if it has one; None where none comes.

    ``recurring``: of the next renewal, as if nothing were pending; whatever is invoiced before it is settled.
    """
    while subscription["status"] not in standing.ENDED:
        schedule = _schedule(work, subscription)
        turns = schedule["current_phase"]["end_date"] if schedule else None
        ends, moments = subscription["cancel_at"], (turns, standing.period_end(subscription))
        moment = min(at for at in (*moments, ends) if at is not None)
        travel(work, subscription, moment)
        if schedule is not None and turns == moment:
            invoice = schedules.turn(work, schedule)
        elif ends == moment:
            invoice = subscriptions.end_with_draft(work, subscription)
        else:
            return _renewal(work, subscription, recurring=recurring)
        if invoice is not None and not recurring:
            return invoice
        settle(work, invoice)
    return None


def settle(work: Work, invoice: Record | None) -> None:
    """Finalise what is invoiced before the renewal that is looked for, so that the balance is as it will be then."""
    if invoice is not None:
        invoices.finalize(work, invoice)


def travel(work: Work, owner: Record, at: int) -> None:
    """Go to a time (Unix seconds) of a customer's, or of one of its objects; never back."""
    at = max(at, work.now(owner["_clock"]))
    clock = work.find("test_helpers.test_clock", owner["_clock"])
    if clock is None:
        work.wall = lambda: at
    else:
        with work.edit(clock):
            clock["_now"] = at


def forget_pending(work: Work, customer: str) -> None:
    """Drop what would come with the next invoice but once."""
    for item in invoice_items.pending(work, customer):
        work.delete(item)


def _schedule(work: Work, subscription: Record) -> Record | None:
    schedule = work.find("subscription_schedule", subscription["schedule"])
    return schedule if schedule is not None and schedule["status"] == "active" else None


def _renewal(work: Work, subscription: Record, *, recurring: bool) -> Record:
    if recurring:
        forget_pending(work, subscription["customer"])
    with work.edit(subscription):
        return subscriptions.draft_next(work, subscription)
