"""What is sold and who has bought it: products with their versions and prices, subscriptions, invoices."""

from django.db import models
from django.db.models import F, Q

from billingos.common.models import MerchantOwned, StripeMirrored
from customers.models import Customer


class Product(StripeMirrored):
    name = models.TextField()
    description = models.TextField(blank=True)
    active = models.BooleanField(default=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "products"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="products_stripe_id"),)
        indexes = (models.Index(fields=["merchant", "-id"], name="products_list"),)

    def __str__(self) -> str:
        return self.name


class ProductVersion(MerchantOwned):
    """What a product was at one time: its prices and its limits. Subscribers keep the version they bought."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()

    class Meta:
        db_table = "product_versions"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "product", "number"], name="product_versions_number"),
        )


class Price(StripeMirrored):
    """`unit_amount` is in minor units and null for tiers; `unit_amount_decimal` is exact, to 12 places."""

    class Interval(models.TextChoices):
        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        YEAR = "year"

    class UsageType(models.TextChoices):
        LICENSED = "licensed"
        METERED = "metered"

    version = models.ForeignKey(ProductVersion, on_delete=models.PROTECT, related_name="prices")
    currency = models.CharField(max_length=3)
    unit_amount = models.BigIntegerField(null=True)
    unit_amount_decimal = models.DecimalField(max_digits=30, decimal_places=12, null=True)
    billing_scheme = models.TextField(default="per_unit")
    tiers_mode = models.TextField(blank=True)
    tiers = models.JSONField(null=True, help_text="Stripe's tiers, amounts as text.")
    interval = models.CharField(max_length=10, choices=Interval.choices, blank=True, help_text="Empty: paid once.")
    interval_count = models.PositiveIntegerField(default=1)
    usage_type = models.CharField(max_length=10, choices=UsageType.choices, default=UsageType.LICENSED)
    lookup_key = models.TextField(blank=True)
    nickname = models.TextField(blank=True)
    active = models.BooleanField(default=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "prices"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "stripe_id"], name="prices_stripe_id"),
            models.CheckConstraint(condition=Q(interval_count__gte=1), name="prices_interval_count"),
        )
        indexes = (models.Index(fields=["merchant", "-id"], name="prices_list"),)


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

    class Meta:
        db_table = "subscription_items"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "stripe_id"], name="subscription_items_stripe_id"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="subscription_items_quantity"),
        )
        indexes = (models.Index(fields=["merchant", "version"], name="subscription_items_version"),)


class SubscriptionChange(MerchantOwned):
    """One line of a subscription's history: what Stripe said of it, at the instant it says it happened.

    Written once per event, also by events that come too late to change the subscription's row.
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
        )


class Invoice(StripeMirrored):
    """Amounts are in minor units of `currency`."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAID = "paid"
        UNCOLLECTIBLE = "uncollectible"
        VOID = "void"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices")
    subscription = models.ForeignKey(Subscription, null=True, on_delete=models.PROTECT, related_name="invoices")
    number = models.TextField(blank=True)
    status = models.CharField(max_length=20, choices=Status.choices)
    billing_reason = models.TextField(blank=True)
    currency = models.CharField(max_length=3)
    subtotal = models.BigIntegerField()
    total = models.BigIntegerField()
    amount_due = models.BigIntegerField()
    amount_paid = models.BigIntegerField()
    amount_remaining = models.BigIntegerField()
    attempt_count = models.PositiveIntegerField(default=0)
    next_payment_attempt_at = models.DateTimeField(null=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    finalized_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    hosted_invoice_url = models.TextField(blank=True)

    class Meta:
        db_table = "invoices"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="invoices_stripe_id"),)
        indexes = (
            models.Index(fields=["merchant", "-id"], name="invoices_list"),
            models.Index(fields=["merchant", "customer", "-id"], name="invoices_customer"),
            models.Index(fields=["merchant", "subscription", "-id"], name="invoices_subscription"),
        )

    def __str__(self) -> str:
        return self.number or self.stripe_id
