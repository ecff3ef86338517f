"""Moving subscribers from one version of a product to another."""

from django.db import models

from billingos.common.models import MerchantOwned
from billingos.merchants.models import Proration
from subscriptions.models.catalog import Product, ProductVersion
from subscriptions.models.subscriptions import Subscription


class VersionMigration(MerchantOwned):
    """Moves chosen subscribers of a product to one of its versions, one after the other, now or at their renewal."""

    class Status(models.TextChoices):
        RUNNING = "running"
        PAUSED = "paused"
        CANCELED = "canceled"
        COMPLETED = "completed"

    class When(models.TextChoices):
        NOW = "now"
        RENEWAL = "renewal"

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="migrations")
    target = models.ForeignKey(ProductVersion, on_delete=models.PROTECT, related_name="migrations")
    when = models.CharField(max_length=10, choices=When.choices)
    proration = models.CharField(max_length=20, choices=Proration.choices, help_text="Of moves that happen now.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "version_migrations"
        constraints = (
            models.UniqueConstraint(
                fields=["merchant", "product"],
                condition=models.Q(status__in=["running", "paused"]),
                name="version_migrations_one_at_a_time",
            ),
        )
        indexes = (
            models.Index(fields=["merchant", "-id"], name="version_migrations_list"),
            models.Index(fields=["status"], condition=models.Q(status="running"), name="version_migrations_running"),
        )


class VersionMigrationStep(MerchantOwned):
    """One subscription's move. MRR in minor units of `currency`."""

    class Status(models.TextChoices):
        PENDING = "pending"
        MOVED = "moved"
        SCHEDULED = "scheduled"
        SKIPPED = "skipped"
        FAILED = "failed"

    migration = models.ForeignKey(VersionMigration, on_delete=models.CASCADE, related_name="steps")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    reason = models.TextField(blank=True, help_text="Why it was skipped or has failed.")
    schedule_id = models.TextField(blank=True, help_text="Stripe's id of the schedule that a move at renewal is in.")
    currency = models.CharField(max_length=3)
    mrr_before = models.BigIntegerField()
    mrr_after = models.BigIntegerField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "version_migration_steps"
        constraints = (
            models.UniqueConstraint(
                fields=["merchant", "migration", "subscription"], name="version_migration_steps_once"
            ),
        )
        indexes = (
            models.Index(fields=["merchant", "migration", "status", "id"], name="version_migration_steps_next"),
            models.Index(
                fields=["merchant", "subscription"],
                condition=models.Q(status="scheduled"),
                name="version_migration_steps_due",
            ),
        )
