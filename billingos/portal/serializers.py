"""What customers may see of what is theirs: no metadata, no MRR, nothing of the merchant's own book-keeping."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billingos.api.serializers import StrictSerializer, TextField
from entitlements.models import Feature
from entitlements.selectors import HeldFeature
from entitlements.serializers import exact_number
from subscriptions.models import Invoice, Price, Subscription, SubscriptionItem

MAX_URL = 2000


class CreatePortalSession(StrictSerializer):
    customer_id = TextField(max_length=255, help_text="Our id, Stripe's id, or your external_id.")
    return_url = TextField(
        required=False, max_length=MAX_URL, help_text="Where the portal's link back leads: https, or this machine."
    )


class PortalSessionSerializer(serializers.Serializer[Any]):
    """`url` and `customer_token` are told once. Both are good until `expires_at`, the link for one visit."""

    id = serializers.UUIDField()
    object = serializers.CharField()
    customer = serializers.UUIDField()
    url = serializers.CharField()
    customer_token = serializers.CharField()
    return_url = serializers.CharField()
    expires_at = serializers.DateTimeField()


class CreateCardPage(StrictSerializer):
    return_url = TextField(
        required=False, max_length=MAX_URL, help_text="Where Stripe's page leads back to; the session's unless given."
    )


class CardPageSerializer(serializers.Serializer[Any]):
    object = serializers.CharField()
    url = serializers.CharField()
    expires_at = serializers.DateTimeField()


class PortalPriceSerializer(serializers.ModelSerializer[Price]):
    """`unit_amount` is in minor units of `currency`, null for tiers."""

    class Meta:
        model = Price
        fields = ("currency", "unit_amount", "billing_scheme", "interval", "interval_count", "usage_type")


class PortalItemSerializer(serializers.ModelSerializer[SubscriptionItem]):
    product = serializers.CharField(source="version.product.name", read_only=True)
    price = PortalPriceSerializer(read_only=True)

    class Meta:
        model = SubscriptionItem
        fields = ("product", "price", "quantity")


class PortalFeatureSerializer(serializers.Serializer[HeldFeature]):
    """`limit` null: no limit, or a boolean feature."""

    feature = serializers.CharField(source="balance.feature")
    name = serializers.CharField(source="feature.name")
    type = serializers.ChoiceField(Feature.Type.choices, source="balance.type")
    limit = serializers.IntegerField(source="balance.limit", allow_null=True)
    used = serializers.SerializerMethodField()
    remaining = serializers.SerializerMethodField()
    resets_at = serializers.DateTimeField(source="balance.resets_at", allow_null=True)

    def get_used(self, row: HeldFeature) -> int | float | None:
        return exact_number(row.balance.used)

    def get_remaining(self, row: HeldFeature) -> int | float | None:
        return exact_number(row.balance.remaining)


class PortalSubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    object = serializers.SerializerMethodField()
    items = PortalItemSerializer(many=True, read_only=True)
    features = serializers.SerializerMethodField()

    class Meta:
        model = Subscription
        fields = (
            "id", "object", "status", "currency", "items", "features", "started_at", "current_period_start",
            "current_period_end", "trial_end", "cancel_at_period_end", "cancel_at", "canceled_at", "ended_at",
            "next_billing_at",
        )  # fmt: skip

    def get_object(self, subscription: Subscription) -> str:
        return "subscription"

    @extend_schema_field(PortalFeatureSerializer(many=True))
    def get_features(self, subscription: Subscription) -> Any:
        return PortalFeatureSerializer(self.context["balances"], many=True).data


class PortalInvoiceSerializer(serializers.ModelSerializer[Invoice]):
    """Amounts are in minor units of `currency`. `hosted_invoice_url` is Stripe's page, to pay and to download."""

    object = serializers.SerializerMethodField()

    class Meta:
        model = Invoice
        fields = (
            "id", "object", "number", "status", "currency", "subtotal", "total", "amount_due", "amount_paid",
            "amount_remaining", "period_start", "period_end", "due_at", "finalized_at", "paid_at", "hosted_invoice_url",
        )  # fmt: skip

    def get_object(self, invoice: Invoice) -> str:
        return "invoice"
