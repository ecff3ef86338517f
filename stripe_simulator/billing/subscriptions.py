"""A subscription's life: it starts, renews, expires. Statuses after payments are in ``standing``."""

from typing import Any

from stripe_simulator import cards
from stripe_simulator.billing import (
    anchors,
    entitlements,
    invoice_items,
    invoices,
    lines,
    metering,
    pausing,
    payments,
    pending_updates,
    reminders,
    setups,
    standing,
)
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError, invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
from stripe_simulator.periods import boundary, next_boundary
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work


def new_item(work: Work, subscription_id: str, price: Record, values: dict[str, Any], now: int) -> Json:
    """An item without a period yet."""
    return {
        "id": new_id("subscription_item"),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": now,
        "current_period_end": 0,
        "current_period_start": 0,
        "discounts": [],
        "metadata": values.get("metadata") or {},
        "price": price["id"],
        "quantity": licensed_quantity(price, values),
        "subscription": subscription_id,
        "tax_rates": [],
    }


def licensed_quantity(price: Record, values: dict[str, Any]) -> int | None:
    """The quantity asked for, 1 by default; None for a metered price, whose meter counts."""
    if not metering.is_metered(price):
        return int(values.get("quantity", 1))
    if values.get("quantity") is not None:
        raise invalid("You cannot set the quantity for metered plans.", "quantity")
    return None


def recurring_of(work: Work, subscription: Record) -> tuple[str, int]:
    """The interval and interval count that all items share."""
    price = work.get("price", subscription["items"]["data"][0]["price"])
    return price["recurring"]["interval"], price["recurring"]["interval_count"]


def set_period(subscription: Record, start: int, end: int) -> None:
    """Give all items the same current period (Unix seconds)."""
    for item in subscription["items"]["data"]:
        item |= {"current_period_start": start, "current_period_end": end}


def start(work: Work, subscription: Record, payment_behavior: str) -> None:
    """First period, first invoice and its payment, for a subscription just inserted."""
    automatic = subscription["collection_method"] == "charge_automatically"
    invoice = first_draft(work, subscription)
    with work.edit(subscription):
        if subscription["trial_end"]:
            subscription["status"] = "trialing"
        elif automatic and invoice["amount_due"] > 0:
            subscription["status"] = "incomplete"
        else:
            subscription["status"] = "active"
    if automatic and invoice["amount_due"] <= 0 and payment_behavior == "default_incomplete":
        _ask_for_method(work, subscription)
    emit(work, "customer.subscription.created", subscription)
    invoices.announce(work, invoice)
    invoices.finalize(work, invoice)
    standing.schedule(work, subscription)
    entitlements.refresh(work, subscription["customer"])
    if invoice["status"] == "open" and automatic:
        _pay_first(work, invoice, payment_behavior)


def start_as_draft(work: Work, subscription: Record) -> None:
    """The same for a subscription that a schedule makes: it runs while its first invoice is a draft."""
    invoice = first_draft(work, subscription)
    with work.edit(subscription):
        subscription["status"] = "trialing" if subscription["trial_end"] else "active"
    emit(work, "customer.subscription.created", subscription)
    invoices.announce(work, invoice)
    if invoice["total"] > 0:
        invoices.leave_draft(work, invoice)
    else:
        invoices.finalize(work, invoice)
    standing.schedule(work, subscription)
    entitlements.refresh(work, subscription["customer"])


def _ask_for_method(work: Work, subscription: Record) -> None:
    """Nothing is due yet: a setup intent prepares what will be charged later (``pending_setup_intent``)."""
    if _can_charge(work, subscription):
        return
    customer = work.get("customer", subscription["customer"])
    setup = setups.create(work, customer, _subscription=subscription["id"])
    with work.edit(subscription):
        subscription["pending_setup_intent"] = setup["id"]


def first_draft(work: Work, subscription: Record) -> Record:
    """Begin the first period and draft its invoice."""
    now, trial_end = work.now(subscription["_clock"]), subscription["trial_end"]
    anchor = subscription["billing_cycle_anchor"]
    with work.edit(subscription):
        ends = anchor if anchor > now else boundary(anchor, *recurring_of(work, subscription), 1)
        set_period(subscription, now, trial_end or ends)
        if subscription["cancel_at_period_end"]:
            subscription["cancel_at"] = standing.period_end(subscription)
    return _invoice(work, subscription, "subscription_create", (now, now), free=trial_end is not None)


def _pay_first(work: Work, invoice: Record, payment_behavior: str) -> None:
    if payment_behavior == "default_incomplete":
        return
    if payments.payment_method_for(work, invoice) is None:
        error = invoices.no_payment_method()
        raise error
    decline = invoices.attempt(work, invoice)
    if decline is not None and payment_behavior == "error_if_incomplete":
        raise undoing(work, invoice, decline)


def undoing(work: Work, invoice: Record, decline: str) -> StripeError:
    """The error of a failed try that undoes the whole request (``error_if_incomplete``)."""
    asks = decline == cards.AUTHENTICATION
    error = payments.needs_action("subscription") if asks else invoices.decline_error(work, invoice, decline)
    error.keeps_changes = False
    return error


def _invoice(work: Work, subscription: Record, reason: str, period: tuple[int, int], *, free: bool = False) -> Record:
    drawn = [lines.period_line(work, subscription, item, free=free) for item in subscription["items"]["data"]]
    anchors.shorten(work, subscription, drawn, recurring_of(work, subscription))
    return invoices.create(work, subscription, reason, drawn, period)


def renew(work: Work, subscription: Record) -> None:
    """The next period: a draft invoice for it, or a paid one where nothing is due."""
    with updating(work, subscription):
        invoice = draft_next(work, subscription)
    invoices.announce(work, invoice)
    if subscription["pause_collection"] is not None:
        pausing.hold(work, subscription, invoice)
    elif subscription["status"] == "unpaid":
        with work.edit(invoice):
            invoice["auto_advance"] = False
    elif invoice["total"] <= 0 and not metering.counts(invoice):
        invoices.finalize(work, invoice)
    else:
        invoices.leave_draft(work, invoice)
    standing.schedule(work, subscription)
    entitlements.refresh(work, subscription["customer"])


def draft_next(work: Work, subscription: Record) -> Record:
    """Begin the next period (within an ``updating`` block) and draft its invoice."""
    begins = standing.period_end(subscription)
    previous = subscription["items"]["data"][0]["current_period_start"]
    ends = next_boundary(subscription["billing_cycle_anchor"], *recurring_of(work, subscription), begins)
    set_period(subscription, begins, ends)
    used = (previous, begins)
    if subscription["status"] == "trialing":
        subscription["status"], used = "active", (begins, begins)  # usage in a trial is free
    drawn = metering.cycle_lines(work, subscription, used)
    return invoices.create(work, subscription, "subscription_cycle", drawn, (previous, begins))


def process(work: Work, subscription: Record) -> None:
    """What is due now for a subscription; several things may be due at the same time."""
    now = work.now(subscription["_clock"])
    if subscription["status"] == "incomplete":
        _expire(work, subscription)
        return
    if _due(pending_updates.expires_at(subscription), now):
        give_up_pending(work, subscription)
    if _due(standing.collection_resumes(subscription), now):
        with updating(work, subscription):
            subscription["pause_collection"] = None
    if _due(subscription["cancel_at"], now):
        end_with_invoice(work, subscription)
    elif standing.period_end(subscription) <= now and subscription["status"] != "paused":
        _end_trial_or_renew(work, subscription)
    else:
        if _due(reminders.next_notice(work, subscription), now):
            reminders.notice(work, subscription)
        standing.schedule(work, subscription)


def _due(at: int | None, now: int) -> bool:
    return at is not None and at <= now


def _end_trial_or_renew(work: Work, subscription: Record) -> None:
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if subscription["status"] == "trialing" and behavior == "cancel" and not _can_charge(work, subscription):
        standing.end(work, subscription, None)
        return
    if subscription["status"] == "trialing" and behavior == "pause" and not _can_charge(work, subscription):
        pausing.pause(work, subscription)
        return
    renew(work, subscription)


def _can_charge(work: Work, subscription: Record) -> bool:
    pretend = {"default_payment_method": None, "_subscription": subscription["id"]}
    return payments.payment_method_for(work, pretend | {"customer": subscription["customer"]}) is not None


def _expire(work: Work, subscription: Record) -> None:
    invoice = work.find("invoice", subscription["latest_invoice"])
    now = work.now(subscription["_clock"])
    with updating(work, subscription):
        subscription |= {"status": "incomplete_expired", "ended_at": now, "_due": None}
    if invoice is not None and invoice["status"] == "open":
        invoices.void(work, invoice)


def end_with_invoice(work: Work, subscription: Record) -> None:
    """Cancel now and collect what is still pending, usage included."""
    invoice = end_with_draft(work, subscription)
    if invoice is not None:
        collect(work, invoice, "allow_incomplete")


def end_with_draft(work: Work, subscription: Record) -> Record | None:
    """Cancel now; the draft of what is still pending, usage included, or None."""
    drawn = metering.final_lines(work, subscription, work.now(subscription["_clock"]))
    standing.end(work, subscription, "cancellation_requested")
    if drawn or invoice_items.waiting(work, subscription):
        return draft_now(work, subscription, drawn)
    return None


def draft_now(work: Work, subscription: Record, drawn: list[Json]) -> Record:
    """The draft of an invoice for a change, with the pending items and these lines."""
    start = subscription["items"]["data"][0]["current_period_start"]
    now = work.now(subscription["_clock"])
    return invoices.create(work, subscription, "subscription_update", drawn, (start, now))


def collect(work: Work, invoice: Record, payment_behavior: str) -> None:
    """Finalise and try an invoice for a change; a StripeError where a decline is to undo the change."""
    invoices.announce(work, invoice)
    invoices.finalize(work, invoice)
    if invoice["status"] != "open" or invoice["collection_method"] != "charge_automatically":
        return
    subscription = work.get("subscription", invoice["_subscription"])
    if payment_behavior == "default_incomplete":
        standing.await_payment(work, subscription)
        return
    decline = invoices.attempt(work, invoice)
    if decline is not None and payment_behavior == "error_if_incomplete":
        raise undoing(work, invoice, decline)


def collect_held(work: Work, subscription: Record, invoice: Record) -> None:
    """Finalise and try the invoice that a change waits for; unpaid, the change is pending."""
    invoices.announce(work, invoice)
    invoices.finalize(work, invoice)
    if invoice["status"] == "open":
        with work.edit(invoice):
            invoice["auto_advance"] = False
        if invoices.attempt(work, invoice) is not None:
            pending_updates.wait(work, subscription)
            standing.schedule(work, subscription)


def give_up_pending(work: Work, subscription: Record) -> None:
    """Void the invoice that a change waits for, and with it the change."""
    held = subscription.get("_held")
    invoice = work.find("invoice", held["invoice"]) if held else None
    if invoice is not None:
        invoices.void(work, invoice)


def require_running(subscription: Record) -> None:
    """A StripeError where the subscription has ended."""
    if subscription["status"] in standing.ENDED:
        raise invalid(
            "A canceled subscription can only update its cancellation_details and metadata.",
            None,
            "invalid_canceled_subscription_fields",
        )
