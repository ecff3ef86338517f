"""What is said ahead: a trial or a period about to end, an invoice about to be due; and that one is overdue."""

from typing import Any

from stripe_simulator.billing import upcoming
from stripe_simulator.database import Record
from stripe_simulator.events import emit, emit_snapshot, updating
from stripe_simulator.work import Work

DAY = 86_400
TRIAL_NOTICE_SECONDS = 3 * DAY


def next_notice(work: Work, subscription: Record) -> int | None:
    """When something is to be said of a subscription, or None."""
    if subscription["status"] == "trialing":
        if subscription["_trial_notice"]:
            return None
        return int(max(subscription["trial_end"] - TRIAL_NOTICE_SECONDS, subscription["trial_start"]))
    days = work.settings.reminder_days
    item = subscription["items"]["data"][0]
    at = int(item["current_period_end"]) - days * DAY
    told = subscription.get("_told_of") == item["current_period_end"]
    ends = subscription["cancel_at"] is not None and subscription["cancel_at"] <= item["current_period_end"]
    if not days or told or ends or at <= item["current_period_start"]:
        return None
    return at


def notice(work: Work, subscription: Record) -> None:
    """Say it: the end of the trial, or the invoice to come."""
    if subscription["status"] == "trialing":
        with work.edit(subscription):
            subscription["_trial_notice"] = True
        emit(work, "customer.subscription.trial_will_end", subscription)
        return
    with work.edit(subscription):
        subscription["_told_of"] = subscription["items"]["data"][0]["current_period_end"]
    emit_snapshot(work, "invoice.upcoming", upcoming.invoice(work, subscription), clock=subscription["_clock"])


def schedule(work: Work, invoice: Record) -> None:
    """Look again at an invoice sent by mail before it is due, and when it is."""
    if invoice["collection_method"] == "send_invoice" and invoice["due_date"] is not None:
        ahead = invoice["due_date"] - work.settings.reminder_days * DAY
        soon = work.settings.reminder_days > 0 and ahead > work.now(invoice["_clock"])
        with work.edit(invoice):
            invoice["_due"] = ahead if soon else invoice["due_date"]


def process(work: Work, invoice: Record) -> None:
    """``invoice.will_be_due``, then ``invoice.overdue``, which makes the subscription ``past_due``."""
    due: Any = invoice["due_date"]
    if due is None:
        return
    if work.now(invoice["_clock"]) < due:
        emit(work, "invoice.will_be_due", invoice)
        with work.edit(invoice):
            invoice["_due"] = due
        return
    emit(work, "invoice.overdue", invoice)
    subscription = work.find("subscription", invoice["_subscription"])
    if subscription and subscription["latest_invoice"] == invoice["id"] and subscription["status"] == "active":
        with updating(work, subscription):
            subscription["status"] = "past_due"
