"""Writing a row that mirrors a Stripe object: once per object, with its stamps."""

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils import timezone

from billingos.common.models import StripeMirrored
from billingos.common.periods import from_stripe
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
    stamps: dict[str, Any] = {"last_event_at": event_at} if event_at else {"stripe_written_at": timezone.now()}
    row, created = model.objects.get_or_create(
        merchant_id=merchant_id,
        stripe_id=stripe_object["id"],
        defaults={
            **columns,
            **stamps,
            # Entitlement features alone carry no creation time.
            "stripe_created_at": instant(stripe_object.get("created")) or timezone.now(),
            "revision": 1,
        },
    )
    if not created:
        for name, value in {**columns, **stamps}.items():
            setattr(row, name, value)
        row.revision = F("revision") + 1
        row.save(update_fields=[*columns, *stamps, "revision"])
        row.refresh_from_db(fields=["revision"])
    return row
