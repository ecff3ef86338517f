"""The raw Stripe objects into dj-stripe's tables: one statement per table and batch, no call to Stripe.

dj-stripe's own writing asks Stripe again for each object and gives connected accounts' objects the wrong owner, so only
its tables and models are used (docs/adr). Products, prices and coupons of connected accounts stay out: their ids are
chosen by merchants, and these tables hold each id once.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from djstripe import models as djstripe

from billingos.common.events import AppliedObject
from billingos.common.mirrored import reference

TABLES: dict[str, str] = {
    "customer": djstripe.Customer._meta.db_table,
    "subscription": djstripe.Subscription._meta.db_table,
    "invoice": djstripe.Invoice._meta.db_table,
}

OWNERS = """
INSERT INTO djstripe_account (id, livemode, stripe_data, djstripe_created, djstripe_updated)
SELECT account, %(livemode)s, '{}', now(), now() FROM unnest(%(accounts)s::text[]) AS account ORDER BY account
ON CONFLICT (id) DO NOTHING
"""

# A stub stands in for a customer whose own event is still to come: the foreign key wants one.
STUBS = """
INSERT INTO djstripe_customer
    (id, livemode, stripe_data, email, djstripe_owner_account_id, djstripe_created, djstripe_updated)
SELECT stub.id, %(livemode)s, '{}', '', stub.owner, now(), 'epoch'
FROM jsonb_to_recordset(%(stubs)s::jsonb) AS stub(id text, owner text) ORDER BY stub.id
ON CONFLICT (id) DO NOTHING
"""

# `djstripe_updated` holds the stamp of the event, so that an older object never replaces a newer one.
UPSERT = """
INSERT INTO {table} (id, livemode, stripe_data, created, metadata, djstripe_owner_account_id, djstripe_created,
    djstripe_updated{columns})
SELECT row.id, %(livemode)s, row.stripe_data, to_timestamp(row.created), row.metadata, row.owner, now(),
    to_timestamp(row.stamp){values}
FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(id text, stripe_data jsonb, created bigint, metadata jsonb, owner text,
    stamp double precision, customer text, email text)
ORDER BY row.id
ON CONFLICT (id) DO UPDATE SET stripe_data = excluded.stripe_data, created = excluded.created,
    metadata = excluded.metadata, djstripe_owner_account_id = excluded.djstripe_owner_account_id,
    djstripe_updated = excluded.djstripe_updated
WHERE {table}.djstripe_updated <= excluded.djstripe_updated
"""
EXTRA = {"customer": (", email", ", row.email")}
BY_CUSTOMER = (", customer_id", ", row.customer")


def write(objects: Iterable[AppliedObject]) -> None:
    """Writes the newest of each object. Inside the platform's scope: merchants have no access to these tables."""
    by_type: dict[str, dict[str, AppliedObject]] = defaultdict(dict)
    for seen in objects:
        object_type, object_id = seen.object.get("object", ""), seen.object.get("id", "")
        known = by_type[object_type].get(object_id)
        if object_type not in TABLES or not (object_type == "customer" or reference(seen.object.get("customer"))):
            continue  # the tables want a customer, and of what is gone from Stripe nothing is left but its id
        if known is None or known.created <= seen.created:
            by_type[object_type][object_id] = seen
    everything = [seen for batch in by_type.values() for seen in batch.values()]
    if not everything:
        return
    # Two writers take what both want in one order: all accounts, all customers, then table by table, each by id.
    _execute(OWNERS, accounts=sorted({seen.account for seen in everything if seen.account}))
    stubs = {_customer_of(seen.object): seen.account for seen in everything}
    _execute(STUBS, stubs=json.dumps([{"id": stub, "owner": owner} for stub, owner in stubs.items()]))
    for object_type in TABLES:
        if batch := list(by_type[object_type].values()):
            _write_batch(object_type, batch)


def _customer_of(found: dict[str, Any]) -> str:
    return reference(found["id"] if found["object"] == "customer" else found["customer"])


def _write_batch(object_type: str, batch: Sequence[AppliedObject]) -> None:
    columns, values = EXTRA.get(object_type, BY_CUSTOMER)
    statement = UPSERT.format(table=TABLES[object_type], columns=columns, values=values)
    _execute(statement, rows=json.dumps([_row(seen) for seen in batch]))


def _row(seen: AppliedObject) -> dict[str, Any]:
    found = seen.object
    return {
        "id": found["id"],
        "stripe_data": found,
        "created": found.get("created"),
        "metadata": found.get("metadata") or {},
        "owner": seen.account,
        "stamp": seen.created.timestamp(),
        "customer": reference(found.get("customer")),
        "email": found.get("email") or "",
    }


def _execute(statement: str, **params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"livemode": settings.STRIPE_LIVE_MODE, **params})
