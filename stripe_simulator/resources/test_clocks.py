"""Test clocks: customers that live in a time of their own, which can be moved forward."""

from typing import Any

from stripe_simulator.billing import clock_limits
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import StripeError, invalid, not_simulated
from stripe_simulator.events import emit
from stripe_simulator.lists import page
from stripe_simulator.params import LISTING, Integer, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.customers import remove
from stripe_simulator.work import Work

_KIND = "test_helpers.test_clock"
_LIFETIME = 30 * 86_400  # seconds of real time, as at Stripe
_URL = "/v1/test_helpers/test_clocks"


@endpoint(
    "POST",
    _URL,
    {"frozen_time": Integer(required=True, least=0), "name": Text(longest=300), "customer": Text()},
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A clock that stands at ``frozen_time``."""
    if values.get("customer"):
        raise not_simulated("test clocks for existing customers", "customer")
    now = work.now()
    body: Record = {
        "created": now,
        "deletes_after": now + _LIFETIME,
        "frozen_time": values["frozen_time"],
        "name": values.get("name"),
        "status": "ready",
        "status_details": {},
    }
    clock = work.insert(_KIND, body, now=values["frozen_time"], target=None)
    emit(work, "test_helpers.test_clock.created", clock)
    return render(work, clock)


@endpoint("GET", f"{_URL}/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A clock."""
    return render(work, work.get(_KIND, id))


@endpoint("GET", _URL, LISTING)
def list_clocks(work: Work, values: dict[str, Any]) -> Json:
    """Clocks."""
    return page(work, work.all(_KIND), values, _URL)


@endpoint("DELETE", f"{_URL}/<id>")
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Delete a clock and its customers."""
    clock = work.get(_KIND, id)
    for customer in work.related("customer", "clock", id):
        remove(work, customer)
    work.delete(clock)
    emit(work, "test_helpers.test_clock.deleted", clock)
    return {"id": id, "object": _KIND, "deleted": True}


@endpoint("POST", f"{_URL}/<id>/advance", {"frozen_time": Integer(required=True, least=0)})
def advance(work: Work, values: dict[str, Any], id: str) -> Json:
    """Move a clock forward. Everything due on the way happens in its order and at its time."""
    clock, target = work.get(_KIND, id), values["frozen_time"]
    if clock["status"] != "ready":
        raise StripeError(
            f"Test clock {id} is still advancing. Wait until it is ready.",
            status=429,
            code="lock_timeout",
        )
    if target <= clock["frozen_time"]:
        raise invalid("Test clocks can only be advanced forward in time.", "frozen_time")
    clock_limits.check_advance(work, clock, target)
    with work.edit(clock):
        clock |= {"status": "advancing", "_target": target}
        clock["status_details"] = {"advancing": {"target_frozen_time": target}}
    emit(work, "test_helpers.test_clock.advancing", clock)
    if work.settings.synchronous_clocks:
        work.run_clock(work.account, id, work.deliveries.extend)
    else:
        account = work.account
        work.after = lambda: work.run_clock_in_background(account, id)
    return render(work, clock)
