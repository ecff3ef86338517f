"""The write intent: what we were about to ask of Stripe, committed before we ask."""

from django.db import models

from billingos.common.models import MerchantOwned


class WriteIntent(MerchantOwned):
    """One call that changes Stripe.

    The calls of one request share `group` and are all committed, with their exact parameters, before the first one is
    made, so that whoever finds them later can finish them. Stripe's idempotency key is made of id, step and attempt;
    the attempt rises only after a failure that is definite.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        UNKNOWN = "unknown"  # Stripe did not answer and the caller was told so: only the caller may ask again

    group = models.UUIDField()
    step = models.PositiveSmallIntegerField(default=0)
    # Null, not '': many requests come without a key, and nulls do not clash in the unique constraint.
    idempotency_key = models.TextField(null=True, help_text="The caller's Idempotency-Key, if one was sent.")
    livemode = models.BooleanField()
    operation = models.TextField()
    target = models.TextField(blank=True, help_text="The Stripe id that the call is about, for all but creates.")
    params = models.JSONField()
    claim = models.TextField(null=True, help_text="What nobody else may be creating at the same time.")
    body_hash = models.CharField(max_length=64)
    attempt = models.PositiveSmallIntegerField(default=1)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PENDING)
    lease_until = models.DateTimeField(null=True)
    object_type = models.TextField(blank=True)
    object_id = models.TextField(blank=True)
    error = models.JSONField(null=True)

    class Meta:
        db_table = "write_intents"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "group", "step"], name="write_intents_step"),
            models.UniqueConstraint(fields=["merchant", "idempotency_key", "step"], name="write_intents_key"),
            models.UniqueConstraint(
                fields=["merchant", "claim"], condition=models.Q(status="pending"), name="write_intents_claim"
            ),
        )
        indexes = (
            models.Index(fields=["lease_until"], condition=models.Q(status="pending"), name="write_intents_pending"),
        )
