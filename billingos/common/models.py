"""Abstract bases of the tables: who owns a row, and how a row mirrors Stripe."""

import uuid
from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models.functions import Now

from billingos.common.ids import uuid7

M = TypeVar("M", bound=models.Model, covariant=True)


class Recorded(models.Model):
    """A row with a UUIDv7 key that knows when it was made and, by trigger, when it last changed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        abstract = True


class MerchantOwnedManager(models.Manager[M]):
    """Starts from `for_merchant`: the first of the two walls."""

    def for_merchant(self, merchant_id: uuid.UUID) -> models.QuerySet[M]:
        return self.get_queryset().filter(merchant_id=merchant_id)


class MerchantOwned(Recorded):
    """A row of one merchant. Its table is under row-level security (`billingos.common.policies`)."""

    merchant = models.ForeignKey("merchants.Merchant", on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[MerchantOwnedManager[Self]] = MerchantOwnedManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"


class StripeMirrored(MerchantOwned):
    """A row whose columns are copied from a Stripe object, by its app's `sync` alone.

    `last_event_at` is the stamp of the newest event applied (Stripe's or a test clock's time, never ours).
    `stripe_written_at` is our wall time when an answer of Stripe's API was last applied.
    `revision` moves with every write, so that an answer fetched without locks can tell that the row has not moved.
    """

    stripe_id = models.TextField()
    stripe_created_at = models.DateTimeField()
    last_event_at = models.DateTimeField(null=True)
    stripe_written_at = models.DateTimeField(null=True)
    revision = models.BigIntegerField(default=0)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
