"""What a customer may use: features, what products include of them, and what each customer has, and why."""

from django.db import models
from django.db.models import Q

from billingos.common.models import MerchantOwned, StripeMirrored
from customers.models import Customer
from subscriptions.models import ProductVersion
from usage.models import Meter


class Feature(StripeMirrored):
    """A capability by its `lookup_key`, kept in Stripe as an entitlement feature.

    Stripe knows features as on or off; how much of a `limit` feature a product includes is ours, and its use is what
    `meter` has counted in the billing period.
    """

    class Type(models.TextChoices):
        BOOLEAN = "boolean"
        LIMIT = "limit"

    lookup_key = models.TextField()
    name = models.TextField()
    type = models.CharField(max_length=10, choices=Type.choices)
    meter = models.ForeignKey(Meter, null=True, on_delete=models.PROTECT, related_name="features")
    active = models.BooleanField(default=True)

    class Meta:
        db_table = "features"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "lookup_key"], name="features_lookup_key"),
            models.UniqueConstraint(fields=["merchant", "stripe_id"], name="features_stripe_id"),
            models.CheckConstraint(condition=Q(type="limit") | Q(meter=None), name="features_meter"),
        )
        indexes = (models.Index(fields=["merchant", "-id"], name="features_list"),)

    def __str__(self) -> str:
        return self.lookup_key


class ProductFeature(MerchantOwned):
    """A feature in a product version. `limit` is per billing period; null is no limit (or a boolean feature)."""

    version = models.ForeignKey(ProductVersion, on_delete=models.CASCADE, related_name="features")
    feature = models.ForeignKey(Feature, on_delete=models.PROTECT, related_name="products")
    limit = models.BigIntegerField(null=True)

    class Meta:
        db_table = "product_features"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "version", "feature"], name="product_features_once"),
            models.CheckConstraint(condition=Q(limit=None) | Q(limit__gte=0), name="product_features_limit"),
        )


class Entitlement(MerchantOwned):
    """One feature that a customer has from one source. `source` is `subscription_item:<Stripe id>`.

    The effective value over all sources is computed in `balances.py`. An ended row stays: it tells why access was lost.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="entitlements")
    feature = models.ForeignKey(Feature, on_delete=models.PROTECT, related_name="entitlements")
    source = models.TextField()
    limit = models.BigIntegerField(null=True)
    active = models.BooleanField(default=True)
    granted_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "entitlements"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "customer", "feature", "source"], name="entitlements_source"),
            models.CheckConstraint(condition=Q(limit=None) | Q(limit__gte=0), name="entitlements_limit"),
            models.CheckConstraint(condition=Q(active=True) | Q(ended_at__isnull=False), name="entitlements_ended"),
        )
        indexes = (
            models.Index(
                fields=["merchant", "customer", "feature"],
                condition=Q(active=True),
                name="entitlements_check",
            ),
            models.Index(fields=["merchant", "source"], name="entitlements_by_source"),
        )
