"""The phases of a schedule, said again with other terms: Stripe takes all of them or none. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from billingos.common.mirrored import reference
from subscriptions.changing import seconds
from subscriptions.models import SubscriptionSchedule

Params = dict[str, Any]
SETTINGS = {"collection_method", "default_payment_method", "days_until_due"}
KEPT = (
    "start_date", "end_date", "proration_behavior", "billing_cycle_anchor", "description", "metadata",
    "application_fee_percent", "on_behalf_of", "transfer_data",
)  # fmt: skip


def laid_again(
    schedule: SubscriptionSchedule, terms: Mapping[str, Any], *, discounts: Any, now: datetime
) -> Params | None:
    """What a schedule is told when the terms of its subscription change, which would else be those of its phases again
    when the next one begins; None where it has no say in them. `terms` are those of the subscription's update,
    `discounts` those that it then has."""
    settings = {name: terms[name] for name in SETTINGS & terms.keys()}
    if not settings and "discounts" not in terms:
        return None
    begun = schedule.current_phase_start
    coming = [phase for phase in schedule.phases if not begun or phase["start_date"] >= seconds(begun)]
    instead = {"discounts": discounts} if "discounts" in terms else {}
    phases = [{**_again(phase, settings, now), **instead} for phase in coming]
    default = {"default_settings": _with_days(settings)} if settings else {}
    return {"phases": phases, "proration_behavior": "none", **default}


def _again(phase: Mapping[str, Any], settings: Mapping[str, Any], now: datetime) -> Params:
    """A phase as Stripe shows it, as Stripe takes it; without what is set for all phases."""
    own = {name: phase.get(name) for name in SETTINGS}
    own["days_until_due"] = (phase.get("invoice_settings") or {}).get("days_until_due")
    said: Params = {name: phase.get(name) for name in KEPT}
    said |= _with_days({name: value for name, value in own.items() if value is not None and name not in settings})
    said["items"] = [_item(item) for item in phase["items"]]
    said["default_tax_rates"] = _ids(phase.get("default_tax_rates"))
    said["discounts"] = _discounts(phase.get("discounts"))
    if (phase.get("automatic_tax") or {}).get("enabled"):
        said["automatic_tax"] = {"enabled": True}
    if (phase.get("trial_end") or 0) > seconds(now):
        said["trial_end"] = phase["trial_end"]
    if phase["start_date"] > seconds(now):  # what comes with a phase that has begun is billed
        said["add_invoice_items"] = [_item(item) for item in phase.get("add_invoice_items") or []]
    return _without_nothing(said)


def _with_days(settings: Mapping[str, Any]) -> Params:
    """Stripe keeps the days until an invoice is due elsewhere in a schedule than in a subscription."""
    said = {name: value for name, value in settings.items() if name != "days_until_due"}
    if "days_until_due" in settings:
        said["invoice_settings"] = {"days_until_due": settings["days_until_due"]}
    return said


def _item(item: Mapping[str, Any]) -> Params:
    return _without_nothing(
        {
            "price": reference(item["price"]),
            "quantity": item.get("quantity"),
            "metadata": item.get("metadata"),
            "discounts": _discounts(item.get("discounts")),
            "tax_rates": _ids(item.get("tax_rates")),
        }
    )


def _discounts(entries: Iterable[Mapping[str, Any]] | None) -> list[Params]:
    return [{name: reference(value) for name, value in entry.items() if value} for entry in entries or []]


def _ids(rates: Iterable[Any] | None) -> list[str]:
    return [reference(rate) for rate in rates or []]


def _without_nothing(said: Params) -> Params:
    return {name: value for name, value in said.items() if value not in (None, [], {})}
