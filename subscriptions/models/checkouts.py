"""Buying: a session leads a customer to Stripe's page, or to our own where nothing is to be paid."""

from django.db import models
from django.db.models import Q

from billingos.common.models import MerchantOwned
from customers.models import Customer
from subscriptions.models.catalog import Price
from subscriptions.models.subscriptions import Subscription


class CheckoutSession(MerchantOwned):
    """One visit to the till. `stripe_id` is empty for a page of our own, where nothing is to be paid, and until Stripe
    has opened its page.

    Without a customer, whoever buys becomes one. `success_url` and `cancel_url` are the merchant's.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        COMPLETE = "complete"
        EXPIRED = "expired"

    stripe_id = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="+")
    quantity = models.BigIntegerField(null=True, help_text="Null for a metered price.")
    customer = models.ForeignKey(Customer, null=True, on_delete=models.PROTECT, related_name="checkout_sessions")
    email = models.TextField(blank=True)
    subscription = models.ForeignKey(Subscription, null=True, on_delete=models.SET_NULL, related_name="+")
    payment_id = models.TextField(blank=True, help_text="Stripe's payment intent, of what is paid once.")
    trial_days = models.PositiveIntegerField(default=0)
    stripe_url = models.TextField(blank=True)
    success_url = models.TextField()
    cancel_url = models.TextField(blank=True)
    expires_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "checkout_sessions"
        constraints = (
            models.UniqueConstraint(
                fields=["merchant", "stripe_id"], condition=~Q(stripe_id=""), name="checkout_sessions_stripe_id"
            ),
        )
        indexes = (
            models.Index(fields=["merchant", "-id"], name="checkout_sessions_list"),
            models.Index(fields=["merchant", "customer", "-id"], name="checkout_sessions_customer"),
        )

    @property
    def is_hosted(self) -> bool:
        """Whether Stripe's page is the till; `stripe_url` is its address, once it is open."""
        return not self.price.is_free
