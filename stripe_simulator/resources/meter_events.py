"""Meter events and their adjustments: usage as it is reported, once for each identifier."""

import re
from typing import Any

from stripe_simulator.billing.metering import EVENT
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.ids import random_text
from stripe_simulator.params import Hash, Integer, Metadata, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.meters import require_active
from stripe_simulator.work import Work

DAY = 86_400
OLDEST_SECONDS = 35 * DAY
AHEAD_SECONDS = 300
_WHOLE = re.compile(r"^-?\d{1,15}$")


@endpoint(
    "POST",
    "/v1/billing/meter_events",
    {
        "event_name": Text(required=True, longest=100),
        "identifier": Text(longest=100),
        "payload": Metadata(required=True),
        "timestamp": Integer(least=0),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """Report usage. The time is that of the customer, on its test clock if it has one."""
    meter = require_active(work, values["event_name"])
    payload = values["payload"] or {}
    customer = _customer(work, meter, payload)
    now = work.now(customer["_clock"])
    at = values.get("timestamp", now)
    _check_time(at, now)
    identifier = values.get("identifier") or random_text(32)
    _check_new(work, identifier, now)
    body: Record = {
        "created": now,
        "event_name": values["event_name"],
        "identifier": identifier,
        "payload": payload,
        "timestamp": at,
    }
    private: dict[str, Any] = {"meter": meter["id"], "customer": customer["id"], "canceled": False}
    event = work.insert(EVENT, body, clock=customer["_clock"], value=_value(meter, payload), **private)
    return render(work, event)


def _customer(work: Work, meter: Record, payload: dict[str, str]) -> Record:
    key = meter["customer_mapping"]["event_payload_key"]
    if not payload.get(key):
        raise invalid(f"The event payload must have the key {key}, which maps it to a customer.", f"payload[{key}]")
    return work.get("customer", payload[key], f"payload[{key}]")


def _value(meter: Record, payload: dict[str, str]) -> int:
    if meter["default_aggregation"]["formula"] == "count":
        return 1
    key = meter["value_settings"]["event_payload_key"]
    if not payload.get(key):
        raise invalid(f"The event payload must have a value under the key {key}.", f"payload[{key}]")
    if not _WHOLE.match(payload[key]):
        raise invalid(f"The event payload's value must be a whole number, not {payload[key]}.", f"payload[{key}]")
    return int(payload[key])


def _check_time(at: int, now: int) -> None:
    if at < now - OLDEST_SECONDS:
        raise invalid(
            "The timestamp must be within the past 35 calendar days.", "timestamp", "timestamp_too_far_in_past"
        )
    if at > now + AHEAD_SECONDS:
        raise invalid("The timestamp may be at most 5 minutes in the future.", "timestamp", "timestamp_in_future")


def _check_new(work: Work, identifier: str, now: int) -> None:
    for known in work.related(EVENT, "identifier", identifier):
        if now - known["created"] < DAY:
            raise invalid(
                f"An event already exists with identifier {identifier}.", "identifier", "duplicate_meter_event"
            )


@endpoint(
    "POST",
    "/v1/billing/meter_event_adjustments",
    {
        "cancel": Hash(fields={"identifier": Text(required=True, longest=100)}, required=True),
        "event_name": Text(required=True, longest=100),
        "type": Text(required=True, choices=("cancel",)),
    },
)
def adjust(work: Work, values: dict[str, Any]) -> Json:
    """Take back an event within 24 hours of its arrival."""
    event = _latest(work, values["event_name"], values["cancel"]["identifier"])
    if work.now(event["_clock"]) - event["created"] > DAY:
        raise invalid("Meter events can only be canceled within 24 hours.", "cancel[identifier]")
    if event["_canceled"]:
        raise invalid("This meter event was already canceled.", "cancel[identifier]")
    with work.edit(event):
        event["_canceled"] = True
    return {
        "object": "billing.meter_event_adjustment",
        "cancel": {"identifier": event["identifier"]},
        "event_name": event["event_name"],
        "livemode": False,
        "status": "complete",
        "type": "cancel",
    }


def _latest(work: Work, name: str, identifier: str) -> Record:
    events = [one for one in work.related(EVENT, "identifier", identifier) if one["event_name"] == name]
    if not events:
        raise invalid(f"No meter event with identifier {identifier}.", "cancel[identifier]", "resource_missing")
    return events[-1]
