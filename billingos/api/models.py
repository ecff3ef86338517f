"""The memory of answers, by Idempotency-Key."""

from django.db import models

from billingos.common.models import MerchantOwned


class IdempotencyRecord(MerchantOwned):
    """The first request made with a key, and its answer. `status` is null until there is one to keep."""

    key = models.TextField()
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)

    class Meta:
        db_table = "idempotency_records"
        constraints = (models.UniqueConstraint(fields=["merchant", "key"], name="idempotency_records_key"),)
        indexes = (models.Index(fields=["created_at"], name="idempotency_records_age"),)
