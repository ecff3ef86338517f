"""Meters: what is counted, and how; and what they counted, by customer."""

from typing import Any

from stripe_simulator.billing import metering
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import StripeError, invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
from stripe_simulator.lists import page
from stripe_simulator.params import LISTING, Hash, Integer, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

_KIND = "billing.meter"
_URL = "/v1/billing/meters"
_MINUTE = 60
_WINDOWS = {"hour": 3_600, "day": 86_400}
_FORMULAS = ("count", "last", "sum")


@endpoint(
    "POST",
    _URL,
    {
        "customer_mapping": Hash(
            fields={
                "event_payload_key": Text(required=True, longest=100),
                "type": Text(required=True, choices=("by_id",)),
            }
        ),
        "default_aggregation": Hash(fields={"formula": Text(required=True, choices=_FORMULAS)}, required=True),
        "display_name": Text(required=True, longest=250),
        "event_name": Text(required=True, longest=100),
        "event_time_window": Text(choices=tuple(_WINDOWS)),
        "value_settings": Hash(fields={"event_payload_key": Text(required=True, longest=100)}),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A meter; no other active meter counts events of the same name."""
    if active(work, values["event_name"]) is not None:
        raise invalid(
            f"There already exists an active meter with event name {values['event_name']}.",
            "event_name",
            "resource_already_exists",
        )
    now = work.now()
    body: Record = {
        "created": now,
        "customer_mapping": values.get("customer_mapping")
        or {"event_payload_key": "stripe_customer_id", "type": "by_id"},
        "default_aggregation": values["default_aggregation"],
        "display_name": values["display_name"],
        "event_name": values["event_name"],
        "event_time_window": values.get("event_time_window"),
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": now,
        "value_settings": values.get("value_settings") or {"event_payload_key": "value"},
    }
    meter = work.insert(_KIND, body)
    emit(work, "billing.meter.created", meter)
    return render(work, meter)


@endpoint("GET", f"{_URL}/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A meter."""
    return render(work, work.get(_KIND, id))


@endpoint("POST", f"{_URL}/<id>", {"display_name": Text(longest=250, required=False)})
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Rename a meter; nothing else of it changes."""
    meter = work.get(_KIND, id)
    if values.get("display_name"):
        with updating(work, meter):
            meter |= {"display_name": values["display_name"], "updated": work.now()}
    return render(work, meter)


@endpoint("GET", _URL, LISTING | {"status": Text(choices=("active", "inactive"))})
def list_meters(work: Work, values: dict[str, Any]) -> Json:
    """Meters."""
    found = (meter for meter in work.all(_KIND) if values.get("status") in (None, meter["status"]))
    return page(work, found, values, _URL)


@endpoint("POST", f"{_URL}/<id>/deactivate")
def deactivate(work: Work, values: dict[str, Any], id: str) -> Json:
    """Take no more events, and no more prices."""
    return _switch(work, id, "active", "inactive", "deactivated")


@endpoint("POST", f"{_URL}/<id>/reactivate")
def reactivate(work: Work, values: dict[str, Any], id: str) -> Json:
    """Count again."""
    meter = work.get(_KIND, id)
    if meter["status"] == "inactive" and active(work, meter["event_name"]) is not None:
        raise invalid(f"There already exists an active meter with event name {meter['event_name']}.", "event_name")
    return _switch(work, id, "inactive", "active", "reactivated")


def _switch(work: Work, id: str, before: str, after: str, done: str) -> Json:
    meter = work.get(_KIND, id)
    if meter["status"] != before:
        raise invalid(f"The meter {id} is already {after}.")
    now = work.now()
    with work.edit(meter):
        meter |= {"status": after, "updated": now}
        meter["status_transitions"] = {"deactivated_at": now if after == "inactive" else None}
    emit(work, f"billing.meter.{done}", meter)
    return render(work, meter)


def active(work: Work, event_name: str) -> Record | None:
    """The meter that counts events of a name, or None."""
    meters = work.related(_KIND, "event_name", event_name)
    return next((meter for meter in meters if meter["status"] == "active"), None)


@endpoint(
    "GET",
    f"{_URL}/<id>/event_summaries",
    LISTING
    | {
        "customer": Text(required=True),
        "end_time": Integer(required=True, least=0),
        "start_time": Integer(required=True, least=0),
        "value_grouping_window": Text(choices=tuple(_WINDOWS)),
    },
)
def list_summaries(work: Work, values: dict[str, Any], id: str) -> Json:
    """What a meter counted for a customer, in one sum or by UTC hour or day, the newest first."""
    meter, customer = work.get(_KIND, id), work.get("customer", values["customer"], "customer")
    start, end = values["start_time"], values["end_time"]
    size = _WINDOWS.get(values.get("value_grouping_window", ""))
    _check_window(start, end, size)
    windows = [(start, end)] if size is None else [(at, at + size) for at in range(start, end, size)]
    used = {event["timestamp"] for event in metering.events_of(work, meter, customer["id"])}
    summaries = [
        _summary(work, meter, customer["id"], window)
        for window in reversed(windows)
        if size is None or any(window[0] <= at < window[1] for at in used)
    ]
    url = f"{_URL}/{id}/event_summaries"
    return page(work, summaries, values, url, show=lambda _, summary: summary, ordered=True)


def _check_window(start: int, end: int, size: int | None) -> None:
    unit = size or _MINUTE
    for name, at in (("start_time", start), ("end_time", end)):
        if at % unit:
            raise invalid(f"{name} must be aligned with {_boundary(unit)} boundaries.", name)
    if end <= start:
        raise invalid("end_time must be after start_time.", "end_time")


def _boundary(unit: int) -> str:
    return {_MINUTE: "minute", 3_600: "hourly", 86_400: "daily"}[unit]


def _summary(work: Work, meter: Record, customer: str, window: tuple[int, int]) -> Json:
    return {
        "id": f"{new_id('billing.meter_event_summary')[:12]}{meter['id'][-8:]}{window[0]}",
        "object": "billing.meter_event_summary",
        "aggregated_value": metering.counted(work, meter, customer, *window),
        "end_time": window[1],
        "livemode": False,
        "meter": meter["id"],
        "start_time": window[0],
    }


def require_active(work: Work, event_name: str) -> Record:
    """The meter that counts events of a name; a StripeError where there is none, or none any more."""
    meter = active(work, event_name)
    if meter is not None:
        return meter
    if work.related(_KIND, "event_name", event_name):
        raise StripeError(
            f"The meter for event name {event_name} is inactive.",
            code="archived_meter",
            param="event_name",
        )
    raise StripeError(f"No meter found for event name {event_name}.", code="no_meter", param="event_name")
