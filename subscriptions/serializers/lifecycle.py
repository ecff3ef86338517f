"""Bodies of requests and answers about subscriptions."""

from rest_framework import serializers

from billingos.api.serializers import (
    MAX_QUANTITY,
    IntegerField,
    ListQuery,
    MetadataField,
    StrictSerializer,
    TextField,
)
from subscriptions.models import CancellationFeedback, Subscription, SubscriptionItem

MAX_COMMENT = 1000


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
