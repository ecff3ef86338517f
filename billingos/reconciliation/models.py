"""What comparing PostgreSQL with Stripe has found, and how far it has come."""

from django.db import models
from django.db.models import Q

from billingos.common.models import MerchantOwned


class ReconciliationRun(MerchantOwned):
    """One walk through a merchant's Stripe account. At most one of a merchant is at work at a time.

    `cursor` says where a run that was killed goes on: `{"done": [names of lists], "list": name, "after": id}`.
    `checked` counts objects by Stripe's type. `since` is where an incremental run begins, null for a full one.
    """

    class Kind(models.TextChoices):
        INCREMENTAL = "incremental"
        FULL = "full"

    class Status(models.TextChoices):
        RUNNING = "running"
        FINISHED = "finished"
        FAILED = "failed"

    class Alert(models.TextChoices):
        NONE = ""
        WARNING = "warning"
        CRITICAL = "critical"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    dry_run = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RUNNING)
    since = models.DateTimeField(null=True)
    cursor = models.JSONField(default=dict)
    checked = models.JSONField(default=dict)
    drift_count = models.PositiveIntegerField(default=0)
    alert = models.CharField(max_length=10, choices=Alert.choices, blank=True, default=Alert.NONE)
    error = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "reconciliation_runs"
        indexes = (
            models.Index(fields=["merchant", "-id"], name="reconciliation_runs_list"),
            models.Index(fields=["merchant"], condition=Q(status="running"), name="reconciliation_runs_running"),
            models.Index(fields=["started_at"], name="reconciliation_runs_age"),
        )

    @property
    def checked_count(self) -> int:
        return sum(self.checked.values())


class Drift(MerchantOwned):
    """One difference: a column of ours that does not say what Stripe has, or something that only one of both has.

    `object_type` and `stripe_id` name Stripe's object; `part` what of it differs, such as `subscription_item si_1`,
    empty for the object itself; `field` is our column, empty where the whole is missing. `ours` and `stripes` are the
    values, without secrets. The difference cannot be older than `since`: the object was found equal then, or was made.
    `repaired_at` is null after a dry run, and where nothing can be done.
    """

    class Kind(models.TextChoices):
        MISSING_HERE = "missing_here"
        MISSING_THERE = "missing_there"
        DIFFERENT = "different"

    class Cause(models.TextChoices):
        UNKNOWN = ""
        EVENT_NEVER_CAME = "event_never_came"
        EVENT_FAILED = "event_failed"
        EVENT_WAITS = "event_waits"
        CHANGED_HERE = "changed_here"

    run = models.ForeignKey(ReconciliationRun, on_delete=models.CASCADE, related_name="drifts")
    object_type = models.TextField()
    stripe_id = models.TextField()
    part = models.TextField(blank=True)
    field = models.TextField(blank=True)
    ours = models.JSONField(null=True)
    stripes = models.JSONField(null=True)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    cause = models.CharField(max_length=20, choices=Cause.choices, blank=True, default=Cause.UNKNOWN)
    object_created_at = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)
    found_at = models.DateTimeField()
    repaired_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "drifts"
        indexes = (
            models.Index(fields=["merchant", "-id"], name="drifts_list"),
            models.Index(fields=["run", "object_type", "stripe_id"], name="drifts_of_run"),
            models.Index(fields=["merchant", "found_at"], name="drifts_found"),
        )

    def __str__(self) -> str:
        return " ".join(filter(None, (self.object_type, self.stripe_id, self.part, self.field)))


class ComparedObject(MerchantOwned):
    """An object as both sides had it when they were last found equal, as digests: while neither has changed, they are
    equal still. `run_id` is the run that last saw it in Stripe's lists."""

    object_type = models.TextField()
    stripe_id = models.TextField()
    theirs = models.CharField(max_length=32, blank=True)
    ours = models.CharField(max_length=32, blank=True)
    equal_at = models.DateTimeField(null=True)
    run_id = models.UUIDField(null=True)

    class Meta:
        db_table = "compared_objects"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "object_type", "stripe_id"], name="compared_objects_once"),
        )
