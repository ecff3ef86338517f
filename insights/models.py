"""What BillingOS has noticed, with the evidence."""

from django.db import models
from django.db.models import Q

from billingos.common.models import MerchantOwned
from customers.models import Customer


class Insight(MerchantOwned):
    """One thing worth a look (`ai_insights`). `key` names what it is about, so that it is open once at a time."""

    class Kind(models.TextChoices):
        PAYMENT_FAILED = "payment_failed"
        CANCELLATION_PENDING = "cancellation_pending"

    class Severity(models.TextChoices):
        INFO = "info"
        WARNING = "warning"
        CRITICAL = "critical"

    class Status(models.TextChoices):
        OPEN = "open"
        DISMISSED = "dismissed"
        RESOLVED = "resolved"

    customer = models.ForeignKey(Customer, null=True, on_delete=models.PROTECT, related_name="insights")
    kind = models.CharField(max_length=40, choices=Kind.choices)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    title = models.TextField()
    body = models.TextField()
    evidence = models.JSONField(default=dict)
    key = models.TextField()
    detected_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "ai_insights"
        constraints = (
            models.UniqueConstraint(
                fields=["merchant", "kind", "key"], condition=Q(status="open"), name="ai_insights_open_once"
            ),
        )
        indexes = (
            models.Index(fields=["merchant", "-id"], name="ai_insights_list"),
            models.Index(fields=["merchant", "status", "-id"], name="ai_insights_status"),
        )

    def __str__(self) -> str:
        return self.title
