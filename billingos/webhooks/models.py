"""The inbox: every Stripe event as it came, and how far it got."""

from datetime import timedelta

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from billingos.common.models import Recorded


class WebhookEvent(Recorded):
    """One Stripe event. Unique by mode, account and id; of a merchant we do not know, `merchant` is null.

    `created` is Stripe's (or a test clock's) time; `received_at` and `processed_at` are ours.
    """

    row_level_security = True

    class Status(models.TextChoices):
        PENDING = "pending"
        PROCESSED = "processed"
        IGNORED = "ignored"
        FAILED = "failed"

    merchant = models.ForeignKey("merchants.Merchant", null=True, on_delete=models.PROTECT, related_name="+")
    livemode = models.BooleanField()
    account = models.TextField(null=True)
    stripe_event_id = models.TextField()
    type = models.TextField()
    api_version = models.TextField(blank=True)
    object_type = models.TextField(blank=True)
    object_id = models.TextField(blank=True)
    customer_stripe_id = models.TextField(blank=True)
    created = models.DateTimeField()
    payload = models.JSONField()
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.PENDING)
    reason = models.TextField(blank=True, help_text="Why it was ignored, or the last error.")
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhook_events"
        constraints = (
            models.UniqueConstraint(
                fields=["livemode", "account", "stripe_event_id"],
                nulls_distinct=False,
                name="webhook_events_once",
            ),
        )
        indexes = (
            models.Index(fields=["next_attempt_at"], condition=Q(status="pending"), name="webhook_events_pending"),
            models.Index(fields=["merchant", "-id"], name="webhook_events_list"),
            models.Index(fields=["merchant", "object_id", "-id"], name="webhook_events_object"),
            BrinIndex(fields=["processed_at"], autosummarize=True, name="webhook_events_finished"),
            models.Index(fields=["status", "-id"], name="webhook_events_status"),
            models.Index(fields=["merchant", "-id"], condition=Q(status="failed"), name="webhook_events_failed"),
        )

    def __str__(self) -> str:
        return f"{self.type} {self.stripe_event_id}"

    @property
    def lag(self) -> timedelta | None:
        """From its coming to its end; None for one that is not finished."""
        return self.processed_at - self.received_at if self.processed_at else None
