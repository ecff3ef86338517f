"""Subscription schedules: phases that follow each other as time goes by."""

from typing import Any

from stripe_simulator.billing import changes, endings, entitlements, phase_discounts, standing, subscriptions
from stripe_simulator.billing.subscription_shape import new_subscription
from stripe_simulator.database import Record
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
from stripe_simulator.params import merged_metadata
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

OPEN = ("active", "not_started")
EXPIRING_SECONDS = 7 * 86_400


def plan(work: Work, schedule: Record) -> None:
    """Say when the engine must look at a schedule next: at its start, before its end, at the end of a phase."""
    with work.edit(schedule):
        schedule["_due"] = _next(work, schedule)


def _next(work: Work, schedule: Record) -> int | None:
    if schedule["status"] == "not_started":
        return int(schedule["phases"][0]["start_date"])
    if schedule["status"] != "active":
        return None
    warns = int(schedule["phases"][-1]["end_date"]) - EXPIRING_SECONDS
    times = [int(schedule["current_phase"]["end_date"])]
    if not schedule.get("_warned") and warns > work.now(schedule["_clock"]):
        times.append(warns)
    return min(times)


def process(work: Work, schedule: Record) -> None:
    """What is due now for a schedule."""
    now = work.now(schedule["_clock"])
    if schedule["status"] == "not_started":
        begin(work, schedule)
    elif schedule["status"] == "active" and schedule["current_phase"]["end_date"] <= now:
        advance(work, schedule)
    elif schedule["status"] == "active":
        with work.edit(schedule):
            schedule["_warned"] = True
        emit(work, "subscription_schedule.expiring", schedule)
        plan(work, schedule)


def process_before(work: Work, subscription: Record) -> None:
    """A phase that ends with a period comes before the renewal, which then bills the new phase."""
    schedule = work.find("subscription_schedule", subscription["schedule"])
    if schedule is not None and schedule["status"] == "active":
        while schedule["status"] == "active" and schedule["current_phase"]["end_date"] <= work.now(schedule["_clock"]):
            advance(work, schedule)


def begin(work: Work, schedule: Record) -> None:
    """The first phase makes the subscription."""
    subscriptions.start_as_draft(work, found(work, schedule))
    plan(work, schedule)


def found(work: Work, schedule: Record) -> Record:
    """The subscription that the first phase makes, not yet started."""
    phase = schedule["phases"][0]
    subscription = _subscribe(work, schedule, phase)
    with updating(work, schedule):
        schedule |= {"status": "active", "subscription": subscription["id"], "current_phase": _span(phase)}
    return subscription


def _subscribe(work: Work, schedule: Record, phase: Json) -> Record:
    customer = work.get("customer", schedule["customer"])
    now, id = work.now(schedule["_clock"]), new_id("subscription")
    items = []
    for wanted in phase["items"]:
        price = work.get("price", wanted["price"])
        items.append(subscriptions.new_item(work, id, price, _terms(wanted), now))
    body = new_subscription(customer, items, id, phase["currency"], now, phase["trial_end"])
    body |= {"schedule": schedule["id"], "billing_mode": _mode(schedule)}
    subscription = work.insert("subscription", body, id=id, clock=schedule["_clock"], trial_notice=False)
    _settle(work, schedule, subscription, phase, anew=True)
    _settle_items(work, subscription, phase, anew=True)
    if customer["currency"] is None:
        with updating(work, customer):
            customer["currency"] = phase["currency"]
    return subscription


def _mode(schedule: Record) -> Json:
    return {"flexible": schedule["billing_mode"]["flexible"], "type": schedule["billing_mode"]["type"]}


def _terms(wanted: Json) -> dict[str, Any]:
    terms: dict[str, Any] = {"metadata": dict(wanted["metadata"])}
    return terms if wanted["quantity"] is None else terms | {"quantity": wanted["quantity"]}


def _settle(work: Work, schedule: Record, subscription: Record, phase: Json, *, anew: bool) -> None:
    """What a phase, or else the schedule's defaults, say of the subscription itself."""
    defaults = schedule["default_settings"]
    for name in ("collection_method", "default_payment_method", "description"):
        value = phase[name] if phase[name] is not None else defaults[name]
        if value is not None:
            subscription[name] = value
    settings = phase["invoice_settings"] or defaults["invoice_settings"]
    if settings["days_until_due"] is not None:
        subscription["days_until_due"] = settings["days_until_due"]
    subscription["metadata"] = merged_metadata(subscription["metadata"], phase["metadata"])
    subscription |= {"default_tax_rates": list(phase["default_tax_rates"]), "_bare": phase.get("_bare", False)}
    customer = work.get("customer", subscription["customer"])
    subscription["discounts"] = phase_discounts.put(
        work, customer, subscription["discounts"], phase["discounts"], anew=anew, subscription=subscription["id"]
    )


def _settle_items(work: Work, subscription: Record, phase: Json, *, anew: bool) -> None:
    """The same of its items, which a phase names by their prices."""
    customer = work.get("customer", subscription["customer"])
    wanted = {item["price"]: item for item in phase["items"]}
    for item in subscription["items"]["data"]:
        terms = wanted[item["price"]]
        held = {"subscription": subscription["id"], "subscription_item": item["id"]}
        item["tax_rates"] = list(terms["tax_rates"])
        item["discounts"] = phase_discounts.put(
            work, customer, item["discounts"], terms["discounts"], anew=anew, **held
        )


def _span(phase: Json) -> Json:
    return {"end_date": phase["end_date"], "start_date": phase["start_date"]}


def advance(work: Work, schedule: Record) -> None:
    """The current phase is over: the next one, or the end; and what is to be collected with that."""
    collect(work, turn(work, schedule))


def collect(work: Work, invoice: Record | None) -> None:
    """Collect what a phase bills as it begins or is changed, if there is anything."""
    if invoice is not None:
        subscriptions.collect(work, invoice, "allow_incomplete")


def turn(work: Work, schedule: Record) -> Record | None:
    """Go on to the next phase, or to the end; the draft to collect at once, or None."""
    over = schedule["current_phase"]["end_date"]
    phase = next((phase for phase in schedule["phases"] if phase["start_date"] >= over), None)
    if phase is None:
        return _finish(work, schedule)
    with updating(work, schedule):
        schedule["current_phase"] = _span(phase)
    invoice = enter(work, schedule, phase, phase["proration_behavior"])
    plan(work, schedule)
    return invoice


def enter(work: Work, schedule: Record, phase: Json, behavior: str, *, anew: bool = True) -> Record | None:
    """Bring the subscription to the terms of a phase; the draft to collect at once, or None.

    Where a period begins with the phase nothing is prorated: the renewal that follows bills the phase's items,
    whatever interval they have. ``anew`` is a phase that begins, in contrast to one that was changed.
    """
    subscription = work.get("subscription", schedule["subscription"])
    subscriptions.give_up_pending(work, subscription)
    renews = standing.period_end(subscription) <= work.now(subscription["_clock"])
    values = _changes(work, subscription, phase) | {"proration_behavior": "none" if renews else behavior}
    if renews:
        changes.bill_usage_of_leaving(work, subscription, values["items"], of_all="trial_end" in values)
    change_items = changes.apply_at_renewal if renews and "trial_end" not in values else changes.apply
    with updating(work, subscription):
        _settle(work, schedule, subscription, phase, anew=anew)
        change = change_items(work, subscription, values)
        _settle_items(work, subscription, phase, anew=anew)
        invoice = changes.bill(work, subscription, change, values)
    standing.schedule(work, subscription)
    if change.differs:
        entitlements.refresh(work, subscription["customer"])
    return invoice


def _changes(work: Work, subscription: Record, phase: Json) -> dict[str, Any]:
    """A phase's items, trial and anchor as a change of the subscription."""
    values: dict[str, Any] = {"items": _items(subscription, phase)}
    trial, now = phase["trial_end"], work.now(subscription["_clock"])
    trying = subscription["status"] == "trialing" and subscription["trial_end"] > now
    if trial is not None and trial > now:
        if not trying or trial != subscription["trial_end"]:
            values["trial_end"] = trial
    elif trying:
        values["trial_end"] = "now"
    elif phase["billing_cycle_anchor"] == "phase_start" and subscription["status"] != "trialing":
        values["billing_cycle_anchor"] = "now"
    return values


def _items(subscription: Record, phase: Json) -> list[dict[str, Any]]:
    """The phase's items as a change: the same price keeps its item, another one takes a place that is left."""
    held: list[Json] = list(subscription["items"]["data"])
    sent: list[dict[str, Any]] = []
    fresh = []
    for wanted in phase["items"]:
        same = next((item for item in held if item["price"] == wanted["price"]), None)
        if same is None:
            fresh.append(wanted)
        else:
            held.remove(same)
            sent.append({"id": same["id"], **_terms(wanted)})
    for wanted in fresh:
        place = {"id": held.pop(0)["id"]} if held else {}
        sent.append({"price": wanted["price"], "_agreed": True, **place, **_terms(wanted)})
    return sent + [{"id": item["id"], "deleted": True} for item in held]


def _finish(work: Work, schedule: Record) -> Record | None:
    if schedule["end_behavior"] == "release":
        release(work, schedule)
        return None
    now, last = work.now(schedule["_clock"]), None
    subscription = work.find("subscription", schedule["subscription"])
    with work.edit(schedule):
        schedule |= {"status": "completed", "completed_at": now, "current_phase": None, "_due": None}
    if subscription is not None and subscription["status"] not in standing.ENDED:
        last = subscriptions.end_with_draft(work, subscription)
    emit(work, "subscription_schedule.completed", schedule)
    return last


def release(work: Work, schedule: Record) -> None:
    """Let the subscription go on by itself."""
    subscription = work.find("subscription", schedule["subscription"])
    with work.edit(schedule):
        schedule |= {
            "current_phase": None,
            "released_at": work.now(schedule["_clock"]),
            "released_subscription": schedule["subscription"],
            "status": "released",
            "subscription": None,
            "_due": None,
        }
    if subscription is not None:
        with updating(work, subscription):
            subscription["schedule"] = None
    emit(work, "subscription_schedule.released", schedule)


def cancel(work: Work, schedule: Record, *, invoice_now: bool, prorate: bool) -> None:
    """End the schedule and its subscription now."""
    subscription = work.find("subscription", schedule["subscription"])
    standing.cancel_schedule(work, schedule)
    if subscription is not None and subscription["status"] not in standing.ENDED:
        endings.cancel(work, subscription, with_credit=prorate, invoice_now=invoice_now)
