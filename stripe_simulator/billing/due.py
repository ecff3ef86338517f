"""What comes due by itself, in the order of its time: the loop behind test clocks and the wall clock."""

from collections.abc import Callable

from stripe_simulator.billing import (
    discounts,
    disputes,
    invoices,
    refunds,
    reminders,
    schedules,
    subscriptions,
    tax_ids,
)
from stripe_simulator.checkout import sessions
from stripe_simulator.database import Record
from stripe_simulator.work import Work


def process(work: Work, record: Record) -> None:
    """Do what is due for one record; afterwards it is due later or not at all."""
    due = record["_due"]
    _HANDLERS[record["_kind"]](work, record)
    if record["_due"] == due:
        with work.edit(record):
            record["_due"] = None


def _invoice(work: Work, invoice: Record) -> None:
    if invoice.get("_expires"):
        invoices.void(work, invoice)
        return
    if invoice["status"] == "draft":
        invoices.finalize(work, invoice)
        if invoice["status"] != "open":
            return
    if invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
        invoices.attempt(work, invoice)
    elif invoice["status"] == "open":
        reminders.process(work, invoice)


def _charge(work: Work, charge: Record) -> None:
    disputes.open_dispute(work, charge)


def _subscription(work: Work, subscription: Record) -> None:
    schedules.process_before(work, subscription)
    if subscription["_due"] is not None and subscription["_due"] <= work.now(subscription["_clock"]):
        subscriptions.process(work, subscription)


_HANDLERS: dict[str, Callable[[Work, Record], None]] = {
    "charge": _charge,
    "checkout.session": sessions.process,
    "dispute": disputes.process,
    "discount": discounts.expire,
    "invoice": _invoice,
    "refund": refunds.process,
    "subscription_schedule": schedules.process,
    "subscription": _subscription,
    "tax_id": tax_ids.verify,
}
