"""Accepting usage events: deduplicated for ever, stored and counted in one statement."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from billingos.common.ids import uuid7
from billingos.common.periods import Period

# The key table decides who is first: only events whose key was inserted are stored and counted. Counters are locked in
# a fixed order, so that two batches cannot deadlock.
INGEST = """
WITH input AS (
    SELECT DISTINCT ON (event_id) * FROM jsonb_to_recordset(%(events)s::jsonb) AS event(
        id uuid, event_id text, meter_id uuid, customer_id uuid, "timestamp" timestamptz, value numeric,
        amount numeric, properties jsonb, period_start timestamptz, period_end timestamptz, counter_id uuid
    ) ORDER BY event_id
), fresh AS (
    INSERT INTO usage_event_keys (merchant_id, event_id)
    SELECT %(merchant)s, event_id FROM input
    ON CONFLICT DO NOTHING
    RETURNING event_id
), stored AS (
    INSERT INTO usage_records
        (id, merchant_id, meter_id, customer_id, event_id, "timestamp", value, properties, received_at)
    SELECT id, %(merchant)s, meter_id, customer_id, event_id, "timestamp", value, properties, now()
    FROM input JOIN fresh USING (event_id)
), counted AS (
    INSERT INTO usage_counters AS counter
        (id, merchant_id, customer_id, meter_id, period_start, period_end, value, events)
    SELECT (array_agg(counter_id))[1], %(merchant)s, customer_id, meter_id, period_start, max(period_end),
        sum(amount), count(*)
    FROM input JOIN fresh USING (event_id)
    GROUP BY customer_id, meter_id, period_start
    ORDER BY customer_id, meter_id, period_start
    ON CONFLICT (merchant_id, customer_id, meter_id, period_start) DO UPDATE
    SET value = counter.value + excluded.value, events = counter.events + excluded.events
)
SELECT event_id FROM fresh
"""


@dataclass(frozen=True, slots=True)
class Event:
    """A validated event. `amount` is what it adds to the counter of `period`: its value, or one."""

    event_id: str
    meter_id: UUID
    customer_id: UUID
    timestamp: datetime
    value: Decimal
    amount: Decimal
    period: Period
    properties: dict[str, Any]


def ensure_partition(at: datetime) -> None:
    """The month's partition of `usage_records` exists afterwards. Cheap when it did before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT billingos_ensure_usage_partition(%s)", (at.date().replace(day=1),))


def ingest(*, merchant_id: UUID, events: Sequence[Event]) -> set[str]:
    """Stores and counts the events that were not seen before; returns their ids. Inside the merchant's scope."""
    for month in {event.timestamp.replace(day=1, hour=0, minute=0, second=0, microsecond=0) for event in events}:
        ensure_partition(month)
    with connection.cursor() as cursor:
        cursor.execute(INGEST, {"merchant": merchant_id, "events": json.dumps([_row(event) for event in events])})
        return {event_id for (event_id,) in cursor.fetchall()}


def _row(event: Event) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "counter_id": str(uuid7()),
        "event_id": event.event_id,
        "meter_id": str(event.meter_id),
        "customer_id": str(event.customer_id),
        "timestamp": event.timestamp.isoformat(),
        "value": str(event.value),
        "amount": str(event.amount),
        "properties": event.properties,
        "period_start": event.period.start.isoformat(),
        "period_end": event.period.end.isoformat(),
    }
