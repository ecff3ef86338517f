"""A subscription's standing: how payments, failures and endings move its status; dunning."""

from stripe_simulator.billing import entitlements, pending_updates, reminders
from stripe_simulator.database import Record
from stripe_simulator.events import emit, updating
from stripe_simulator.work import Work

DAY = 86_400
INCOMPLETE_SECONDS = 23 * 3_600
ENDED = ("canceled", "incomplete_expired")


def period_end(subscription: Record) -> int:
    """The end of the current period: the earliest of its items."""
    return min(int(item["current_period_end"]) for item in subscription["items"]["data"])


def schedule(work: Work, subscription: Record) -> None:
    """Say when the engine must look at the subscription next."""
    with work.edit(subscription):
        subscription["_due"] = _next_due(work, subscription)


def _next_due(work: Work, subscription: Record) -> int | None:
    if subscription["status"] in ENDED:
        return None
    if subscription["status"] == "incomplete":
        return int(subscription["created"]) + INCOMPLETE_SECONDS
    times = [subscription["cancel_at"], collection_resumes(subscription), pending_updates.expires_at(subscription)]
    if subscription["status"] != "paused":
        times += [period_end(subscription), reminders.next_notice(work, subscription)]
    return min((int(time) for time in times if time is not None), default=None)


def collection_resumes(subscription: Record) -> int | None:
    """When a pause of collection ends by itself, or None."""
    paused = subscription["pause_collection"]
    return paused["resumes_at"] if paused else None


def after_payment(work: Work, invoice: Record) -> None:
    """A subscription whose newest invoice is paid is in good standing again."""
    subscription = work.find("subscription", invoice["_subscription"])
    if subscription is None or subscription["latest_invoice"] != invoice["id"]:
        return
    if pending_updates.held_by(subscription, invoice):
        pending_updates.apply(work, subscription)
        schedule(work, subscription)
    _delinquent(work, subscription, False)
    if subscription["status"] == "paused":
        unpause(work, subscription, "active")
    if subscription["status"] in ("incomplete", "past_due", "unpaid"):
        with updating(work, subscription):
            subscription["status"] = "active"
        schedule(work, subscription)
        entitlements.refresh(work, subscription["customer"])


def unpause(work: Work, subscription: Record, status: str) -> None:
    """A paused subscription goes on: its invoice was paid, or could not be."""
    with updating(work, subscription):
        subscription["status"] = status
    emit(work, "customer.subscription.resumed", subscription)
    schedule(work, subscription)
    entitlements.refresh(work, subscription["customer"])


def after_write_off(work: Work, invoice: Record) -> None:
    """A paused subscription goes on without the money for its resumption."""
    subscription = work.find("subscription", invoice["_subscription"])
    if subscription and subscription["status"] == "paused" and subscription["latest_invoice"] == invoice["id"]:
        unpause(work, subscription, "active")


def await_payment(work: Work, subscription: Record) -> None:
    """``default_incomplete`` on an update: ``past_due`` until the payment intent of its invoice is confirmed."""
    with updating(work, subscription):
        subscription["status"] = "past_due"
    schedule(work, subscription)


def after_failure(work: Work, invoice: Record, *, by_hand: bool) -> None:
    """A failed try: ``past_due``, then another try or the end of dunning. First invoices stay incomplete."""
    subscription = work.find("subscription", invoice["_subscription"])
    held = subscription is not None and pending_updates.held_by(subscription, invoice)
    if subscription is None or subscription["status"] in ENDED or by_hand or held:
        emit(work, "invoice.payment_failed", invoice)
        if subscription is not None and subscription["status"] == "paused":
            with work.edit(invoice):
                invoice |= {"_expires": False, "_due": None}
            unpause(work, subscription, "past_due")
        return
    first = invoice["billing_reason"] == "subscription_create" and subscription["status"] == "incomplete"
    retry_at = None if first else _next_try(work, invoice)
    with updating(work, invoice):
        invoice |= {"next_payment_attempt": retry_at, "_due": retry_at}
        invoice["_retries"] += 1
    emit(work, "invoice.payment_failed", invoice)
    if first:
        return
    _delinquent(work, subscription, True)
    if subscription["status"] in ("active", "trialing"):
        with updating(work, subscription):
            subscription["status"] = "past_due"
        schedule(work, subscription)
        entitlements.refresh(work, subscription["customer"])
    if retry_at is None:
        _end_dunning(work, subscription, invoice)


def _next_try(work: Work, invoice: Record) -> int | None:
    days, tried = work.settings.dunning_days, invoice["_retries"]
    if tried >= len(days):
        return None
    first_try = invoice["_first_try"] or work.now(invoice["_clock"])
    with work.edit(invoice):
        invoice["_first_try"] = first_try
    return int(first_try + days[tried] * DAY)


def _end_dunning(work: Work, subscription: Record, invoice: Record) -> None:
    with updating(work, invoice):
        invoice["auto_advance"] = False
    if work.settings.dunning_end == "canceled":
        end(work, subscription, "payment_failed")
    elif work.settings.dunning_end == "unpaid" and subscription["status"] != "unpaid":
        with updating(work, subscription):
            subscription["status"] = "unpaid"
        schedule(work, subscription)
        entitlements.refresh(work, subscription["customer"])


def end(work: Work, subscription: Record, reason: str | None) -> None:
    """Cancel now: ``customer.subscription.deleted``, and its entitlements end."""
    now = work.now(subscription["_clock"])
    with work.edit(subscription):
        subscription |= {
            "status": "canceled",
            "ended_at": now,
            "canceled_at": subscription["canceled_at"] or now,
            "pending_update": None,
            "_due": None,
            "_held": None,
        }
        details = subscription["cancellation_details"]
        subscription["cancellation_details"] = details | {"reason": details["reason"] or reason}
    for invoice in work.related("invoice", "subscription", subscription["id"]):
        if invoice["status"] in ("draft", "open") and invoice["auto_advance"]:
            with updating(work, invoice):
                invoice |= {
                    "auto_advance": False,
                    "automatically_finalizes_at": None,
                    "next_payment_attempt": None,
                    "_due": None,
                }
    emit(work, "customer.subscription.deleted", subscription)
    schedule_of = work.find("subscription_schedule", subscription["schedule"])
    if schedule_of is not None and schedule_of["status"] == "active":
        cancel_schedule(work, schedule_of)
    entitlements.refresh(work, subscription["customer"])


def cancel_schedule(work: Work, schedule: Record) -> None:
    """A schedule ends, by itself or with its subscription."""
    with work.edit(schedule):
        schedule |= {"status": "canceled", "canceled_at": work.now(schedule["_clock"])}
        schedule |= {"current_phase": None, "_due": None}
    emit(work, "subscription_schedule.canceled", schedule)


def _delinquent(work: Work, subscription: Record, delinquent: bool) -> None:
    customer = work.get("customer", subscription["customer"])
    if customer["delinquent"] != delinquent:
        with updating(work, customer):
            customer["delinquent"] = delinquent
