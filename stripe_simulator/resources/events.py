"""Events, read back."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Flag, Range, Sequenced, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


@endpoint("GET", "/v1/events/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """An event."""
    return render(work, work.get("event", id))


@endpoint(
    "GET",
    "/v1/events",
    LISTING
    | {
        "created": Range(),
        "delivery_success": Flag(),
        "type": Text(),
        "types": Sequenced(of=Text(required=True), most=20),
    },
)
def list_events(work: Work, values: dict[str, Any]) -> Json:
    """Events of the account, by ``type`` (``invoice.*`` too) or ``types``."""
    type, types = values.get("type"), values.get("types")
    success = values.get("delivery_success")
    found = (
        event
        for event in work.all("event")
        if (type is None or _matches(event["type"], type))
        and (types is None or event["type"] in types)
        and (success is None or success == (event["pending_webhooks"] == 0))
        and within(values.get("created"), event["created"])
    )
    return page(work, found, values, "/v1/events")


def _matches(type: str, wanted: str) -> bool:
    return type.startswith(wanted[:-1]) if wanted.endswith(".*") else type == wanted
