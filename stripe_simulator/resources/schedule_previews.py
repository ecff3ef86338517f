"""Previews of schedules: one that is there, with changes or without, or one that is only described."""

from typing import Any

from stripe_simulator.billing import coming, discounts, drafts, schedules, standing, subscriptions
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, missing_param
from stripe_simulator.params import Fields, Hash, Sequenced, Text
from stripe_simulator.resources import subscription_schedules as requests
from stripe_simulator.resources.subscriptions import PRORATION
from stripe_simulator.work import Work

DETAILS: Fields = {
    "billing_mode": Hash(fields={"type": Text(required=True, choices=("classic", "flexible"))}),
    "end_behavior": Text(choices=("cancel", "release")),
    "phases": Sequenced(of=Hash(fields=requests.PHASE), most=10),
    "proration_behavior": PRORATION,
}


def asked(work: Work, values: dict[str, Any]) -> Record | None:
    """The schedule that a preview names, or None; a StripeError where a subscription is named too."""
    if not values.get("schedule") and not values.get("schedule_details"):
        return None
    for name in ("subscription", "subscription_details"):
        if values.get(name):
            raise invalid(f"You may only specify one of these parameters: schedule, {name}.", name)
    if not values.get("schedule"):
        return None
    schedule = work.get("subscription_schedule", values["schedule"], "schedule")
    if schedule["status"] not in schedules.OPEN:
        raise invalid(f"The schedule {schedule['id']} is {schedule['status']}: it brings no invoices.", "schedule")
    return schedule


def draft(work: Work, customer: Record, schedule: Record | None, values: dict[str, Any]) -> Record | None:
    """The next invoice by the schedule as it would be then, or None where none comes."""
    details, recurring = values.get("schedule_details") or {}, values.get("preview_mode") == "recurring"
    invoice = None
    if schedule is None:
        schedule = _described(work, customer, details)
    elif details:
        invoice = requests.change(work, schedule, details)
    if schedule["status"] == "not_started":
        coming.travel(work, schedule, schedule["phases"][0]["start_date"])
        invoice = _first(work, schedule)
    if recurring:
        coming.settle(work, invoice)
        invoice = None
    if invoice is None:
        invoice = _coming(work, schedule, recurring=recurring)
    if invoice is not None and "discounts" in values:
        _discount(work, customer, invoice, values["discounts"])
    return invoice


def _described(work: Work, customer: Record, details: dict[str, Any]) -> Record:
    sent = details.get("phases")
    if not sent:
        raise missing_param("schedule_details[phases]")
    if sent[0].get("start_date") is None:
        raise missing_param("schedule_details[phases][0][start_date]")
    values = {name: value for name, value in details.items() if name != "proration_behavior"}
    return requests.make(work, customer, values | {"start_date": sent[0]["start_date"]})


def _first(work: Work, schedule: Record) -> Record:
    subscription = schedules.found(work, schedule)
    invoice = subscriptions.first_draft(work, subscription)
    with work.edit(subscription):
        subscription["status"] = "trialing" if subscription["trial_end"] else "active"
    return invoice


def _coming(work: Work, schedule: Record, *, recurring: bool) -> Record | None:
    subscription = work.get("subscription", schedule["subscription"])
    if subscription["status"] in standing.ENDED:
        return None
    return coming.next_draft(work, subscription, recurring=recurring)


def _discount(work: Work, customer: Record, invoice: Record, sent: list[dict[str, Any]]) -> None:
    with work.edit(invoice), drafts.reckoning(work, invoice):
        invoice["discounts"] = discounts.redeem(
            work, customer, sent, currency=invoice["currency"], amount=invoice["subtotal"], invoice=invoice["id"]
        )
