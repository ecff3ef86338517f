"""Bodies of requests and answers about the catalog."""

from typing import Any

from rest_framework import serializers

from billingos.api.serializers import (
    MAX_AMOUNT,
    CurrencyField,
    DecimalTextField,
    IntegerField,
    ListQuery,
    MetadataField,
    StrictSerializer,
    TextField,
)
from subscriptions.models import Price


class PriceSerializer(serializers.ModelSerializer[Price]):
    """`unit_amount` is in minor units of `currency`; `interval` is empty for a price that is paid once,
    `meter_id` is Stripe's."""

    object = serializers.SerializerMethodField()
    product = serializers.UUIDField(source="version.product_id", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)
    unit_amount_decimal = serializers.SerializerMethodField()
    tiers = serializers.ListField(
        child=serializers.DictField(), read_only=True, allow_null=True, help_text="Stripe's, amounts as text."
    )
    transform_quantity = serializers.DictField(
        read_only=True, allow_null=True, help_text="{divide_by, round}: units are sold in packages."
    )

    class Meta:
        model = Price
        fields = (
            "id", "object", "stripe_id", "product", "version", "currency", "unit_amount", "unit_amount_decimal",
            "billing_scheme", "tiers_mode", "tiers", "interval", "interval_count", "usage_type", "meter_id",
            "transform_quantity", "tax_behavior", "lookup_key", "nickname", "active", "metadata", "created_at",
            "updated_at",
        )  # fmt: skip

    def get_object(self, price: Price) -> str:
        return "price"

    def get_unit_amount_decimal(self, price: Price) -> str | None:
        exact = price.unit_amount_decimal
        return None if exact is None else f"{exact:f}".rstrip("0").rstrip(".") if exact % 1 else f"{exact:.0f}"


class TierField(StrictSerializer):
    up_to = serializers.JSONField(help_text='The last unit of the tier, or "inf".')
    unit_amount = IntegerField(min_value=0, max_value=MAX_AMOUNT, required=False)
    unit_amount_decimal = DecimalTextField(required=False)
    flat_amount = IntegerField(min_value=0, max_value=MAX_AMOUNT, required=False)
    flat_amount_decimal = DecimalTextField(required=False)

    def validate_up_to(self, value: Any) -> Any:
        if value == "inf" or (isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**12):
            return value
        raise serializers.ValidationError('A positive integer, or "inf".')

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("unit_amount", "flat_amount"):
            if name in attrs and f"{name}_decimal" in attrs:
                raise serializers.ValidationError({name: ["Give this or the decimal, not both."]})
        if len(attrs) < 2:
            raise serializers.ValidationError(
                {"unit_amount": ["Give a unit_amount or a flat_amount."]}, code="required"
            )
        return attrs


class PackageField(StrictSerializer):
    divide_by = IntegerField(min_value=1, max_value=10**6)
    round = serializers.ChoiceField(["up", "down"])


class AmountSerializer(StrictSerializer):
    """What a price costs: `unit_amount` minor units, or the exact `unit_amount_decimal`, or tiers."""

    unit_amount = IntegerField(min_value=0, max_value=MAX_AMOUNT, required=False, help_text="Minor units.")
    unit_amount_decimal = DecimalTextField(required=False, help_text="Minor units, exactly: for fractions of a cent.")
    tiers_mode = serializers.ChoiceField(["graduated", "volume"], required=False)
    tiers = serializers.ListField(child=TierField(), required=False, min_length=1, max_length=100)

    def validate_tiers(self, tiers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        bounds = [tier["up_to"] for tier in tiers]
        rising = all(isinstance(one, int) for one in bounds[:-1]) and bounds[:-1] == sorted(set(bounds[:-1]))
        if bounds[-1] != "inf" or not rising:
            raise serializers.ValidationError('Tiers rise by up_to, and the last one, and no other, is up to "inf".')
        return tiers

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in ("unit_amount", "unit_amount_decimal", "tiers") if name in attrs]
        if len(given) > 1:
            raise serializers.ValidationError({given[1]: [f"Give this or {given[0]}, not both."]})
        if ("tiers" in attrs) != ("tiers_mode" in attrs):
            missing = "tiers_mode" if "tiers" in attrs else "tiers"
            raise serializers.ValidationError({missing: ["Tiered prices need tiers and tiers_mode."]}, code="required")
        return attrs


def costs(fields: dict[str, Any]) -> bool:
    """Whether the fields say an amount."""
    return not fields.keys().isdisjoint({"unit_amount", "unit_amount_decimal", "tiers"})


class PriceTerms(AmountSerializer):
    """A price that does not exist yet."""

    currency = CurrencyField()
    interval = serializers.ChoiceField(Price.Interval.choices, required=False, help_text="Omit: paid once.")
    interval_count = IntegerField(min_value=1, max_value=156, required=False)
    usage_type = serializers.ChoiceField(Price.UsageType.choices, required=False)
    meter = TextField(required=False, max_length=63, help_text="Metered prices: the key of the meter that counts.")
    billing_scheme = serializers.ChoiceField(["per_unit", "tiered"], required=False)
    transform_quantity = PackageField(required=False, help_text="Sold in packages of `divide_by` units.")
    tax_behavior = serializers.ChoiceField(["exclusive", "inclusive", "unspecified"], required=False)
    lookup_key = TextField(required=False, max_length=200)
    transfer_lookup_key = serializers.BooleanField(required=False, help_text="Take it from the price that has it.")
    nickname = TextField(required=False, max_length=200)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("billing_scheme") == "tiered" and "tiers" not in attrs:
            raise serializers.ValidationError({"tiers": ["Tiered prices need tiers and tiers_mode."]}, code="required")
        attrs = super().validate(attrs)
        if not costs(attrs):
            raise serializers.ValidationError({"unit_amount": ["This field is required."]}, code="required")
        if "tiers" in attrs and (attrs.get("billing_scheme") == "per_unit" or "transform_quantity" in attrs):
            raise serializers.ValidationError({"tiers": ["Tiers are for tiered prices, not for packages."]})
        if {"interval_count", "usage_type", "meter"} & set(attrs) and "interval" not in attrs:
            raise serializers.ValidationError(
                {"interval": ["Needed with interval_count, usage_type and meter."]}, code="required"
            )
        if (attrs.get("usage_type") == Price.UsageType.METERED) != ("meter" in attrs):
            missing = "usage_type" if "meter" in attrs else "meter"
            raise serializers.ValidationError(
                {missing: ["A metered price has usage_type metered and a meter."]}, code="required"
            )
        return attrs


class CreatePrice(PriceTerms):
    product = TextField(max_length=255, help_text="The product's id, ours or Stripe's.")


class UpdatePrice(AmountSerializer):
    """What is not sent stays. An amount makes a price that takes this one's place."""

    nickname = TextField(required=False, allow_blank=True, max_length=200)
    metadata = MetadataField(required=False, help_text="Keys that are sent are set; an empty text takes one away.")
    lookup_key = TextField(required=False, allow_null=True, max_length=200)
    transfer_lookup_key = serializers.BooleanField(required=False, help_text="Take it from the price that has it.")
    active = serializers.BooleanField(required=False, help_text="false: archived, nobody can buy it any more.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if costs(attrs) and "active" in attrs:
            raise serializers.ValidationError({"active": ["Change the amount, or archive the price: not both."]})
        return attrs


class PriceListQuery(ListQuery):
    product = TextField(required=False, max_length=255)
    active = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="true: what can be bought."
    )
