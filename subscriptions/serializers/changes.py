"""Bodies of requests and answers about changes of a subscription."""

from typing import Any

from rest_framework import serializers

from billingos.api.serializers import MAX_QUANTITY, InstantField, IntegerField, StrictSerializer
from billingos.merchants.models import ChangeWhen, Proration
from subscriptions.models import InvoiceLine
from subscriptions.previews import ChangePreview, PreviewedInvoice
from subscriptions.serializers.lifecycle import FIRST_PAYMENT, ItemsField

CHANGE_PAYMENT = [*FIRST_PAYMENT, "pending_if_incomplete"]


class WhenField(InstantField):
    """ "now", "renewal" or an instant."""

    def to_internal_value(self, value: Any) -> Any:
        return ChangeWhen(value) if value in ChangeWhen.values else super().to_internal_value(value)


class PreviewOfChange(StrictSerializer):
    items = ItemsField(required=False, help_text="All that there shall be afterwards.")
    quantity = IntegerField(
        min_value=0, max_value=MAX_QUANTITY, required=False, help_text="Instead of items, where there is one item."
    )
    when = WhenField(required=False, help_text='"now", "renewal" or an instant; default: the merchant\'s rules.')
    proration = serializers.ChoiceField(Proration.choices, required=False, help_text="Default: the merchant's rule.")
    proration_at = InstantField(
        required=False, help_text="Charge the rest of the period from this instant on: the preview's `proration_at`."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("items" in attrs) == ("quantity" in attrs):
            raise serializers.ValidationError({"items": ["Send either items or quantity."]}, code="required")
        return attrs


class ChangeSubscription(PreviewOfChange):
    payment_behavior = serializers.ChoiceField(
        CHANGE_PAYMENT,
        default="error_if_incomplete",
        help_text="What becomes of a change that is to be paid at once and is not: nothing is changed, unless you say "
        "otherwise.",
    )


class PreviewLineSerializer(serializers.ModelSerializer[InvoiceLine]):
    """`amount` is before discounts and tax, in minor units."""

    price = serializers.UUIDField(source="price_id", allow_null=True, read_only=True)

    class Meta:
        model = InvoiceLine
        fields = (
            "description", "amount", "quantity", "price", "proration", "period_start", "period_end", "discount_amount",
            "tax_amount",
        )  # fmt: skip


class PreviewedInvoiceSerializer(serializers.Serializer[PreviewedInvoice]):
    """Amounts in minor units. `total` + `applied_balance` = `amount_due`."""

    at = serializers.DateTimeField()
    lines = PreviewLineSerializer(many=True)
    subtotal = serializers.IntegerField(source="invoice.subtotal")
    discount = serializers.IntegerField(source="invoice.discount_amount")
    tax = serializers.IntegerField(source="invoice.tax_amount")
    total = serializers.IntegerField(source="invoice.total")
    applied_balance = serializers.IntegerField()
    amount_due = serializers.IntegerField(source="invoice.amount_due")


class ChangePreviewSerializer(serializers.Serializer[ChangePreview]):
    object = serializers.SerializerMethodField()
    kind = serializers.ChoiceField(["upgrade", "downgrade"], source="change.kind")
    when = serializers.SerializerMethodField(help_text='"now", "renewal" or "scheduled".')
    effective_at = serializers.DateTimeField(source="change.at")
    proration = serializers.ChoiceField(Proration.choices, source="change.proration")
    proration_at = serializers.DateTimeField(source="change.proration_at")
    currency = serializers.CharField(source="change.subscription.currency")
    now = PreviewedInvoiceSerializer(allow_null=True)
    next = PreviewedInvoiceSerializer(allow_null=True)
    mrr_before = serializers.IntegerField()
    mrr_after = serializers.IntegerField()

    def get_object(self, preview: ChangePreview) -> str:
        return "subscription_change_preview"

    def get_when(self, preview: ChangePreview) -> str:
        return str(preview.change.when or "scheduled")
