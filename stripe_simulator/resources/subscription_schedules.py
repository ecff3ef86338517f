"""Subscription schedules."""

from typing import Any

from stripe_simulator.billing import discounts, phases, schedules, standing, taxes
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import StripeError, invalid, missing_param, not_simulated
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Integer,
    Metadata,
    Range,
    Sequenced,
    Text,
    Unsimulated,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.subscriptions import PRICE_DATA, PRORATION
from stripe_simulator.work import Work

_URL = "/v1/subscription_schedules"
_KIND = "subscription_schedule"
_INVOICES = Hash(
    fields={
        "account_tax_ids": Unsimulated(),
        "custom_fields": Unsimulated(),
        "days_until_due": Integer(least=0),
        "description": Unsimulated(),
        "footer": Unsimulated(),
        "issuer": Unsimulated(),
    }
)
_TERMS: Fields = {
    "billing_cycle_anchor": Text(choices=("automatic", "phase_start")),
    "collection_method": Text(choices=("charge_automatically", "send_invoice")),
    "default_payment_method": Text(),
    "description": Text(longest=500),
    "invoice_settings": _INVOICES,
    **dict.fromkeys(
        ("application_fee_percent", "automatic_tax", "billing_thresholds", "on_behalf_of", "transfer_data"),
        Unsimulated(),
    ),
}
_ITEM: Fields = {
    "billing_thresholds": Unsimulated(),
    "discounts": discounts.DISCOUNTS,
    "metadata": Metadata(),
    "plan": Unsimulated(),
    "price": Text(),
    "price_data": Hash(fields=PRICE_DATA),
    "quantity": Integer(least=0),
    "tax_rates": taxes.TAX_RATES,
}
PHASE: Fields = _TERMS | {
    "add_invoice_items": Unsimulated(),
    "currency": Text(longest=3),
    "default_tax_rates": taxes.TAX_RATES,
    "discounts": discounts.DISCOUNTS,
    "duration": Hash(
        fields={
            "interval": Text(required=True, choices=("day", "month", "week", "year")),
            "interval_count": Integer(least=1),
        }
    ),
    "end_date": Integer(words=("now",)),
    "items": Sequenced(of=Hash(fields=_ITEM), most=20, required=True),
    "metadata": Metadata(),
    "proration_behavior": PRORATION,
    "start_date": Integer(words=("now",)),
    "trial": Flag(),
    "trial_end": Integer(words=("now",)),
}
_SHARED: Fields = {
    "default_settings": Hash(fields=_TERMS),
    "end_behavior": Text(choices=("cancel", "none", "release", "renew")),
    "metadata": Metadata(),
    "phases": Sequenced(of=Hash(fields=PHASE), most=10),
}


@endpoint(
    "POST",
    _URL,
    _SHARED
    | {
        "billing_mode": Hash(fields={"type": Text(required=True, choices=("classic", "flexible"))}),
        "customer": Text(),
        "customer_account": Unsimulated(),
        "from_subscription": Text(),
        "start_date": Integer(words=("now",)),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A schedule over a subscription that runs, or one that makes its own when its first phase begins."""
    _check_end(values)
    if values.get("from_subscription"):
        return render(work, _take_over(work, values))
    if not values.get("customer"):
        raise missing_param("customer")
    schedule = make(work, work.get("customer", values["customer"], "customer"), values)
    emit(work, "subscription_schedule.created", schedule)
    if schedule["phases"][0]["start_date"] == work.now(schedule["_clock"]):
        schedules.begin(work, schedule)
    schedules.plan(work, schedule)
    return render(work, schedule)


def make(work: Work, customer: Record, values: dict[str, Any]) -> Record:
    """The schedule that a request describes, not yet started."""
    now = work.now(customer["_clock"])
    start = now if values.get("start_date", "now") == "now" else int(values["start_date"])
    if start < now:
        raise not_simulated("schedules that begin in the past", "start_date")
    laid = phases.lay_out(phases.Ground(work, customer, now), values.get("phases") or [], start)
    return _insert(work, customer, laid, values, now)


def _take_over(work: Work, values: dict[str, Any]) -> Record:
    if set(values) - {"from_subscription", "metadata", "billing_mode"}:
        raise invalid("You cannot set other parameters than metadata together with from_subscription.")
    subscription = work.get("subscription", values["from_subscription"], "from_subscription")
    if subscription["schedule"] is not None:
        raise invalid(f"This subscription is already managed by the schedule {subscription['schedule']}.")
    if subscription["status"] in (*standing.ENDED, "incomplete", "paused"):
        raise invalid(f"A subscription with status {subscription['status']} can't be scheduled.", "from_subscription")
    customer = work.get("customer", subscription["customer"])
    phase = phases.of_subscription(subscription)
    schedule = _insert(work, customer, [phase], values, work.now(subscription["_clock"]))
    with work.edit(schedule):
        schedule |= {"status": "active", "subscription": subscription["id"]}
        schedule["current_phase"] = {"end_date": phase["end_date"], "start_date": phase["start_date"]}
        mode = subscription["billing_mode"]
        schedule["billing_mode"] = {"flexible": mode["flexible"], "type": mode["type"]}
        schedule["default_settings"]["collection_method"] = subscription["collection_method"]
    emit(work, "subscription_schedule.created", schedule)
    with updating(work, subscription):
        subscription["schedule"] = schedule["id"]
    schedules.plan(work, schedule)
    return schedule


@endpoint("GET", f"{_URL}/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A schedule."""
    return render(work, work.get(_KIND, id))


@endpoint("POST", f"{_URL}/<id>", _SHARED | {"proration_behavior": PRORATION})
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """New phases from the current one on, or other terms; the current phase's items change at once."""
    schedule = work.get(_KIND, id)
    schedules.collect(work, change(work, schedule, values))
    return render(work, schedule)


def change(work: Work, schedule: Record, values: dict[str, Any]) -> Record | None:
    """Do what an update asks for; the draft to collect at once, or None."""
    _check_end(values)
    if set(values) - {"metadata"}:
        _require_open(schedule, "update")
    before = schedule["current_phase"]
    with updating(work, schedule):
        if "metadata" in values:
            schedule["metadata"] = merged_metadata(schedule["metadata"], values["metadata"])
        if "end_behavior" in values:
            schedule["end_behavior"] = values["end_behavior"]
        schedule["default_settings"] |= _defaults(values.get("default_settings") or {})
        changed = "phases" in values and _replace(work, schedule, values["phases"])
    behavior = values.get("proration_behavior", "create_prorations")
    invoice = _follow(work, schedule, before, behavior) if changed else None
    schedules.plan(work, schedule)
    return invoice


def _replace(work: Work, schedule: Record, sent: list[dict[str, Any]]) -> bool:
    """Lay the phases out anew (within an ``updating`` block); whether the schedule runs."""
    now = work.now(schedule["_clock"])
    active = bool(schedule["status"] == "active")
    start = (schedule["current_phase"] if active else schedule["phases"][0])["start_date"]
    wanted = sent[0].get("start_date") if sent else None
    if wanted is not None and not active:
        start = now if wanted == "now" else int(wanted)
    customer = work.get("customer", schedule["customer"])
    subscription = work.find("subscription", schedule["subscription"])
    laid = phases.lay_out(phases.Ground(work, customer, now, subscription, tuple(schedule["phases"])), sent, start)
    past = [phase for phase in schedule["phases"] if phase["end_date"] <= start]
    schedule |= {"phases": past + laid, "_warned": False}
    if active:
        current = next((phase for phase in laid if phase["end_date"] > now), None)
        if current is None:
            raise invalid("The last phase must end in the future.", "phases")
        schedule["current_phase"] = {"end_date": current["end_date"], "start_date": current["start_date"]}
    return active


def _follow(work: Work, schedule: Record, before: Json, behavior: str) -> Record | None:
    start = schedule["current_phase"]["start_date"]
    phase = next(phase for phase in schedule["phases"] if phase["start_date"] == start)
    if start != before["start_date"]:  # the phase before it was made to end now
        return schedules.enter(work, schedule, phase, phase["proration_behavior"])
    return schedules.enter(work, schedule, phase | {"billing_cycle_anchor": None}, behavior, anew=False)


@endpoint("POST", f"{_URL}/<id>/cancel", {"invoice_now": Flag(), "prorate": Flag()})
def cancel(work: Work, values: dict[str, Any], id: str) -> Json:
    """End the schedule and its subscription now."""
    schedule = work.get(_KIND, id)
    _require_open(schedule, "cancel")
    schedules.cancel(work, schedule, invoice_now=values.get("invoice_now", True), prorate=values.get("prorate", True))
    return render(work, schedule)


@endpoint("POST", f"{_URL}/<id>/release", {"preserve_cancel_date": Unsimulated()})
def release(work: Work, values: dict[str, Any], id: str) -> Json:
    """End the schedule; its subscription goes on."""
    schedule = work.get(_KIND, id)
    _require_open(schedule, "release")
    schedules.release(work, schedule)
    return render(work, schedule)


@endpoint(
    "GET",
    _URL,
    LISTING
    | {
        **dict.fromkeys(("canceled_at", "completed_at", "created", "released_at"), Range()),
        "customer": Text(),
        "scheduled": Flag(),
    },
)
def list_schedules(work: Work, values: dict[str, Any]) -> Json:
    """Schedules."""
    customer = values.get("customer")
    found = work.all(_KIND) if customer is None else work.related(_KIND, "customer", customer)
    chosen = (
        schedule
        for schedule in found
        if (not values.get("scheduled") or schedule["status"] == "not_started")
        and all(
            within(values.get(name), schedule[name])
            for name in ("canceled_at", "completed_at", "created", "released_at")
        )
    )
    return page(work, chosen, values, _URL)


def _check_end(values: dict[str, Any]) -> None:
    if values.get("end_behavior") in ("none", "renew"):
        Unsimulated().read(values["end_behavior"], "end_behavior")


def _require_open(schedule: Record, verb: str) -> None:
    if schedule["status"] not in schedules.OPEN:
        raise _closed(schedule, verb)


def _closed(schedule: Record, verb: str) -> StripeError:
    return invalid(
        f"You cannot {verb} a subscription schedule that is currently in the `{schedule['status']}` status. Only "
        "schedules that are not started or active can be changed so."
    )


def _insert(work: Work, customer: Record, laid: list[Json], values: dict[str, Any], now: int) -> Record:
    mode = values.get("billing_mode", {}).get("type", "flexible")
    flexible = {"proration_discounts": "included"} if mode == "flexible" else None
    body: Record = {
        "application": None,
        "billing_mode": {"flexible": flexible, "type": mode},
        "canceled_at": None,
        "completed_at": None,
        "created": now,
        "current_phase": None,
        "customer": customer["id"],
        "customer_account": None,
        "default_settings": _blank_defaults() | _defaults(values.get("default_settings") or {}),
        "end_behavior": values.get("end_behavior", "release"),
        "metadata": merged_metadata({}, values.get("metadata") or {}),
        "phases": laid,
        "released_at": None,
        "released_subscription": None,
        "status": "not_started",
        "subscription": None,
        "test_clock": customer["test_clock"],
    }
    return work.insert(_KIND, body, id=new_id(_KIND), clock=customer["_clock"])


def _defaults(sent: dict[str, Any]) -> Json:
    shown: Json = {name: value for name, value in sent.items() if name != "invoice_settings"}
    if sent.get("invoice_settings"):
        shown["invoice_settings"] = phases.invoice_settings(sent["invoice_settings"])
    return shown


def _blank_defaults() -> Json:
    return {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": "charge_automatically",
        "default_payment_method": None,
        "description": None,
        "invoice_settings": phases.invoice_settings({}),
        "on_behalf_of": None,
        "transfer_data": None,
    }
