"""Bodies of requests and answers about coupons and promotion codes."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from billingos.api.serializers import (
    MAX_AMOUNT,
    CurrencyField,
    DecimalTextField,
    InstantField,
    IntegerField,
    ListQuery,
    MetadataField,
    StrictSerializer,
    TextField,
)
from subscriptions.models import Coupon, PromotionCode

MAX_REDEMPTIONS = 10**8
COUPON_ID = r"^[A-Za-z0-9_-]{1,200}\Z"
CODE = r"^[A-Za-z0-9-]{1,200}\Z"


class CouponSerializer(serializers.ModelSerializer[Coupon]):
    """Takes off `percent_off` (exact, as text), or `amount_off` minor units of `currency`. `products` are ours that it
    is good for; empty: all."""

    object = serializers.SerializerMethodField()
    percent_off = serializers.SerializerMethodField()
    products = serializers.ListField(child=serializers.UUIDField(), read_only=True, source="product_ids")
    redeem_by = serializers.DateTimeField(source="redeem_by_at", read_only=True, allow_null=True)

    class Meta:
        model = Coupon
        fields = (
            "id", "object", "stripe_id", "name", "percent_off", "amount_off", "currency", "duration",
            "duration_in_months", "products", "max_redemptions", "times_redeemed", "redeem_by", "valid", "metadata",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, coupon: Coupon) -> str:
        return "coupon"

    def get_percent_off(self, coupon: Coupon) -> str | None:
        percent = coupon.percent_off
        return None if percent is None else f"{percent:f}".rstrip("0").rstrip(".") if percent % 1 else f"{percent:.0f}"


def to_come(value: datetime) -> datetime:
    if value <= timezone.now():
        raise serializers.ValidationError("An instant to come.")
    return value


class CreateCoupon(StrictSerializer):
    id = serializers.RegexField(COUPON_ID, required=False, max_length=200, help_text="Your word for it, in Stripe too.")
    name = TextField(required=False, max_length=40)
    percent_off = DecimalTextField(digits=3, places=2, required=False, help_text='Exactly, such as "12.5".')
    amount_off = IntegerField(min_value=1, max_value=MAX_AMOUNT, required=False, help_text="Minor units.")
    currency = CurrencyField(required=False, help_text="With amount_off.")
    duration = serializers.ChoiceField(Coupon.Duration.choices)
    duration_in_months = IntegerField(min_value=1, max_value=120, required=False, help_text="If repeating.")
    products = serializers.ListField(child=TextField(max_length=255), required=False, min_length=1, max_length=50)
    max_redemptions = IntegerField(min_value=1, max_value=MAX_REDEMPTIONS, required=False)
    redeem_by = InstantField(required=False, help_text="Nobody can redeem it from then on.")
    metadata = MetadataField(required=False)

    def validate_percent_off(self, value: str) -> str:
        if not 0 < Decimal(value) <= 100:
            raise serializers.ValidationError("More than 0 and at most 100.")
        return value

    def validate_redeem_by(self, value: datetime) -> datetime:
        return to_come(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "percent_off" not in attrs and "amount_off" not in attrs:
            raise serializers.ValidationError({"percent_off": ["Give percent_off or amount_off."]}, code="required")
        if "percent_off" in attrs and "amount_off" in attrs:
            raise serializers.ValidationError({"amount_off": ["Give this or percent_off, not both."]})
        if "amount_off" in attrs and "currency" not in attrs:
            raise serializers.ValidationError({"currency": ["Needed with amount_off."]}, code="required")
        if "currency" in attrs and "amount_off" not in attrs:
            raise serializers.ValidationError({"currency": ["A percentage has no currency."]})
        if (attrs["duration"] == Coupon.Duration.REPEATING) != ("duration_in_months" in attrs):
            missing = "duration_in_months" not in attrs
            raise serializers.ValidationError(
                {"duration_in_months": ["It goes with the duration repeating."]}, code="required" if missing else None
            )
        return attrs


class UpdateCoupon(StrictSerializer):
    name = TextField(required=False, max_length=40)
    metadata = MetadataField(required=False, help_text="Keys that are sent are set; an empty text takes one away.")


class PromotionCodeSerializer(serializers.ModelSerializer[PromotionCode]):
    """`minimum_amount` is in minor units; `customer`: nobody else can use it."""

    object = serializers.SerializerMethodField()
    coupon = serializers.UUIDField(source="coupon_id", read_only=True)
    customer = serializers.UUIDField(source="customer_id", read_only=True, allow_null=True)

    class Meta:
        model = PromotionCode
        fields = (
            "id", "object", "stripe_id", "code", "coupon", "active", "customer", "max_redemptions", "times_redeemed",
            "expires_at", "first_time_transaction", "minimum_amount", "minimum_amount_currency", "metadata",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, promotion_code: PromotionCode) -> str:
        return "promotion_code"


class CreatePromotionCode(StrictSerializer):
    coupon = TextField(max_length=255, help_text="The coupon's id, ours or Stripe's.")
    code = serializers.RegexField(CODE, required=False, max_length=200, help_text="Letters, digits, dashes.")
    customer_id = TextField(required=False, max_length=255, help_text="Nobody else can use it.")
    active = serializers.BooleanField(required=False)
    max_redemptions = IntegerField(min_value=1, max_value=MAX_REDEMPTIONS, required=False)
    expires_at = InstantField(required=False)
    first_time_transaction = serializers.BooleanField(required=False, help_text="For those who never paid before.")
    minimum_amount = IntegerField(min_value=1, max_value=MAX_AMOUNT, required=False, help_text="Minor units.")
    minimum_amount_currency = CurrencyField(required=False)
    metadata = MetadataField(required=False)

    def validate_expires_at(self, value: datetime) -> datetime:
        return to_come(value)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for one, other in (
            ("minimum_amount", "minimum_amount_currency"),
            ("minimum_amount_currency", "minimum_amount"),
        ):
            if one in attrs and other not in attrs:
                raise serializers.ValidationError({other: [f"Needed with {one}."]}, code="required")
        return attrs


class UpdatePromotionCode(StrictSerializer):
    active = serializers.BooleanField(required=False)
    metadata = MetadataField(required=False, help_text="Keys that are sent are set; an empty text takes one away.")


class PromotionCodeListQuery(ListQuery):
    coupon = TextField(required=False, max_length=255)
    code = TextField(required=False, max_length=200, help_text="In any case.")
    active = serializers.BooleanField(required=False, allow_null=True, default=None)
