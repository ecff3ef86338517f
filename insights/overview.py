"""How a merchant stands at this moment, in one statement, for the page that is opened first. Inside its scope."""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection

OVERVIEW = """
SELECT count(*) FILTER (WHERE status = 'active'),
    count(*) FILTER (WHERE status = 'trialing'),
    count(*) FILTER (WHERE status = 'past_due'),
    (
        SELECT coalesce(sum(invoices.amount_remaining), 0)::bigint
        FROM invoices JOIN subscriptions ON subscriptions.id = invoices.subscription_id
        WHERE invoices.merchant_id = %(merchant)s AND invoices.currency = %(currency)s
            AND invoices.status = 'open' AND invoices.deleted_at IS NULL AND subscriptions.status = 'past_due'
    ),
    (SELECT count(*) FROM webhook_events WHERE merchant_id = %(merchant)s AND status = 'failed')
FROM subscriptions WHERE merchant_id = %(merchant)s AND currency = %(currency)s
"""


@dataclass(frozen=True, slots=True)
class Overview:
    """Subscriptions of one currency by state; `owed` is what is open on the past-due ones, in minor units;
    `failed_events` are events of Stripe, of any currency, that could not be applied."""

    active: int
    trialing: int
    past_due: int
    owed: int
    failed_events: int


def overview(merchant_id: UUID, *, currency: str) -> Overview:
    with connection.cursor() as cursor:
        cursor.execute(OVERVIEW, {"merchant": merchant_id, "currency": currency})
        (row,) = cursor.fetchall()
    return Overview(*row)
