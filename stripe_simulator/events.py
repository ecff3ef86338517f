"""Events: what happened, as an envelope with a snapshot, queued for every endpoint that wants it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.ids import new_id
from stripe_simulator.rendering import Json, render
from stripe_simulator.settings import API_VERSION
from stripe_simulator.work import Work

_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)


def emit(work: Work, type: str, record: Record, previous: Json | None = None) -> None:
    """Record that something happened to an object, at the time of the clock that it lives by."""
    emit_snapshot(work, type, render(work, record), clock=record["_clock"], previous=previous)


def emit_snapshot(work: Work, type: str, snapshot: Json, *, clock: str | None, previous: Json | None = None) -> None:
    """The same for an object that exists only as JSON."""
    data: Json = {"object": snapshot}
    if previous is not None:
        data["previous_attributes"] = previous
    body: Record = {
        "api_version": API_VERSION,
        "created": work.now(clock),
        "pending_webhooks": 0,
        "request": {"id": work.request_id, "idempotency_key": work.idempotency_key},
        "type": type,
    }
    if work.account != work.platform:
        body["account"] = work.account
    event = work.insert("event", body, data=_ENCODER.encode(data), made=work.wall())
    _queue(work, event)


@contextmanager
def updating(work: Work, record: Record, type: str | None = None) -> Iterator[Record]:
    """Change a record within the block; an ``*.updated`` event follows if anything visible changed."""
    before = render(work, record)
    with work.edit(record):
        yield record
    after = render(work, record)
    previous = changes(before, after)
    if previous:
        name = type or f"{_EVENT_NAMES.get(record['_kind'], record['_kind'])}.updated"
        emit_snapshot(work, name, after, clock=record["_clock"], previous=previous)


_EVENT_NAMES = {"subscription": "customer.subscription"}


def changes(before: Json, after: Json) -> Json:
    """The former values of what differs. Hashes are compared field by field, lists as wholes."""
    previous: Json = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and key != "metadata":
            previous[key] = changes(old, new)
        elif key == "metadata" and isinstance(old, dict) and isinstance(new, dict):
            previous[key] = {name: old.get(name) for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        else:
            previous[key] = old
    return previous


def wants(endpoint: Record, event: Record, platform: str) -> bool:
    """Whether an endpoint subscribes to an event: by its type, and by whose account it happened in."""
    if endpoint["status"] != "enabled":
        return False
    if endpoint["_connect"] != (event["_account"] != platform):
        return False
    wanted = endpoint["enabled_events"]
    return "*" in wanted or event["type"] in wanted


def _queue(work: Work, event: Record) -> None:
    for endpoint in work.store.all(work.platform, "webhook_endpoint"):
        if wants(endpoint, event, work.platform):
            queue_for(work, endpoint, event)


def queue_for(work: Work, endpoint: Record, event: Record) -> None:
    """Let an endpoint have an event; the caller has said that the event changes."""
    delivery: dict[str, Any] = {
        "id": new_id("delivery"),
        "_account": work.platform,
        "_kind": "delivery",
        "_clock": None,
        "_due": None,
        "event": event["id"],
        "event_account": event["_account"],
        "endpoint": endpoint["id"],
        "attempts": 0,
        "not_before": 0.0,
    }
    work.store.insert(delivery)
    work.deliveries.append(delivery)
    event["pending_webhooks"] += 1
