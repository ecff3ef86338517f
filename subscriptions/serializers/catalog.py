"""Bodies of requests and answers about the catalog."""

from typing import Any

from rest_framework import serializers

from billingos.api.serializers import (
    MAX_AMOUNT,
    CurrencyField,
    IntegerField,
    ListQuery,
    MetadataField,
    StrictSerializer,
    TextField,
)
from subscriptions.models import Price


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
