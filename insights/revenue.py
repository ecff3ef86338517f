"""MRR by day, from the subscriptions' history. Everything here runs inside the merchant's scope."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection
from django.db.models import Max, Min

from subscriptions.models import SubscriptionChange

# Each change adds the difference to the one before it; a day shows the sum of all differences up to its end (UTC).
# Linear in the number of changes and days. A customer pays while what its subscriptions add up to is above nought.
SERIES = """
WITH changes AS (
    SELECT customer_stripe_id, at, position, id,
        mrr - coalesce(lag(mrr) OVER (PARTITION BY subscription_stripe_id ORDER BY at, position, id), 0) AS delta
    FROM subscription_changes
    WHERE merchant_id = %(merchant)s AND currency = %(currency)s
), running AS (
    SELECT at, delta, sum(delta) OVER (PARTITION BY customer_stripe_id ORDER BY at, position, id) AS held FROM changes
), days AS (
    SELECT greatest((at AT TIME ZONE 'UTC')::date, %(start)s::date) AS day, sum(delta) AS mrr,
        sum((held > 0)::int - (held - delta > 0)::int) AS customers
    FROM running GROUP BY 1
)
SELECT day::date, coalesce(sum(days.mrr) OVER (ORDER BY day), 0)::bigint,
    coalesce(sum(days.customers) OVER (ORDER BY day), 0)::bigint
FROM generate_series(%(start)s::date, %(end)s::date, interval '1 day') AS series (day)
LEFT JOIN days USING (day) ORDER BY day
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


@dataclass(frozen=True, slots=True)
class History:
    """From when to when something is known of the subscriptions in a currency. Test clocks may have brought `newest`
    beyond our own time."""

    currency: str
    first: datetime
    newest: datetime


def histories(merchant_id: UUID) -> dict[str, History]:
    """Currency → what is known of it, by name; one statement."""
    rows = (
        SubscriptionChange.objects.for_merchant(merchant_id)
        .values_list("currency")
        .annotate(first=Min("at"), newest=Max("at"))
        .order_by("currency")
    )
    return {currency: History(currency, first, newest) for currency, first, newest in rows}
