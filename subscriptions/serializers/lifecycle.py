"""Bodies of requests and answers about subscriptions."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billingos.api.serializers import (
    MAX_QUANTITY,
    InstantField,
    IntegerField,
    ListQuery,
    MetadataField,
    StrictSerializer,
    TextField,
)
from subscriptions import selectors
from subscriptions.models import CancellationFeedback, Subscription, SubscriptionItem

MAX_COMMENT = 1000
MAX_TRIAL_DAYS = 730
COLLECTION = ["charge_automatically", "send_invoice"]
FIRST_PAYMENT = ["allow_incomplete", "default_incomplete", "error_if_incomplete"]


class SubscriptionItemSerializer(serializers.ModelSerializer[SubscriptionItem]):
    price = serializers.UUIDField(source="price_id", read_only=True)
    product = serializers.UUIDField(source="version.product_id", read_only=True)
    version = serializers.IntegerField(source="version.number", read_only=True)

    class Meta:
        model = SubscriptionItem
        fields = (
            "id",
            "stripe_id",
            "price",
            "product",
            "version",
            "quantity",
            "current_period_start",
            "current_period_end",
        )


class ScheduledItemSerializer(serializers.Serializer[Any]):
    price = serializers.CharField(help_text="The price's Stripe id.")
    quantity = serializers.IntegerField(allow_null=True)


class ScheduledChangeSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    items = ScheduledItemSerializer(many=True)


class PauseSerializer(serializers.Serializer[Any]):
    behavior = serializers.CharField()
    resumes_at = serializers.DateTimeField(allow_null=True)


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """`mrr` is in minor units of `currency` per month."""

    object = serializers.SerializerMethodField()
    customer = serializers.UUIDField(source="customer_id", read_only=True)
    items = SubscriptionItemSerializer(many=True, read_only=True)
    pause = serializers.SerializerMethodField()
    scheduled_change = serializers.SerializerMethodField()

    class Meta:
        model = Subscription
        fields = (
            "id", "object", "stripe_id", "customer", "status", "currency", "mrr", "items", "started_at",
            "current_period_start", "current_period_end", "billing_cycle_anchor", "trial_start", "trial_end",
            "cancel_at_period_end", "cancel_at", "canceled_at", "ended_at", "cancellation_reason",
            "cancellation_feedback", "cancellation_comment", "collection_paused", "pause", "collection_method",
            "days_until_due", "default_payment_method_id", "discount_ids", "scheduled_change", "latest_invoice_id",
            "next_billing_at", "source", "metadata", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, subscription: Subscription) -> str:
        return "subscription"

    @extend_schema_field(PauseSerializer(allow_null=True))
    def get_pause(self, subscription: Subscription) -> Any:
        if not subscription.collection_paused:
            return None
        return PauseSerializer({"behavior": subscription.pause_behavior, "resumes_at": subscription.resumes_at}).data

    @extend_schema_field(ScheduledChangeSerializer(allow_null=True))
    def get_scheduled_change(self, subscription: Subscription) -> Any:
        found = selectors.scheduled_change(subscription)
        return None if found is None else ScheduledChangeSerializer(found).data


class PaymentToFinishSerializer(serializers.Serializer[Any]):
    """What a browser needs to finish a payment that was not made. `client_secret` is for Stripe.js; it is asked of
    Stripe each time and stored nowhere."""

    status = serializers.CharField(allow_null=True, help_text="Stripe's, such as requires_action.")
    client_secret = serializers.CharField(allow_null=True)
    hosted_invoice_url = serializers.CharField(allow_null=True)


class OneSubscriptionSerializer(SubscriptionSerializer):
    """One subscription, with the payment that it waits for."""

    payment = PaymentToFinishSerializer(allow_null=True, read_only=True)

    class Meta(SubscriptionSerializer.Meta):
        fields = (*SubscriptionSerializer.Meta.fields, "payment")  # type: ignore[assignment]  # one more


class ItemField(StrictSerializer):
    price = TextField(max_length=255, help_text="The price's id, ours or Stripe's.")
    quantity = IntegerField(
        min_value=0, max_value=MAX_QUANTITY, required=False, help_text="1 unless given; none for metered prices."
    )


class ItemsField(serializers.ListField):
    def __init__(self, **options: Any) -> None:
        super().__init__(child=ItemField(), min_length=1, max_length=20, **options)


class TermsFields(StrictSerializer):
    """How a subscription is paid and what is taken off."""

    coupon = TextField(required=False, max_length=255, help_text="Its id, ours or Stripe's.")
    promotion_code = TextField(required=False, max_length=255, help_text="Its id, or what customers type.")
    default_payment_method = TextField(required=False, max_length=255, help_text="Stripe's id, attached.")
    collection_method = serializers.ChoiceField(COLLECTION, required=False)
    days_until_due = IntegerField(min_value=0, max_value=365, required=False, help_text="Of invoices that are sent.")
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("coupon") and attrs.get("promotion_code"):
            raise serializers.ValidationError({"promotion_code": ["Either coupon or promotion_code."]})
        if attrs.get("collection_method") == "send_invoice" and "days_until_due" not in attrs:
            raise serializers.ValidationError({"days_until_due": ["Needed to send invoices."]}, code="required")
        return attrs


class CreateSubscription(TermsFields):
    customer_id = TextField(max_length=255, help_text="Our id, Stripe's id, or your external_id.")
    items = ItemsField()
    trial_days = IntegerField(min_value=0, max_value=MAX_TRIAL_DAYS, required=False)
    trial_end = InstantField(required=False, help_text="Instead of trial_days.")
    payment_behavior = serializers.ChoiceField(FIRST_PAYMENT, default="allow_incomplete")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "trial_end" in attrs and attrs.get("trial_days"):
            raise serializers.ValidationError({"trial_end": ["Either trial_days or trial_end."]})
        return super().validate(attrs)


class UpdateSubscription(TermsFields):
    """null takes a coupon or a payment method away."""

    coupon = TextField(required=False, allow_null=True, max_length=255)
    promotion_code = TextField(required=False, allow_null=True, max_length=255)
    default_payment_method = TextField(required=False, allow_null=True, max_length=255)


class CancelSubscription(StrictSerializer):
    at_period_end = serializers.BooleanField(
        default=True, help_text="true: access lasts as long as was paid; false: ends now."
    )
    at = InstantField(required=False, help_text="Ends at this instant instead.")
    invoice_now = serializers.BooleanField(
        default=False, help_text="Ending now: invoice what is pending, metered usage and credits too."
    )
    prorate = serializers.BooleanField(default=False, help_text="Ending now: credit what is left of the paid period.")
    feedback = serializers.ChoiceField(
        CancellationFeedback.choices, required=False, help_text="Why; Stripe's `cancellation_details`."
    )
    comment = TextField(required=False, max_length=MAX_COMMENT, help_text="Why, in the customer's own words.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        ends_later = attrs["at_period_end"] or "at" in attrs
        for name in ("invoice_now", "prorate"):
            if attrs[name] and ends_later:
                raise serializers.ValidationError({name: ["Only with at_period_end: false."]})
        return attrs


class ReactivateSubscription(TermsFields):
    items = ItemsField(required=False, help_text="What the new one is for; default: what the old one was for.")
    payment_behavior = serializers.ChoiceField(FIRST_PAYMENT, default="allow_incomplete")


class PauseSubscription(StrictSerializer):
    behavior = serializers.ChoiceField(["void", "keep_as_draft", "mark_uncollectible"], default="void")
    resumes_at = InstantField(required=False)


class NowOrInstantField(InstantField):
    """ "now", or an instant."""

    def to_internal_value(self, value: Any) -> Any:
        return value if value == "now" else super().to_internal_value(value)


class ExtendTrial(StrictSerializer):
    trial_end = NowOrInstantField(help_text='When it ends; or "now".')
    payment_behavior = serializers.ChoiceField(FIRST_PAYMENT, default="error_if_incomplete")


class SubscriptionListQuery(ListQuery):
    customer_id = TextField(required=False, max_length=255)
    status = serializers.ChoiceField(Subscription.Status.choices, required=False)
