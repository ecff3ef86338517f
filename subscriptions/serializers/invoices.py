"""Bodies of requests and answers about invoices and what they hold."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billingos.api.serializers import (
    MAX_AMOUNT,
    MAX_QUANTITY,
    CurrencyField,
    IntegerField,
    ListQuery,
    MetadataField,
    QuerySerializer,
    StrictSerializer,
    TextField,
)
from subscriptions.models import CreditNote, Dispute, Invoice, InvoiceLine, InvoicePayment
from subscriptions.payment_selectors import disputes
from subscriptions.serializers.changes import PreviewedInvoiceSerializer

MAX_LINES = 50  # each is a call to Stripe
ONE_OF = ("price", "unit_amount", "amount")


class CardSerializer(serializers.Serializer[Any]):
    """What paid; of what is no card, all but `type` is empty."""

    type = serializers.CharField()
    brand = serializers.CharField()
    last4 = serializers.CharField()
    exp_month = serializers.IntegerField(allow_null=True)
    exp_year = serializers.IntegerField(allow_null=True)


class LineTaxSerializer(serializers.Serializer[Any]):
    rate = serializers.CharField(help_text="Stripe's id of the tax rate.")
    amount = serializers.IntegerField()
    taxable_amount = serializers.IntegerField(allow_null=True)
    behavior = serializers.CharField()


class InvoiceLineSerializer(serializers.ModelSerializer[InvoiceLine]):
    """`amount` is before discounts and exclusive tax, in minor units of the invoice's currency."""

    price = serializers.UUIDField(source="price_id", read_only=True, allow_null=True)
    taxes = LineTaxSerializer(many=True, read_only=True)

    class Meta:
        model = InvoiceLine
        fields = (
            "id", "stripe_id", "description", "amount", "quantity", "price", "proration", "period_start", "period_end",
            "discount_amount", "tax_amount", "taxes",
        )  # fmt: skip


class InvoicePaymentSerializer(serializers.ModelSerializer[InvoicePayment]):
    payment = serializers.UUIDField(source="payment_id", read_only=True, allow_null=True)
    payment_status = serializers.CharField(read_only=True, allow_null=True)
    payment_method = CardSerializer(source="method", read_only=True, allow_null=True)

    class Meta:
        model = InvoicePayment
        fields = ("payment", "status", "payment_status", "amount_requested", "amount_paid", "payment_method", "paid_at")


class InvoiceSerializer(serializers.ModelSerializer[Invoice]):
    """Amounts are in minor units of `currency`. `tax` is all tax, `discount` all that was taken off."""

    object = serializers.SerializerMethodField()
    customer = serializers.UUIDField(source="customer_id", read_only=True)
    subscription = serializers.UUIDField(source="subscription_id", read_only=True, allow_null=True)
    discount = serializers.IntegerField(source="discount_amount", read_only=True)
    tax = serializers.IntegerField(source="tax_amount", read_only=True)
    created_at = serializers.DateTimeField(source="stripe_created_at", read_only=True)

    class Meta:
        model = Invoice
        fields = (
            "id", "object", "stripe_id", "number", "customer", "subscription", "status", "billing_reason",
            "collection_method", "currency", "subtotal", "discount", "tax", "total", "starting_balance",
            "ending_balance", "amount_due", "amount_paid", "amount_remaining", "pre_payment_credit_notes_amount",
            "post_payment_credit_notes_amount", "attempt_count", "next_payment_attempt_at", "description",
            "period_start", "period_end", "due_at", "finalized_at", "paid_at", "voided_at", "hosted_invoice_url",
            "finalization_error", "metadata", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, invoice: Invoice) -> str:
        return "invoice"


class CreditNoteSerializer(serializers.ModelSerializer[CreditNote]):
    """Minor units of `currency`. `pre_payment_amount` was taken off what the invoice asks for, `post_payment_amount` is
    given back; `refunds` are Stripe's ids of the refunds among that."""

    object = serializers.SerializerMethodField()
    customer = serializers.UUIDField(source="customer_id", read_only=True)
    invoice = serializers.UUIDField(source="invoice_id", read_only=True)
    refunds = serializers.ListField(source="refund_stripe_ids", child=serializers.CharField(), read_only=True)
    created_at = serializers.DateTimeField(source="stripe_created_at", read_only=True)

    class Meta:
        model = CreditNote
        fields = (
            "id", "object", "stripe_id", "number", "invoice", "customer", "status", "currency", "amount", "subtotal",
            "total", "pre_payment_amount", "post_payment_amount", "out_of_band_amount", "refunds", "reason", "memo",
            "voided_at", "metadata", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, note: CreditNote) -> str:
        return "credit_note"


class DisputeSerializer(serializers.ModelSerializer[Dispute]):
    """A payment that its payer's bank wants back, or asks about. `amount` in minor units of `currency`."""

    object = serializers.SerializerMethodField()
    payment = serializers.UUIDField(source="payment_id", read_only=True, allow_null=True)
    created_at = serializers.DateTimeField(source="stripe_created_at", read_only=True)

    class Meta:
        model = Dispute
        fields = (
            "id", "object", "stripe_id", "payment", "status", "currency", "amount", "reason", "evidence_due_at",
            "evidence_past_due", "submission_count", "metadata", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, dispute: Dispute) -> str:
        return "dispute"


class WholeInvoiceSerializer(InvoiceSerializer):
    lines = InvoiceLineSerializer(many=True, read_only=True)
    payments = InvoicePaymentSerializer(many=True, read_only=True)
    credit_notes = CreditNoteSerializer(many=True, read_only=True)
    disputes = serializers.SerializerMethodField()

    class Meta(InvoiceSerializer.Meta):
        fields = (*InvoiceSerializer.Meta.fields, "lines", "payments", "credit_notes", "disputes")  # type: ignore[assignment]  # a longer tuple

    @extend_schema_field(DisputeSerializer(many=True))
    def get_disputes(self, invoice: Invoice) -> Any:
        return DisputeSerializer(disputes(invoice.merchant_id, invoice=invoice), many=True).data


class UpcomingInvoiceSerializer(PreviewedInvoiceSerializer):
    """The next invoice as it would come if nothing changed until `at`."""

    object = serializers.SerializerMethodField()
    customer = serializers.UUIDField(source="subscription.customer_id")
    subscription = serializers.UUIDField(source="subscription.id")
    currency = serializers.CharField(source="invoice.currency")

    def get_object(self, upcoming: Any) -> str:
        return "upcoming_invoice"


class ChargeLineField(StrictSerializer):
    price = TextField(max_length=255, required=False, help_text="Id of a price that is paid once, ours or Stripe's.")
    unit_amount = IntegerField(
        min_value=-MAX_AMOUNT, max_value=MAX_AMOUNT, required=False, help_text="Minor units, for one."
    )
    amount = IntegerField(
        min_value=-MAX_AMOUNT, max_value=MAX_AMOUNT, required=False, help_text="Minor units, for the whole line."
    )
    quantity = IntegerField(min_value=1, max_value=MAX_QUANTITY, required=False, help_text="1 unless given.")
    description = TextField(required=False, max_length=500, help_text="What it is for; needed without a price.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [name for name in ONE_OF if name in attrs]
        if not given:
            raise serializers.ValidationError(
                {"amount": ["Give a price, a unit_amount or an amount."]}, code="required"
            )
        if len(given) > 1:
            raise serializers.ValidationError({given[1]: [f"Not together with {given[0]}."]})
        if "amount" in attrs and "quantity" in attrs:
            raise serializers.ValidationError({"quantity": ["Not together with amount: use unit_amount."]})
        if "price" not in attrs and "description" not in attrs:
            raise serializers.ValidationError({"description": ["This field is required."]}, code="required")
        return attrs


class CreateInvoice(StrictSerializer):
    customer_id = TextField(max_length=255, help_text="Our id, Stripe's id, or your external_id.")
    lines = serializers.ListField(child=ChargeLineField(), min_length=1, max_length=MAX_LINES)
    currency = CurrencyField(required=False, help_text="Else that of the prices, of the customer, of the business.")
    collection_method = serializers.ChoiceField(
        ["charge_automatically", "send_invoice"],
        default="charge_automatically",
        help_text="Charge what is on file now, or mail an invoice to be paid until it is due.",
    )
    days_until_due = IntegerField(min_value=0, max_value=730, required=False, help_text="With send_invoice; else 30.")
    description = TextField(required=False, max_length=1500, help_text="On the invoice.")
    coupon = TextField(required=False, max_length=255, help_text="The coupon's id, ours or Stripe's.")
    payment_method = TextField(
        required=False, max_length=255, help_text="One of the customer's, instead of their default one."
    )
    auto_advance = serializers.BooleanField(
        default=False, help_text="Whether Stripe goes on by itself: finalizes a draft, tries a failed payment again."
    )
    draft = serializers.BooleanField(default=False, help_text="true: neither finalized nor charged yet.")
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        sent = attrs["collection_method"] == "send_invoice"
        if "days_until_due" in attrs and not sent:
            raise serializers.ValidationError({"days_until_due": ["Only with collection_method send_invoice."]})
        if "payment_method" in attrs and (sent or attrs["draft"]):
            raise serializers.ValidationError({"payment_method": ["Only where the invoice is charged now."]})
        return attrs


class PayInvoice(StrictSerializer):
    payment_method = TextField(required=False, max_length=255, help_text="One of the customer's.")
    paid_out_of_band = serializers.BooleanField(
        default=False, help_text="true: it was paid elsewhere, and nothing is charged."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["paid_out_of_band"] and "payment_method" in attrs:
            raise serializers.ValidationError({"payment_method": ["Nothing is charged with paid_out_of_band."]})
        return attrs


class InvoiceListQuery(ListQuery):
    customer_id = TextField(required=False, max_length=255)
    subscription = TextField(required=False, max_length=255)
    status = serializers.ChoiceField(Invoice.Status.choices, required=False)


class DocumentQuery(QuerySerializer):
    type = serializers.ChoiceField(
        ["invoice", "receipt"], default="invoice", help_text="A receipt is there only for what is paid."
    )


class CreditLineField(StrictSerializer):
    line = serializers.UUIDField(help_text="The id of a line of the invoice.")
    amount = IntegerField(min_value=1, max_value=MAX_AMOUNT, required=False, help_text="Minor units, before tax.")
    quantity = IntegerField(min_value=1, max_value=MAX_QUANTITY, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("amount" in attrs) == ("quantity" in attrs):
            code = "invalid" if "amount" in attrs else "required"
            raise serializers.ValidationError({"amount": ["Give either an amount or a quantity."]}, code=code)
        return attrs


class PreviewCreditNote(StrictSerializer):
    invoice = TextField(max_length=255, help_text="The invoice's id, ours or Stripe's.")
    amount = IntegerField(
        min_value=1, max_value=MAX_AMOUNT, required=False, help_text="Minor units, tax included; or give lines."
    )
    lines = serializers.ListField(child=CreditLineField(), min_length=1, max_length=100, required=False)
    refund_amount = IntegerField(
        min_value=0, max_value=MAX_AMOUNT, required=False, help_text="How much of what was paid goes back to the card."
    )
    credit_amount = IntegerField(
        min_value=0, max_value=MAX_AMOUNT, required=False, help_text="How much goes to the customer's balance."
    )
    out_of_band_amount = IntegerField(
        min_value=0, max_value=MAX_AMOUNT, required=False, help_text="How much is given back elsewhere."
    )
    reason = serializers.ChoiceField(CreditNote.Reason.choices, required=False)
    memo = TextField(required=False, max_length=500, help_text="On the credit note.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("amount" in attrs) == ("lines" in attrs):
            code = "invalid" if "amount" in attrs else "required"
            raise serializers.ValidationError({"amount": ["Give either an amount or lines."]}, code=code)
        return attrs


class CreateCreditNote(PreviewCreditNote):
    metadata = MetadataField(required=False)


class CreditNotePreviewSerializer(serializers.Serializer[Any]):
    """What the credit note would come to, in minor units of `currency`."""

    object = serializers.CharField()
    invoice = serializers.UUIDField()
    currency = serializers.CharField()
    subtotal = serializers.IntegerField()
    total = serializers.IntegerField()
    amount = serializers.IntegerField()
    pre_payment_amount = serializers.IntegerField()
    post_payment_amount = serializers.IntegerField()


class CreditNoteListQuery(ListQuery):
    customer_id = TextField(required=False, max_length=255)
    invoice = TextField(required=False, max_length=255)
