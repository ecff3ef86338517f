"""Who has bought it: subscriptions with their items and history."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from billingos.common.models import MerchantOwned, StripeMirrored
from customers.models import Customer
from subscriptions.models.catalog import Coupon, Price, ProductVersion


class Subscription(StripeMirrored):
    """A customer's subscription. `mrr` is in minor units of `currency` per month, nought for states that do not count.

    `source`, `billing_anchor_day` and `next_billing_at` are kept for subscriptions that the database itself may one day
    own; today Stripe owns all.
    """

    class Status(models.TextChoices):
        INCOMPLETE = "incomplete"
        INCOMPLETE_EXPIRED = "incomplete_expired"
        TRIALING = "trialing"
        ACTIVE = "active"
        PAST_DUE = "past_due"
        CANCELED = "canceled"
        UNPAID = "unpaid"
        PAUSED = "paused"

    class Source(models.TextChoices):
        STRIPE = "stripe"
        DATABASE = "database"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    status = models.CharField(max_length=20, choices=Status.choices)
    currency = models.CharField(max_length=3)
    started_at = models.DateTimeField()
    current_period_start = models.DateTimeField(null=True)
    current_period_end = models.DateTimeField(null=True)
    billing_cycle_anchor = models.DateTimeField()
    trial_start = models.DateTimeField(null=True)
    trial_end = models.DateTimeField(null=True)
    cancel_at_period_end = models.BooleanField(default=False)
    cancel_at = models.DateTimeField(null=True)
    canceled_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    collection_paused = models.BooleanField(default=False)
    pause_behavior = models.TextField(blank=True, help_text="What becomes of invoices while collection is paused.")
    resumes_at = models.DateTimeField(null=True, help_text="When a paused collection goes on by itself.")
    cancellation_feedback = models.TextField(blank=True)
    cancellation_comment = models.TextField(blank=True)
    cancellation_reason = models.TextField(blank=True)
    collection_method = models.TextField(default="charge_automatically")
    days_until_due = models.PositiveIntegerField(null=True)
    default_payment_method_id = models.TextField(blank=True)
    default_tax_rates = models.JSONField(default=list, blank=True, help_text="[{id, percentage, inclusive}]")
    discount_ids = ArrayField(models.TextField(), default=list, help_text="In Stripe's order.")
    schedule_id = models.TextField(blank=True, help_text="The schedule that a change at a later time is kept in.")
    latest_invoice_id = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    mrr = models.BigIntegerField(default=0)
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.STRIPE)
    billing_anchor_day = models.PositiveSmallIntegerField()
    next_billing_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "subscriptions"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "stripe_id"], name="subscriptions_stripe_id"),
            models.CheckConstraint(
                condition=Q(billing_anchor_day__gte=1, billing_anchor_day__lte=31),
                name="subscriptions_anchor_day",
            ),
            models.CheckConstraint(
                condition=Q(current_period_end=None) | Q(current_period_end__gte=F("current_period_start")),
                name="subscriptions_period",
            ),
            models.CheckConstraint(condition=Q(mrr__gte=0), name="subscriptions_mrr"),
        )
        indexes = (
            models.Index(fields=["merchant", "-id"], name="subscriptions_list"),
            models.Index(fields=["merchant", "status", "-id"], name="subscriptions_status"),
            models.Index(fields=["merchant", "customer", "-id"], name="subscriptions_customer"),
            models.Index(fields=["merchant", "next_billing_at"], name="subscriptions_next_billing"),
        )

    def __str__(self) -> str:
        return self.stripe_id

    @property
    def has_ended(self) -> bool:
        return self.status in {self.Status.CANCELED, self.Status.INCOMPLETE_EXPIRED}

    @property
    def is_canceling(self) -> bool:
        """Whether it is about to end, with its period or at an instant to come; or has ended so."""
        return self.cancel_at_period_end or self.cancel_at is not None


class CancellationFeedback(models.TextChoices):
    """Why a customer cancels: Stripe's list, in the customer's words."""

    TOO_EXPENSIVE = "too_expensive", "It’s too expensive"
    UNUSED = "unused", "I don’t use it enough"
    MISSING_FEATURES = "missing_features", "Some features are missing"
    SWITCHED_SERVICE = "switched_service", "I’m switching to another service"
    LOW_QUALITY = "low_quality", "The quality is less than I expected"
    TOO_COMPLEX = "too_complex", "It’s too complicated"
    CUSTOMER_SERVICE = "customer_service", "Customer service was not good enough"
    OTHER = "other", "Another reason"


class SubscriptionItem(MerchantOwned):
    stripe_id = models.TextField()
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="items")
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="items")
    version = models.ForeignKey(ProductVersion, on_delete=models.PROTECT, related_name="items")
    quantity = models.BigIntegerField(default=1)
    current_period_start = models.DateTimeField()
    current_period_end = models.DateTimeField()
    discount_ids = ArrayField(models.TextField(), default=list, help_text="In Stripe's order.")
    tax_rates = models.JSONField(default=list, blank=True, help_text="[{id, percentage, inclusive}]")
    mrr = models.BigIntegerField(default=0, help_text="Its part of the subscription's MRR; the parts add up to it.")

    class Meta:
        db_table = "subscription_items"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "stripe_id"], name="subscription_items_stripe_id"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="subscription_items_quantity"),
        )
        indexes = (models.Index(fields=["merchant", "version"], name="subscription_items_version"),)


class SubscriptionChange(MerchantOwned):
    """One line of a subscription's history: what Stripe said of it, at the instant it says it happened.

    Written once per event, also by events that come too late to change the subscription's row. What is `inferred` no
    event has said: it is made from invoices, and made anew.
    """

    subscription_stripe_id = models.TextField()
    customer_stripe_id = models.TextField()
    event_id = models.TextField()
    at = models.DateTimeField()
    status = models.CharField(max_length=20, choices=Subscription.Status.choices)
    currency = models.CharField(max_length=3)
    mrr = models.BigIntegerField()
    cancels_at = models.DateTimeField(null=True)
    position = models.PositiveIntegerField(default=0, help_text="Order among the changes of one second.")
    inferred = models.BooleanField(default=False, help_text="From invoices, for the time before any known event.")
    payload = models.JSONField(help_text="The subscription as it was, and the previous values of what changed.")

    class Meta:
        db_table = "subscription_changes"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "event_id"], name="subscription_changes_once"),
            models.CheckConstraint(condition=Q(mrr__gte=0), name="subscription_changes_mrr"),
        )
        indexes = (
            models.Index(
                fields=["merchant", "subscription_stripe_id", "at", "position"],
                name="subscription_changes_order",
            ),
            models.Index(fields=["merchant", "at"], name="subscription_changes_at"),
            models.Index(fields=["merchant", "customer_stripe_id"], name="subscription_changes_customer"),
        )


class Discount(MerchantOwned):
    """A coupon redeemed for a customer, a subscription or one of its items. Stripe's events of these name only its id,
    and Stripe retrieves none alone: rows come with subscriptions that were asked for, and with events of their own.

    A discount that was taken away stays, for the history.
    """

    stripe_id = models.TextField()
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="discounts")
    promotion_code_id = models.TextField(blank=True)
    customer = models.ForeignKey(Customer, null=True, on_delete=models.PROTECT, related_name="discounts")
    subscription_stripe_id = models.TextField(blank=True)
    item_stripe_id = models.TextField(blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "discounts"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="discounts_stripe_id"),)
        indexes = (models.Index(fields=["merchant", "customer"], name="discounts_customer"),)


class SubscriptionSchedule(StripeMirrored):
    """Changes of a subscription that are to come. `phases` are Stripe's, each with its items, discounts and times in
    Unix seconds."""

    class Status(models.TextChoices):
        NOT_STARTED = "not_started"
        ACTIVE = "active"
        COMPLETED = "completed"
        RELEASED = "released"
        CANCELED = "canceled"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="schedules")
    subscription_stripe_id = models.TextField(blank=True)
    status = models.CharField(max_length=20, choices=Status.choices)
    phases = models.JSONField(default=list)
    current_phase_start = models.DateTimeField(null=True)
    current_phase_end = models.DateTimeField(null=True)
    end_behavior = models.TextField(blank=True)
    released_at = models.DateTimeField(null=True)
    canceled_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "subscription_schedules"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "stripe_id"], name="subscription_schedules_stripe_id"),
        )
        indexes = (models.Index(fields=["merchant", "subscription_stripe_id"], name="schedules_subscription"),)

    @property
    def has_ended(self) -> bool:
        return self.status in {self.Status.COMPLETED, self.Status.RELEASED, self.Status.CANCELED}
