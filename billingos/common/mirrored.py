"""Writing a row that mirrors a Stripe object: once per object, with its stamps."""

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from billingos.common.models import StripeMirrored
from billingos.common.periods import from_stripe
from billingos.common.readahead import is_known_missing, keep, mirrored_row
from billingos.common.registries import StripeObject

M = TypeVar("M", bound=StripeMirrored)


def reference(value: Any) -> str:
    """The id behind a field that may hold an id, an expanded object or nothing."""
    if isinstance(value, dict):
        return str(value.get("id", ""))
    return value or ""


def database_now() -> datetime:
    """By PostgreSQL's clock, which stamps the rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row: tuple[datetime] = cursor.fetchone()
    return row[0]


def instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else from_stripe(seconds)


def write_mirrored(
    model: type[M],
    merchant_id: UUID,
    stripe_object: StripeObject,
    event_at: datetime | None,
    columns: dict[str, Any],
) -> M:
    """Inserts or updates the object's row; moves its revision and its stamp.

    The caller holds the object's lock and has decided that the object is not stale.
    """
    stripe_id = stripe_object["id"]
    stamps: dict[str, Any] = {"last_event_at": event_at} if event_at else {"stripe_written_at": timezone.now()}
    row = mirrored_row(model, merchant_id, stripe_id)
    if row is None:
        # Entitlement features alone carry no creation time.
        made_at = instant(stripe_object.get("created")) or timezone.now()
        first = {**columns, **stamps, "stripe_created_at": made_at, "revision": 1}
        row, created = _inserted(model, merchant_id, stripe_id, first)
        if created:
            return row
    for name, value in {**columns, **stamps}.items():
        setattr(row, name, value)
    before, row.revision = row.revision, F("revision") + 1
    row.save(update_fields=[*columns, *stamps, "revision"])
    row.revision = before + 1
    return row


def _inserted(model: type[M], merchant_id: UUID, stripe_id: str, columns: dict[str, Any]) -> tuple[M, bool]:
    """The row, and whether it is new: somebody who holds another lock may have been faster."""
    alone = is_known_missing(model, stripe_id)
    row = model(merchant_id=merchant_id, stripe_id=stripe_id, **columns)
    try:
        with transaction.atomic(savepoint=not alone):
            row.save(force_insert=True)
        created = True
    except IntegrityError:
        found = None if alone else model.objects.for_merchant(merchant_id).filter(stripe_id=stripe_id).first()
        if found is None:
            raise
        row, created = found, False
    keep(model, merchant_id, stripe_id, row)
    return row, created
