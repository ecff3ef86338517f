from typing import Any

from rest_framework import serializers

from billingos.api.serializers import (
    MAX_AMOUNT,
    MAX_QUANTITY,
    CurrencyField,
    IntegerField,
    ListQuery,
    MetadataField,
    StrictSerializer,
    TextField,
)
from subscriptions.models import CancellationFeedback, Price, Subscription, SubscriptionItem

MAX_COMMENT = 1000


class PriceSerializer(serializers.ModelSerializer[Price]):
    """`unit_amount` is in minor units of `currency`; `interval` is empty for a price that is paid once."""

    object = serializers.SerializerMethodField()
    product = serializers.UUIDField(source="version.product_id", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    unit_amount_decimal = serializers.SerializerMethodField()

    class Meta:
        model = Price
        fields = (
            "id", "object", "stripe_id", "product", "version", "currency", "unit_amount", "unit_amount_decimal",
            "billing_scheme", "tiers_mode", "tiers", "interval", "interval_count", "usage_type", "lookup_key",
            "nickname", "active", "metadata", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, price: Price) -> str:
        return "price"

    def get_unit_amount_decimal(self, price: Price) -> str | None:
        exact = price.unit_amount_decimal
        return None if exact is None else f"{exact:f}".rstrip("0").rstrip(".") if exact % 1 else f"{exact:.0f}"


class TierField(StrictSerializer):
    up_to = serializers.JSONField(help_text='The last unit of the tier, or "inf".')
    unit_amount = IntegerField(min_value=0, max_value=MAX_AMOUNT, required=False)
    flat_amount = IntegerField(min_value=0, max_value=MAX_AMOUNT, required=False)

    def validate_up_to(self, value: Any) -> Any:
        if value == "inf" or (isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**12):
            return value
        raise serializers.ValidationError('A positive integer, or "inf".')


class CreatePrice(StrictSerializer):
    product = TextField(max_length=255, help_text="The product's id, ours or Stripe's.")
    currency = CurrencyField()
    unit_amount = IntegerField(min_value=0, max_value=MAX_AMOUNT, required=False, help_text="Minor units.")
    interval = serializers.ChoiceField(Price.Interval.choices, required=False, help_text="Omit: paid once.")
    interval_count = IntegerField(min_value=1, max_value=156, required=False)
    usage_type = serializers.ChoiceField([Price.UsageType.LICENSED], required=False)
    billing_scheme = serializers.ChoiceField(["per_unit", "tiered"], required=False)
    tiers_mode = serializers.ChoiceField(["graduated", "volume"], required=False)
    tiers = TierField(many=True, required=False)
    lookup_key = TextField(required=False, max_length=200)
    nickname = TextField(required=False, max_length=200)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        tiered = attrs.get("billing_scheme") == "tiered"
        if tiered and not (attrs.get("tiers") and attrs.get("tiers_mode")):
            missing = "tiers" if not attrs.get("tiers") else "tiers_mode"
            raise serializers.ValidationError({missing: ["Tiered prices need tiers and tiers_mode."]}, code="required")
        if not tiered and "unit_amount" not in attrs:
            raise serializers.ValidationError({"unit_amount": ["This field is required."]}, code="required")
        if {"interval_count", "usage_type"} & set(attrs) and "interval" not in attrs:
            raise serializers.ValidationError(
                {"interval": ["Needed with interval_count and usage_type."]}, code="required"
            )
        return attrs


class PriceListQuery(ListQuery):
    product = TextField(required=False, max_length=255)
    active = serializers.BooleanField(required=False, allow_null=True, default=None)


class SubscriptionItemSerializer(serializers.ModelSerializer[SubscriptionItem]):
    price = serializers.UUIDField(source="price_id", read_only=True)
    product = serializers.UUIDField(source="version.product_id", read_only=True)

    class Meta:
        model = SubscriptionItem
        fields = (
            "id",
            "stripe_id",
            "price",
            "product",
            "quantity",
            "current_period_start",
            "current_period_end",
        )


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """`mrr` is in minor units of `currency` per month."""

    object = serializers.SerializerMethodField()
    customer = serializers.UUIDField(source="customer_id", read_only=True)
    items = SubscriptionItemSerializer(many=True, read_only=True)

    class Meta:
        model = Subscription
        fields = (
            "id", "object", "stripe_id", "customer", "status", "currency", "mrr", "items", "started_at",
            "current_period_start", "current_period_end", "billing_cycle_anchor", "trial_start", "trial_end",
            "cancel_at_period_end", "cancel_at", "canceled_at", "ended_at", "collection_paused", "latest_invoice_id",
            "next_billing_at", "source", "metadata", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, subscription: Subscription) -> str:
        return "subscription"


class ItemField(StrictSerializer):
    price = TextField(max_length=255, help_text="The price's id, ours or Stripe's.")
    quantity = IntegerField(min_value=0, max_value=MAX_QUANTITY, required=False)


class CreateSubscription(StrictSerializer):
    customer_id = TextField(max_length=255, help_text="Our id, Stripe's id, or your external_id.")
    items = serializers.ListField(child=ItemField(), min_length=1, max_length=20)
    trial_days = IntegerField(min_value=0, max_value=730, default=0)
    payment_behavior = serializers.ChoiceField(
        ["allow_incomplete", "default_incomplete", "error_if_incomplete"], default="allow_incomplete"
    )
    metadata = MetadataField(required=False)


class CancelSubscription(StrictSerializer):
    at_period_end = serializers.BooleanField(
        default=True, help_text="true: access lasts as long as was paid; false: ends now, without a refund."
    )
    feedback = serializers.ChoiceField(
        CancellationFeedback.choices, required=False, help_text="Why; Stripe's `cancellation_details`."
    )
    comment = TextField(required=False, max_length=MAX_COMMENT, help_text="Why, in the customer's own words.")


class SubscriptionListQuery(ListQuery):
    customer_id = TextField(required=False, max_length=255)
    status = serializers.ChoiceField(Subscription.Status.choices, required=False)
