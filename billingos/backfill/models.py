"""Backfills: how far the import of an account has come, and what it could not find out."""

from django.db import models
from django.db.models import Q

from billingos.backfill.stages import percent
from billingos.common.models import MerchantOwned

ENOUGH_TO_ESTIMATE = 0.05  # of a stage


class Backfill(MerchantOwned):
    """One import of all that a merchant's Stripe account holds. `stage`, `leg` and `after` are the place where the next
    worker goes on: a stage of `backfill_stages`, the list in it, and the last object of it that was taken in."""

    class Status(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"

    status = models.CharField(max_length=20, choices=Status.choices, default=Status.RUNNING)
    stage = models.TextField()
    leg = models.TextField(blank=True)
    after = models.TextField(blank=True)
    share = models.FloatField(default=0, help_text="How much of the present stage is done, by the age of what came.")
    counts = models.JSONField(default=dict, help_text="{object type: how many came}")
    problems = models.JSONField(default=list, help_text="[{object_type, stripe_id, reason}] of what is left out.")
    problem_count = models.PositiveIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0, help_text="Failures since it last got on.")
    error = models.TextField(blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "backfills"
        constraints = (
            models.UniqueConstraint(fields=["merchant"], condition=Q(status="running"), name="backfills_one_at_a_time"),
        )
        indexes = (
            models.Index(fields=["merchant", "-id"], name="backfills_list"),
            models.Index(fields=["id"], condition=Q(status="running"), name="backfills_running"),
        )

    @property
    def is_running(self) -> bool:
        return self.status == self.Status.RUNNING

    @property
    def percent(self) -> int:
        return 100 if self.status == self.Status.COMPLETED else percent(self.stage, self.share)

    @property
    def estimate(self) -> int | None:
        """How many objects the present stage will have brought, by how far back it has come; None where that says too
        little."""
        if not self.is_running or self.share < ENOUGH_TO_ESTIMATE:
            return None
        return int(self.counts.get(self.stage, 0) / self.share)


class BackfillGap(MerchantOwned):
    """Something of a subscription's past that its invoices do not tell."""

    class Kind(models.TextChoices):
        NEVER_INVOICED = "never_invoiced", "What it was: nothing was billed"
        NOT_INVOICED = "not_invoiced", "When it changed: the change was not billed by itself"
        PRICE_UNKNOWN = "price_unknown", "What it was: the price is gone"
        DISCOUNT_UNKNOWN = "discount_unknown", "The terms of a discount"
        PAUSE_UNKNOWN = "pause_unknown", "When a pause began or ended"
        STATUS_SINCE_UNKNOWN = "status_since_unknown", "When it became unpaid"

    subscription_stripe_id = models.TextField()
    kind = models.CharField(max_length=30, choices=Kind.choices)
    since = models.DateTimeField(help_text="What is not known lies in `[since, until)`.")
    until = models.DateTimeField(null=True)

    class Meta:
        db_table = "backfill_gaps"
        indexes = (models.Index(fields=["merchant", "subscription_stripe_id"], name="backfill_gaps_subscription"),)
