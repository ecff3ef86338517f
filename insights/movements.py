"""What changed between two closes, customer by customer, from the subscriptions' history. Inside a merchant's scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection

KINDS = ("new", "expansion", "contraction", "churn", "reactivation", "recovery")
TOP = 5  # movements named per kind

# A customer's MRR is the sum over its subscriptions. `had` tells a new customer from one who came back. A recovery is
# no movement of MRR by itself: a subscription that was past due or unpaid became active.
MOVEMENTS = """
WITH changes AS (
    SELECT customer_stripe_id, mrr, status, at,
        lead(at) OVER history AS until, lag(mrr) OVER history AS mrr_before, lag(status) OVER history AS status_before
    FROM subscription_changes
    WHERE merchant_id = %(merchant)s AND currency = %(currency)s
    WINDOW history AS (PARTITION BY subscription_stripe_id ORDER BY at, position, id)
), bounds AS (
    SELECT (%(opening)s::date + 1)::timestamp AT TIME ZONE 'UTC' AS opening,
        (%(closing)s::date + 1)::timestamp AT TIME ZONE 'UTC' AS closing
), people AS (
    SELECT customer_stripe_id,
        coalesce(sum(mrr) FILTER (WHERE at < opening AND (until IS NULL OR until >= opening)), 0) AS before,
        coalesce(sum(mrr) FILTER (WHERE at < closing AND (until IS NULL OR until >= closing)), 0) AS after,
        coalesce(bool_or(mrr > 0) FILTER (WHERE at < opening), false) AS had,
        max(at) FILTER (WHERE at >= opening AND at < closing AND mrr <> coalesce(mrr_before, 0)) AS moved_at,
        max(at) FILTER (WHERE at >= opening AND at < closing AND status = 'active'
            AND status_before IN ('past_due', 'unpaid')) AS recovered_at
    FROM changes, bounds GROUP BY customer_stripe_id
), movements AS (
    SELECT customer_stripe_id, after - before AS amount, moved_at AS at, CASE
        WHEN before = 0 AND NOT had THEN 'new'
        WHEN before = 0 THEN 'reactivation'
        WHEN after = 0 THEN 'churn'
        WHEN after > before THEN 'expansion'
        ELSE 'contraction' END AS kind
    FROM people WHERE before <> after
    UNION ALL
    SELECT customer_stripe_id, after, recovered_at, 'recovery' FROM people WHERE recovered_at IS NOT NULL AND after > 0
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY abs(amount) DESC, customer_stripe_id) AS place,
        count(*) OVER (PARTITION BY kind) AS customers, sum(amount) OVER (PARTITION BY kind) AS total
    FROM movements
)
SELECT kind, customers, total::bigint, customers.id, customer_stripe_id,
    coalesce(nullif(customers.name, ''), nullif(customers.email, ''), customers.external_id, customer_stripe_id),
    amount::bigint, at
FROM ranked LEFT JOIN customers ON customers.merchant_id = %(merchant)s AND customers.stripe_id = customer_stripe_id
WHERE place <= %(top)s ORDER BY kind, place
"""


@dataclass(frozen=True, slots=True)
class Movement:
    """One customer's. `amount` is the change of MRR in minor units, for a recovery the MRR that was kept; `at` is when
    it last moved. `customer_id` is None for a customer whose row is not here yet."""

    customer_id: UUID | None
    customer: str
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Movements:
    """All of one kind: how many customers, how much MRR in minor units, and the largest by name."""

    kind: str
    customers: int
    amount: int
    top: Sequence[Movement]

    @property
    def others(self) -> int:
        """Customers who are not named."""
        return self.customers - len(self.top)


def movements(merchant_id: UUID, *, currency: str, opening: date, closing: date) -> dict[str, Movements]:
    """Kind → movements from the end of the day `opening` to the end of `closing` (UTC); kinds without any are left out.
    opening MRR + new + reactivation + expansion + contraction + churn = closing MRR. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            MOVEMENTS,
            {"merchant": merchant_id, "currency": currency, "opening": opening, "closing": closing, "top": TOP},
        )
        rows = cursor.fetchall()
    found: dict[str, Movements] = {}
    for kind in KINDS:
        mine = [row for row in rows if row[0] == kind]
        if mine:
            top = [Movement(customer_id, name, amount, at) for *_, customer_id, _, name, amount, at in mine]
            found[kind] = Movements(kind, customers=mine[0][1], amount=mine[0][2], top=top)
    return found
