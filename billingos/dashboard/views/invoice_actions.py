"""What can be done to an invoice by hand: each is asked first, with the money, and then done once."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponseBase

from billingos.common.errors import BillingError, StripeUnavailable
from billingos.common.ids import uuid7
from billingos.common.money import decimals
from billingos.common.tenancy import scope
from billingos.dashboard.forms import PlainForm
from billingos.dashboard.pages import Visit, merchant_page
from billingos.dashboard.views.invoice import Possible, find_invoice, possible_with, refunds_of
from billingos.dashboard.views.subscription import UNREACHABLE
from billingos.merchants.roles import BILLING_WRITE
from billingos.merchants.services import record_audit
from billingos.ui.money import money_text, plain_amount
from subscriptions.models import Invoice, Refund
from subscriptions.payment_selectors import refunds
from subscriptions.services import (
    Crediting,
    create_credit_note,
    create_refund,
    pay_invoice,
    void_invoice,
)

ASKS = ("GET", "HEAD", "POST")
CARD, BALANCE, ELSEWHERE = "refund_amount", "credit_amount", "out_of_band_amount"
Act = Callable[[str, dict[str, Any]], str]  # with a key and the form's answers; returns what to say


class TokenForm(PlainForm):
    """`token` makes sending the same page twice one act."""

    token = forms.UUIDField(widget=forms.HiddenInput)


class PayForm(TokenForm):
    how = forms.ChoiceField(
        label="How",
        choices=[
            ("charge", "Charge the customer’s default payment method now"),
            ("elsewhere", "It was paid elsewhere"),
        ],
        widget=forms.RadioSelect,
        initial="charge",
    )


class AmountForm(TokenForm):
    """An amount of at most `most` minor units, as people write it in `currency`."""

    amount = forms.CharField(max_length=20)

    def __init__(self, *args: Any, currency: str, most: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._currency, self._most = currency, most
        self.fields["amount"].label = f"Amount ({currency.upper()})"
        self.fields["amount"].help_text = f"At most {money_text(most, currency)}."
        self.fields["amount"].widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}
        self.initial.setdefault("amount", plain_amount(most, currency))

    def clean_amount(self) -> int:
        """Minor units."""
        try:
            value = Decimal(self.cleaned_data["amount"].strip().replace(",", "."))
        except InvalidOperation as error:
            raise forms.ValidationError("Write an amount such as 12.50.") from error
        scaled = value.scaleb(decimals(self._currency)) if value.is_finite() and abs(value.adjusted()) < 15 else None
        if scaled is None or scaled != scaled.to_integral_value():
            raise forms.ValidationError("Write an amount such as 12.50.")
        if not 0 < scaled <= self._most:
            raise forms.ValidationError(f"At most {money_text(self._most, self._currency)}, and more than nothing.")
        return int(scaled)


class RefundForm(AmountForm):
    reason = forms.ChoiceField(
        required=False,
        choices=[("", "None given"), *Refund.Reason.choices],
    )


class CreditForm(AmountForm):
    to = forms.ChoiceField(
        label="What was paid goes",
        choices=[
            (CARD, "back to the card"),
            (BALANCE, "to the customer’s credit balance, for invoices to come"),
            (ELSEWHERE, "back by other means, which you see to"),
        ],
        widget=forms.RadioSelect,
        initial=CARD,
    )
    memo = forms.CharField(required=False, max_length=500, help_text="Stands on the credit note.")


@merchant_page("customers", needs=BILLING_WRITE, methods=ASKS)
def pay(visit: Visit, invoice_id: UUID) -> HttpResponseBase:
    row, may = _found(visit, invoice_id)

    def act(key: str, answers: dict[str, Any]) -> str:
        elsewhere = answers["how"] == "elsewhere"
        pay_invoice(merchant=visit.merchant, invoice=row, paid_out_of_band=elsewhere, key=key)
        if row.status != Invoice.Status.PAID:  # else the form came twice
            _record(visit, row, "invoice.noted_paid" if elsewhere else "invoice.paid", amount=row.amount_remaining)
        return f"Invoice {row} is paid."

    return _asked(visit, row, PayForm, act, "pay", possible=may.pay)


@merchant_page("customers", needs=BILLING_WRITE, methods=ASKS)
def void(visit: Visit, invoice_id: UUID) -> HttpResponseBase:
    row, may = _found(visit, invoice_id)

    def act(key: str, answers: dict[str, Any]) -> str:
        void_invoice(merchant=visit.merchant, invoice=row, key=key)
        if row.status != Invoice.Status.VOID:
            _record(visit, row, "invoice.voided", amount=row.amount_remaining)
        return f"Invoice {row} is void."

    return _asked(visit, row, TokenForm, act, "void", possible=may.void)


@merchant_page("customers", needs=BILLING_WRITE, methods=ASKS)
def refund(visit: Visit, invoice_id: UUID) -> HttpResponseBase:
    row, may = _found(visit, invoice_id)
    payment = may.payment

    def act(key: str, answers: dict[str, Any]) -> str:
        if payment is None:
            raise AssertionError("nothing to refund was possible")
        amount, reason = answers["amount"], answers["reason"] or None
        known = _ids(visit, refunds(visit.merchant.id, invoice=row))
        made = create_refund(merchant=visit.merchant, payment=payment, amount=amount, reason=reason, key=key)
        if made.id not in known:
            _record(visit, row, "invoice.refunded", amount=amount)
        return f"{money_text(amount, row.currency)} are on their way back to the customer."

    terms = {"currency": row.currency, "most": may.refundable}
    return _asked(visit, row, RefundForm, act, "refund", possible=payment is not None, **terms)


@merchant_page("customers", needs=BILLING_WRITE, methods=ASKS)
def credit(visit: Visit, invoice_id: UUID) -> HttpResponseBase:
    row, may = _found(visit, invoice_id)

    def act(key: str, answers: dict[str, Any]) -> str:
        amount = answers["amount"]
        # Of what is still owed, the debt is lowered first; the rest was paid, and goes where it was said to go.
        back = max(amount - row.amount_remaining, 0)
        where = {answers["to"]: back} if back else {}
        crediting = Crediting(invoice=row, amount=amount, memo=answers["memo"] or None, **where)
        known = _ids(visit, row.credit_notes.all())
        note = create_credit_note(merchant=visit.merchant, crediting=crediting, key=key)
        if note.id not in known:
            _record(visit, row, "invoice.credited", amount=amount)
        return f"Credit note {note.number} over {money_text(amount, row.currency)} was made."

    terms = {"currency": row.currency, "most": may.creditable}
    return _asked(visit, row, CreditForm, act, "credit", possible=may.creditable > 0, **terms)


def _ids(visit: Visit, rows: QuerySet[Any]) -> set[UUID]:
    """What is there before the act: a form that comes twice makes nothing that is not among them."""
    with scope(visit.merchant.id):
        return set(rows.values_list("id", flat=True))


def _found(visit: Visit, invoice_id: UUID) -> tuple[Invoice, Possible]:
    with scope(visit.merchant.id):
        row = find_invoice(visit, invoice_id)
        return row, possible_with(row, refunds_of(row))


def _asked(
    visit: Visit, row: Invoice, form_class: type[TokenForm], act: Act, name: str, *, possible: bool, **terms: Any
) -> HttpResponseBase:
    """GET asks, POST does; whatever came of it is told on the invoice's page."""
    sent = visit.request.method == "POST"
    if not possible and not sent:
        return visit.render("dashboard/invoices/impossible.html", {"invoice": row, "customer": row.customer})
    form = form_class(visit.request.POST if sent else None, initial={"token": uuid7()}, **terms)
    if not sent:
        return _ask(visit, row, form, name)
    if not form.is_valid():
        return _ask(visit, row, form, name, status=400)
    key = f"page {name} {row.id} {form.cleaned_data['token']}"  # with a blank, which no caller's Idempotency-Key has
    try:
        visit.say(act(key, form.cleaned_data))
    except StripeUnavailable:
        return _ask(visit, row, form, name, error=UNREACHABLE, status=503)
    except BillingError as error:
        under_way = error.code == "idempotency_in_flight"
        messages.error(visit.request, "It is under way already." if under_way else error.message)
    return visit.redirect("invoice", invoice_id=row.id)


def _ask(
    visit: Visit, row: Invoice, form: TokenForm, name: str, *, error: str = "", status: int = 200
) -> HttpResponseBase:
    context = {"invoice": row, "customer": row.customer, "form": form, "error": error, "act": name}
    return visit.render(f"dashboard/invoices/{name}.html", context, status=status)


def _record(visit: Visit, row: Invoice, action: str, *, amount: int) -> None:
    with scope(visit.merchant.id):
        record_audit(
            merchant_id=visit.merchant.id,
            action=action,
            target=f"invoice {row.number or row.id}",
            user=visit.user,
            details={"amount": amount, "currency": row.currency},
        )
