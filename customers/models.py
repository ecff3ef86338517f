"""Who is billed: the merchant's customers, as Stripe has them."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from billingos.common.models import StripeMirrored


class TestClock(StripeMirrored):
    """A Stripe test clock: customers on it live in its time, and so do all calculations about them."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    name = models.TextField(blank=True)
    frozen_at = models.DateTimeField()
    status = models.TextField()

    class Meta:
        db_table = "test_clocks"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="test_clocks_stripe_id"),)


class Customer(StripeMirrored):
    """`external_id` is the merchant's own name for the customer; `balance` is in minor units, a credit negative."""

    external_id = models.TextField(null=True, blank=True)
    email = models.TextField(blank=True)
    name = models.TextField(blank=True)
    currency = models.CharField(max_length=3, blank=True)
    balance = models.BigIntegerField(default=0)
    delinquent = models.BooleanField(default=False)
    default_payment_method_id = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    test_clock = models.ForeignKey(TestClock, null=True, blank=True, on_delete=models.PROTECT, related_name="customers")

    class Meta:
        db_table = "customers"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "stripe_id"], name="customers_stripe_id"),
            models.UniqueConstraint(
                fields=["merchant", "external_id"], condition=Q(deleted_at=None), name="customers_external_id"
            ),
            models.CheckConstraint(
                condition=Q(external_id=None) | ~Q(external_id__startswith="cus_"),
                name="customers_external_id_free",
            ),
        )
        indexes = (
            models.Index(fields=["merchant", "-id"], name="customers_list"),
            models.Index(fields=["merchant", "email"], name="customers_email"),
        )

    def __str__(self) -> str:
        return self.name or self.email or self.external_id or self.stripe_id

    def now(self) -> datetime:
        """The instant that calculations about this customer take as the present."""
        return self.test_clock.frozen_at if self.test_clock else timezone.now()
