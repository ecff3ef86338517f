"""MRR by day, from the subscriptions' history. Everything here runs inside the merchant's scope."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import connection

# Each change holds until the subscription's next one; a day shows what held at its end (UTC).
SERIES = """
WITH spans AS (
    SELECT customer_stripe_id, mrr, at,
        lead(at) OVER (PARTITION BY subscription_stripe_id ORDER BY at, position, id) AS until
    FROM subscription_changes
    WHERE merchant_id = %(merchant)s AND currency = %(currency)s
)
SELECT day::date, coalesce(sum(mrr), 0)::bigint, count(DISTINCT customer_stripe_id) FILTER (WHERE mrr > 0)
FROM generate_series(%(start)s::date, %(end)s::date, '1 day') AS day
LEFT JOIN spans ON spans.at < (day + interval '1 day') AT TIME ZONE 'UTC'
    AND (spans.until IS NULL OR spans.until >= (day + interval '1 day') AT TIME ZONE 'UTC')
GROUP BY day ORDER BY day
"""


@dataclass(frozen=True, slots=True)
class Day:
    """What held at the end of a UTC day. `mrr` is in minor units; `customers` are those who pay."""

    date: date
    mrr: int
    customers: int


def mrr_series(merchant_id: UUID, *, currency: str, start: date, end: date) -> list[Day]:
    """One row per day from `start` to `end`, both included."""
    with connection.cursor() as cursor:
        cursor.execute(
            SERIES,
            {
                "merchant": merchant_id,
                "currency": currency,
                "start": start,
                "end": end,
            },
        )
        return [Day(*row) for row in cursor.fetchall()]
