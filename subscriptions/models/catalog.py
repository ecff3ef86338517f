"""What is sold: products with their versions and prices, coupons and promotion codes."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from billingos.common.models import MerchantOwned, StripeMirrored
from customers.models import Customer


class Product(StripeMirrored):
    name = models.TextField()
    description = models.TextField(blank=True)
    active = models.BooleanField(default=True)
    default_price_id = models.TextField(blank=True, help_text="Stripe's id of the price that Stripe sells it at.")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "products"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="products_stripe_id"),)
        indexes = (models.Index(fields=["merchant", "-id"], name="products_list"),)

    def __str__(self) -> str:
        return self.name


class ProductVersion(MerchantOwned):
    """What a product was at one time: its prices and its limits. Subscribers keep the version they bought.

    `includes` is what Stripe's metadata says (`features.py`); the entitlements' rows are made from it.
    `published` is false while Stripe has some of its prices and its product does not name it yet, or never will.
    """

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    includes = models.JSONField(default=dict, blank=True)
    published = models.BooleanField(default=True)
    refreshed_through = models.UUIDField(
        null=True, help_text="Its features have changed, and subscriptions up to this id have followed; null: all have."
    )

    class Meta:
        db_table = "product_versions"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "product", "number"], name="product_versions_number"),
        )
        indexes = (
            models.Index(
                fields=["refreshed_through"],
                condition=Q(refreshed_through__isnull=False),
                name="product_versions_to_refresh",
            ),
        )


class Price(StripeMirrored):
    """`unit_amount` is in minor units and null for tiers; `unit_amount_decimal` is exact, to 12 places.

    `origin_id` is the Stripe id of the price that its line began with, in an earlier version; empty for that one.
    """

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
    meter_id = models.TextField(blank=True, help_text="Stripe's id of the meter that counts what is billed.")
    transform_quantity = models.JSONField(null=True, help_text="{divide_by, round}: units are sold in packages.")
    tax_behavior = models.TextField(default="unspecified")
    lookup_key = models.TextField(blank=True)
    nickname = models.TextField(blank=True)
    active = models.BooleanField(default=True)
    origin_id = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "prices"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "stripe_id"], name="prices_stripe_id"),
            models.CheckConstraint(condition=Q(interval_count__gte=1), name="prices_interval_count"),
        )
        indexes = (models.Index(fields=["merchant", "-id"], name="prices_list"),)

    @property
    def is_free(self) -> bool:
        """Whether nothing will ever be asked for it."""
        flat = self.billing_scheme == "per_unit" and self.usage_type == self.UsageType.LICENSED
        return bool(self.interval) and flat and self.unit_amount == 0


class Coupon(StripeMirrored):
    """What is taken off: `percent_off`, or `amount_off` minor units of `currency`. The merchant chose its Stripe id.

    `product_stripe_ids` are the products that it is good for; empty means all.
    """

    class Duration(models.TextChoices):
        ONCE = "once"
        REPEATING = "repeating"
        FOREVER = "forever"

    name = models.TextField(blank=True)
    percent_off = models.DecimalField(max_digits=7, decimal_places=4, null=True)
    amount_off = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3, blank=True)
    duration = models.CharField(max_length=10, choices=Duration.choices)
    duration_in_months = models.PositiveIntegerField(null=True)
    product_stripe_ids = ArrayField(models.TextField(), default=list)
    max_redemptions = models.PositiveIntegerField(null=True)
    times_redeemed = models.PositiveIntegerField(default=0)
    redeem_by_at = models.DateTimeField(null=True)
    valid = models.BooleanField(default=True, help_text="Whether it can still be redeemed, as Stripe says.")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "coupons"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="coupons_stripe_id"),)
        indexes = (models.Index(fields=["merchant", "-id"], name="coupons_list"),)

    def __str__(self) -> str:
        return self.name or self.stripe_id


class PromotionCode(StripeMirrored):
    """A coupon under a code that customers type; `minimum_amount` is in minor units."""

    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="promotion_codes")
    code = models.TextField()
    active = models.BooleanField(default=True)
    customer = models.ForeignKey(Customer, null=True, on_delete=models.PROTECT, related_name="+")
    max_redemptions = models.PositiveIntegerField(null=True)
    times_redeemed = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)
    first_time_transaction = models.BooleanField(default=False)
    minimum_amount = models.BigIntegerField(null=True)
    minimum_amount_currency = models.CharField(max_length=3, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "promotion_codes"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="promotion_codes_stripe_id"),)
        indexes = (
            models.Index(fields=["merchant", "-id"], name="promotion_codes_list"),
            models.Index(fields=["merchant", "code"], name="promotion_codes_code"),
        )

    def __str__(self) -> str:
        return self.code
