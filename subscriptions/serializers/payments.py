"""Bodies of requests and answers about payments, refunds, balances and what customers pay with."""

from typing import Any

from django.core.validators import RegexValidator
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
from customers.models import PaymentMethod
from subscriptions.models import Payment, Refund
from subscriptions.serializers.invoices import CardSerializer


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    """One amount that somebody is to pay, with all its tries: Stripe's payment intent. Minor units of `currency`."""

    object = serializers.SerializerMethodField()
    customer = serializers.UUIDField(source="customer_id", read_only=True, allow_null=True)
    invoice = serializers.UUIDField(source="invoice_id", read_only=True, allow_null=True)
    amount_refunded = serializers.IntegerField(source="refunded", read_only=True)
    payment_method = CardSerializer(source="method", read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(source="stripe_created_at", read_only=True)

    class Meta:
        model = Payment
        fields = (
            "id", "object", "stripe_id", "customer", "invoice", "status", "currency", "amount", "amount_received",
            "amount_refunded", "payment_method", "failure_code", "decline_code", "failure_message", "description",
            "canceled_at", "metadata", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, payment: Payment) -> str:
        return "payment"


class PaymentListQuery(ListQuery):
    customer_id = TextField(required=False, max_length=255)
    invoice = TextField(required=False, max_length=255)
    status = serializers.ChoiceField(Payment.Status.choices, required=False)


class RefundSerializer(serializers.ModelSerializer[Refund]):
    """`amount` in minor units of `currency`. `status` is pending, requires_action, succeeded, failed or canceled."""

    object = serializers.SerializerMethodField()
    payment = serializers.UUIDField(source="payment_id", read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(source="stripe_created_at", read_only=True)

    class Meta:
        model = Refund
        fields = (
            "id", "object", "stripe_id", "payment", "status", "currency", "amount", "reason", "failure_reason",
            "metadata", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, refund: Refund) -> str:
        return "refund"


class CreateRefund(StrictSerializer):
    payment = TextField(required=False, max_length=255, help_text="The payment's id, ours or Stripe's; or the invoice.")
    invoice = TextField(required=False, max_length=255, help_text="The id of the invoice that it has paid.")
    amount = IntegerField(
        min_value=1, max_value=MAX_AMOUNT, required=False, help_text="Minor units; all that is left unless given."
    )
    reason = serializers.ChoiceField(Refund.Reason.choices, required=False)
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("payment" in attrs) == ("invoice" in attrs):
            code = "invalid" if "payment" in attrs else "required"
            raise serializers.ValidationError({"payment": ["Give either a payment or an invoice."]}, code=code)
        return attrs


class RefundListQuery(ListQuery):
    payment = TextField(required=False, max_length=255)
    invoice = TextField(required=False, max_length=255)


class PaymentMethodSerializer(serializers.ModelSerializer[PaymentMethod]):
    object = serializers.SerializerMethodField()
    customer = serializers.UUIDField(source="customer_id", read_only=True)
    is_default = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(source="stripe_created_at", read_only=True)

    class Meta:
        model = PaymentMethod
        fields = (
            "id", "object", "stripe_id", "customer", "type", "brand", "last4", "exp_month", "exp_year", "funding",
            "is_default", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, method: PaymentMethod) -> str:
        return "payment_method"

    def get_is_default(self, method: PaymentMethod) -> bool:
        return method.stripe_id == getattr(method, "default_id", "")


class AttachPaymentMethod(StrictSerializer):
    payment_method = TextField(
        max_length=255,
        validators=[RegexValidator(r"\A[A-Za-z0-9_]+\Z", "An id of Stripe's, such as pm_….")],
        help_text="Stripe's id, as Stripe.js or a setup intent has made it.",
    )
    set_default = serializers.BooleanField(default=True, help_text="Whether it pays from now on, subscriptions too.")


class DeletedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    object = serializers.CharField()
    deleted = serializers.BooleanField()


class AdjustBalance(StrictSerializer):
    amount = IntegerField(
        min_value=-MAX_AMOUNT,
        max_value=MAX_AMOUNT,
        help_text="Minor units. Negative: a credit that lowers the next invoice; positive: a debt that raises it.",
    )
    currency = CurrencyField(required=False, help_text="The customer's, unless given.")
    description = TextField(required=False, max_length=350)

    def validate_amount(self, value: int) -> int:
        if value == 0:
            raise serializers.ValidationError("Not nought.")
        return value


class BalanceTransactionSerializer(serializers.Serializer[Any]):
    """Minor units of `currency`; `ending_balance` is what the balance was afterwards."""

    id = serializers.CharField(help_text="Stripe's id.")
    object = serializers.CharField()
    type = serializers.CharField(help_text="adjustment, applied_to_invoice, credit_note, …, as Stripe says.")
    amount = serializers.IntegerField()
    ending_balance = serializers.IntegerField()
    currency = serializers.CharField()
    description = serializers.CharField()
    invoice = serializers.CharField(help_text="Stripe's id of the invoice, if it is about one.")
    credit_note = serializers.CharField()
    created_at = serializers.DateTimeField()
