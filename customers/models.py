"""Who is billed: the merchant's customers, as Stripe has them."""

from datetime import datetime

from django.db import models
from django.db.models import Q
from django.utils import timezone

from billingos.common.models import MerchantOwned, StripeMirrored


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
    address = models.JSONField(null=True)
    tax_exempt = models.TextField(blank=True)
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


class PaymentMethod(StripeMirrored):
    """What a customer pays with. One that was detached is marked deleted; no number of a card is ever here."""

    customer = models.ForeignKey(Customer, null=True, on_delete=models.PROTECT, related_name="payment_methods")
    type = models.TextField()
    brand = models.TextField(blank=True)
    last4 = models.TextField(blank=True)
    exp_month = models.PositiveSmallIntegerField(null=True)
    exp_year = models.PositiveSmallIntegerField(null=True)
    funding = models.TextField(blank=True)

    class Meta:
        db_table = "payment_methods"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="payment_methods_stripe_id"),)
        indexes = (models.Index(fields=["merchant", "customer", "-id"], name="payment_methods_customer"),)


class PortalSession(MerchantOwned):
    """One customer let into the portal, in three ways that each have a secret of 256 random bits: the link, good for
    one exchange; the cookie of the browser that exchanged it; the customer token, for the API. Only their SHA-256 is
    kept.

    The link and the token end at `expires_at`, the browser's stay at `browser_expires_at`, everything at `revoked_at`.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="portal_sessions")
    link_digest = models.CharField(max_length=64, unique=True, editable=False)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    cookie_digest = models.CharField(max_length=64, unique=True, null=True, editable=False)
    expires_at = models.DateTimeField()
    exchanged_at = models.DateTimeField(null=True)
    browser_expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    return_url = models.TextField(blank=True, help_text="Where the portal's link back leads; empty: no link.")

    class Meta:
        db_table = "portal_sessions"
        constraints = (
            models.CheckConstraint(
                condition=Q(exchanged_at=None, cookie_digest=None, browser_expires_at=None)
                | Q(exchanged_at__isnull=False, cookie_digest__isnull=False, browser_expires_at__isnull=False),
                name="portal_sessions_exchange",
            ),
        )
        indexes = (
            models.Index(fields=["merchant", "customer", "-id"], name="portal_sessions_customer"),
            models.Index(fields=["expires_at"], name="portal_sessions_age"),
        )
