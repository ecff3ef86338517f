"""What they pay: invoices with their lines, payments, refunds, credit notes."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from billingos.common.models import MerchantOwned, StripeMirrored
from customers.models import Customer
from subscriptions.models.catalog import Price
from subscriptions.models.subscriptions import Subscription


class Invoice(StripeMirrored):
    """Amounts are in minor units of `currency`."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAID = "paid"
        UNCOLLECTIBLE = "uncollectible"
        VOID = "void"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices")
    subscription = models.ForeignKey(Subscription, null=True, on_delete=models.PROTECT, related_name="invoices")
    number = models.TextField(blank=True)
    status = models.CharField(max_length=20, choices=Status.choices)
    billing_reason = models.TextField(blank=True)
    currency = models.CharField(max_length=3)
    subtotal = models.BigIntegerField()
    total = models.BigIntegerField()
    amount_due = models.BigIntegerField()
    amount_paid = models.BigIntegerField()
    amount_remaining = models.BigIntegerField()
    attempt_count = models.PositiveIntegerField(default=0)
    next_payment_attempt_at = models.DateTimeField(null=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    finalized_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    hosted_invoice_url = models.TextField(blank=True)
    voided_at = models.DateTimeField(null=True)
    marked_uncollectible_at = models.DateTimeField(null=True)
    collection_method = models.TextField(default="charge_automatically")
    description = models.TextField(blank=True)
    footer = models.TextField(blank=True)
    discount_amount = models.BigIntegerField(default=0)
    tax_amount = models.BigIntegerField(default=0)
    total_excluding_tax = models.BigIntegerField(null=True)
    starting_balance = models.BigIntegerField(default=0)
    ending_balance = models.BigIntegerField(null=True)
    pre_payment_credit_notes_amount = models.BigIntegerField(default=0)
    post_payment_credit_notes_amount = models.BigIntegerField(default=0)
    customer_name = models.TextField(blank=True, help_text="As it was when the invoice was finalized, like the rest.")
    customer_email = models.TextField(blank=True)
    customer_address = models.JSONField(null=True)
    customer_tax_ids = models.JSONField(default=list, blank=True, help_text="[{type, value}]")
    customer_tax_exempt = models.TextField(blank=True)
    invoice_pdf = models.TextField(blank=True)
    finalization_error = models.TextField(blank=True, help_text="Why Stripe could not finalize it, the last time.")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "invoices"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="invoices_stripe_id"),)
        indexes = (
            models.Index(fields=["merchant", "-id"], name="invoices_list"),
            models.Index(fields=["merchant", "customer", "-id"], name="invoices_customer"),
            models.Index(fields=["merchant", "subscription", "-id"], name="invoices_subscription"),
        )

    def __str__(self) -> str:
        return self.number or self.stripe_id


class InvoiceLine(MerchantOwned):
    """One line of an invoice, amounts in minor units of its currency. `amount` is before discounts and tax."""

    stripe_id = models.TextField()
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="lines")
    position = models.PositiveIntegerField()
    description = models.TextField(blank=True)
    amount = models.BigIntegerField()
    quantity = models.BigIntegerField(null=True)
    price = models.ForeignKey(Price, null=True, on_delete=models.PROTECT, related_name="+")
    product_stripe_id = models.TextField(blank=True)
    subscription_stripe_id = models.TextField(blank=True)
    item_stripe_id = models.TextField(blank=True)
    proration = models.BooleanField(default=False)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    discount_amount = models.BigIntegerField(default=0)
    tax_amount = models.BigIntegerField(default=0, help_text="Inclusive and exclusive together.")
    taxes = models.JSONField(default=list, blank=True, help_text="[{rate, amount, taxable_amount, behavior}]")

    class Meta:
        db_table = "invoice_lines"
        constraints = (
            models.UniqueConstraint(fields=["merchant", "invoice", "stripe_id"], name="invoice_lines_stripe_id"),
        )
        indexes = (models.Index(fields=["merchant", "invoice", "position"], name="invoice_lines_order"),)


class TaxRate(StripeMirrored):
    """A tax that invoice lines name, as documents show it: "VAT (19%)". Stripe never changes its percentage."""

    display_name = models.TextField()
    percentage = models.DecimalField(max_digits=7, decimal_places=4)
    inclusive = models.BooleanField()
    country = models.TextField(blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        db_table = "tax_rates"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="tax_rates_stripe_id"),)

    def __str__(self) -> str:
        return f"{self.display_name} ({self.percentage.normalize():f}%)"


class Payment(StripeMirrored):
    """An attempt to be paid, with all its tries: Stripe's payment intent. Amounts are in minor units of `currency`."""

    class Status(models.TextChoices):
        REQUIRES_PAYMENT_METHOD = "requires_payment_method"
        REQUIRES_CONFIRMATION = "requires_confirmation"
        REQUIRES_ACTION = "requires_action"
        PROCESSING = "processing"
        REQUIRES_CAPTURE = "requires_capture"
        CANCELED = "canceled"
        SUCCEEDED = "succeeded"

    customer = models.ForeignKey(Customer, null=True, on_delete=models.PROTECT, related_name="payments")
    status = models.CharField(max_length=30, choices=Status.choices)
    amount = models.BigIntegerField()
    amount_received = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    payment_method_id = models.TextField(blank=True)
    latest_charge_id = models.TextField(blank=True)
    failure_code = models.TextField(blank=True, help_text="Of the last try, if it failed.")
    decline_code = models.TextField(blank=True)
    failure_message = models.TextField(blank=True)
    description = models.TextField(blank=True)
    canceled_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "payments"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="payments_stripe_id"),)
        indexes = (
            models.Index(fields=["merchant", "-id"], name="payments_list"),
            models.Index(fields=["merchant", "customer", "-id"], name="payments_customer"),
        )

    @property
    def has_ended(self) -> bool:
        return self.status in {self.Status.SUCCEEDED, self.Status.CANCELED}


class InvoicePayment(StripeMirrored):
    """Which payment paid, or is to pay, how much of which invoice."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="payments")
    payment_stripe_id = models.TextField(blank=True, help_text="The payment intent; empty for what is no intent.")
    status = models.TextField()
    amount_requested = models.BigIntegerField()
    amount_paid = models.BigIntegerField(null=True)
    is_default = models.BooleanField(default=True)
    paid_at = models.DateTimeField(null=True)
    canceled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "invoice_payments"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="invoice_payments_stripe_id"),)
        indexes = (
            models.Index(fields=["merchant", "invoice"], name="invoice_payments_invoice"),
            models.Index(fields=["merchant", "payment_stripe_id"], name="invoice_payments_payment"),
        )

    @property
    def has_ended(self) -> bool:
        return self.status in {"paid", "canceled"}


class Refund(StripeMirrored):
    """Money given back; `amount` in minor units of `currency`."""

    class Reason(models.TextChoices):
        DUPLICATE = "duplicate", "It was charged twice"
        FRAUDULENT = "fraudulent", "It was fraud"
        REQUESTED_BY_CUSTOMER = "requested_by_customer", "The customer asked for it"

    payment = models.ForeignKey(Payment, null=True, on_delete=models.PROTECT, related_name="refunds")
    charge_id = models.TextField(blank=True)
    status = models.TextField(blank=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.TextField(blank=True)
    failure_reason = models.TextField(blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "refunds"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="refunds_stripe_id"),)
        indexes = (
            models.Index(fields=["merchant", "-id"], name="refunds_list"),
            models.Index(fields=["merchant", "payment"], name="refunds_payment"),
        )


class Dispute(StripeMirrored):
    """A payment that its payer's bank wants back, or asks about (`warning_…`). `amount` in minor units."""

    class Status(models.TextChoices):
        WARNING_NEEDS_RESPONSE = "warning_needs_response"
        WARNING_UNDER_REVIEW = "warning_under_review"
        WARNING_CLOSED = "warning_closed"
        NEEDS_RESPONSE = "needs_response"
        UNDER_REVIEW = "under_review"
        WON = "won"
        LOST = "lost"
        PREVENTED = "prevented"

    payment = models.ForeignKey(Payment, null=True, on_delete=models.PROTECT, related_name="disputes")
    charge_id = models.TextField(blank=True)
    status = models.CharField(max_length=30, choices=Status.choices)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.TextField(blank=True)
    evidence_due_at = models.DateTimeField(null=True, help_text="Until when the bank takes an answer.")
    evidence_past_due = models.BooleanField(default=False)
    submission_count = models.PositiveIntegerField(default=0, help_text="How often evidence was sent to the bank.")
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "disputes"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="disputes_stripe_id"),)
        indexes = (
            models.Index(fields=["merchant", "-id"], name="disputes_list"),
            models.Index(fields=["merchant", "payment"], name="disputes_payment"),
        )

    def __str__(self) -> str:
        return self.stripe_id

    @property
    def needs_response(self) -> bool:
        return self.status in {self.Status.NEEDS_RESPONSE, self.Status.WARNING_NEEDS_RESPONSE}


class CreditNote(StripeMirrored):
    """Lowers an invoice that was finalized. `pre_payment_amount` was taken off what it asks for, `post_payment_amount`
    is given back: refunded, credited to the customer's balance, or settled elsewhere. Minor units of `currency`."""

    class Status(models.TextChoices):
        ISSUED = "issued"
        VOID = "void"

    class Reason(models.TextChoices):
        DUPLICATE = "duplicate"
        FRAUDULENT = "fraudulent"
        ORDER_CHANGE = "order_change"
        PRODUCT_UNSATISFACTORY = "product_unsatisfactory"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_notes")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    number = models.TextField()
    status = models.CharField(max_length=10, choices=Status.choices)
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    subtotal = models.BigIntegerField()
    total = models.BigIntegerField()
    pre_payment_amount = models.BigIntegerField(default=0)
    post_payment_amount = models.BigIntegerField(default=0)
    out_of_band_amount = models.BigIntegerField(null=True)
    reason = models.TextField(blank=True)
    memo = models.TextField(blank=True)
    pdf = models.TextField(blank=True)
    refund_stripe_ids = ArrayField(models.TextField(), default=list, help_text="The refunds that it was paid out by.")
    voided_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        db_table = "credit_notes"
        constraints = (models.UniqueConstraint(fields=["merchant", "stripe_id"], name="credit_notes_stripe_id"),)
        indexes = (
            models.Index(fields=["merchant", "-id"], name="credit_notes_list"),
            models.Index(fields=["merchant", "invoice"], name="credit_notes_invoice"),
        )
