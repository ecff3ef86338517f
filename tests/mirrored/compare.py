"""Rows against Stripe: everything that a customer has there is here, with the same values, and nothing else is."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import stripe

from billingos.common.periods import from_stripe
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from customers.models import Customer, PaymentMethod
from subscriptions.models import (
    CreditNote,
    Dispute,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    Payment,
    Refund,
    Subscription,
    SubscriptionItem,
    SubscriptionSchedule,
)
from subscriptions.mrr import Discounts, DiscountTerms, item_mrrs
from tests.mirrored.fields import TABLE
from tests.mirrored.reading import id_of

TIERS: dict[str, Any] = {}  # they never change
Objects = dict[str, dict[str, Any]]
Params = dict[str, Any]


class Truth:
    """What Stripe has of one customer, by kind and id, asked for now."""

    def __init__(self, client: stripe.StripeClient, merchant: Merchant, customer: str) -> None:
        self._client, self._account = client, merchant.stripe_account_id
        every: Params = {"customer": customer}
        expand = ["data.discounts.source.coupon", "data.items.data.discounts.source.coupon"]
        self.customer = self._one(f"customers/{customer}")
        self.subscriptions = self._all("subscriptions", {**every, "status": "all", "expand": expand})
        self.invoices = self._all("invoices", {**every, "expand": ["data.payments"]})
        self.payments = self._all("payment_intents", every)
        self.payment_methods = self._all("payment_methods", every)
        for subscription in self.subscriptions.values():
            self._give_tiers(subscription)
        self.schedules = self._all("subscription_schedules", every)
        self.credit_notes = self._all("credit_notes", every)
        refunds = (self._all("refunds", {"payment_intent": key}) for key in self._paid())
        self.refunds = {key: refund for found in refunds for key, refund in found.items()}
        disputes = self._all("disputes", {})
        self.disputes = {key: one for key, one in disputes.items() if one["payment_intent"] in self.payments}

    def _give_tiers(self, subscription: dict[str, Any]) -> None:
        """Stripe leaves them out of prices inside of other objects."""
        for item in subscription["items"]["data"]:
            price = item["price"]
            if price["billing_scheme"] == "tiered":
                if price["id"] not in TIERS:
                    TIERS[price["id"]] = self._one(f"prices/{price['id']}", {"expand": ["tiers"]})["tiers"]
                price["tiers"] = TIERS[price["id"]]

    def _paid(self) -> Iterable[str]:
        return (key for key, payment in self.payments.items() if payment["status"] == "succeeded")

    def _one(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """As JSON: the library's objects would take as long to make as all the rest."""
        answer = self._client.raw_request("get", f"/v1/{path}", stripe_account=self._account, **(params or {}))
        found: dict[str, Any] = answer.data
        return found

    def _all(self, path: str, params: Params) -> Objects:
        found: Objects = {}
        more, after = True, Params()
        while more:
            page = self._one(path, {**params, "limit": 100, **after})
            found |= {row["id"]: row for row in page["data"]}
            more, after = page["has_more"], {"starting_after": next(reversed(found), "")}
        return found


def assert_rows_are(truth: Truth, merchant: Merchant) -> None:
    """Every column of the table, for everything of the customer."""
    with scope(merchant.id):
        customer = Customer.objects.for_merchant(merchant.id).get(stripe_id=truth.customer["id"])
        _assert_same(Customer, [customer], {customer.stripe_id: truth.customer})
        _compare_subscriptions(truth, customer)
        _compare_invoices(truth, customer)
        _compare(PaymentMethod, truth.payment_methods, customer=customer, deleted_at=None)
        _compare(SubscriptionSchedule, truth.schedules, customer=customer)
        _compare(CreditNote, truth.credit_notes, customer=customer)
        _compare(Refund, truth.refunds, payment__customer=customer)
        _compare(Dispute, truth.disputes, payment__customer=customer)
        payments = Payment.objects.for_merchant(merchant.id).filter(customer=customer)
        known = set(payments.values_list("stripe_id", flat=True))
        untried = {key for key, payment in truth.payments.items() if not _was_tried(payment)}
        _assert_same(Payment, payments, {k: v for k, v in truth.payments.items() if k in known or k not in untried})


def _was_tried(payment: dict[str, Any]) -> bool:
    """A payment that nobody has tried yet is no news: Stripe makes one for each invoice."""
    return payment["status"] not in {"requires_payment_method", "requires_confirmation"} or bool(
        payment["latest_charge"] or payment["last_payment_error"]
    )


def _compare(model: Any, expected: Objects, **which: Any) -> None:
    _assert_same(model, model.objects.filter(**which), expected)


def _assert_same(model: Any, rows: Iterable[Any], expected: Objects) -> None:
    found = {row.stripe_id: row for row in rows}
    name = model._meta.db_table
    assert found.keys() == expected.keys(), f"{name}: here {sorted(found)}, in Stripe {sorted(expected)}"
    for stripe_id, row in found.items():
        wrong = dict(_differences(model, row, expected[stripe_id]))
        assert wrong == {}, f"{name} {stripe_id} (column: here, in Stripe): {wrong}"


def _differences(model: Any, row: Any, stripe_object: dict[str, Any]) -> Iterable[tuple[str, tuple[Any, Any]]]:
    for field in TABLE[model].fields:
        here, there = getattr(row, field.column), field.expected(stripe_object)
        if here != there:
            yield field.column, (here, there)
    for column, path in TABLE[model].pointers.items():
        pointed = getattr(row, column)
        there = stripe_object
        for step in path.split("."):
            there = (there or {}).get(step)
        here = pointed.stripe_id if pointed else ""
        if here != id_of(there):
            yield column, (here, id_of(there))


def _compare_subscriptions(truth: Truth, customer: Customer) -> None:
    rows = Subscription.objects.filter(customer=customer).select_related("customer")
    _assert_same(Subscription, rows, truth.subscriptions)
    for row in rows:
        there = truth.subscriptions[row.stripe_id]
        items = {item["id"]: item for item in there["items"]["data"]}
        found = list(row.items.select_related("price", "version"))
        _assert_same(SubscriptionItem, found, items)
        mrrs = dict(zip(items, item_mrrs(there, discounts=_discounts(there), at=customer.now()), strict=True))
        assert {item.stripe_id: item.mrr for item in found} == mrrs, (row.stripe_id, row.status)
        assert row.mrr == sum(mrrs.values())
        assert all(item.version_id == item.price.version_id for item in found)
        assert row.current_period_end == from_stripe(min(item["current_period_end"] for item in items.values()))
        assert row.current_period_start == from_stripe(min(item["current_period_start"] for item in items.values()))
        assert row.billing_anchor_day == row.billing_cycle_anchor.day
        assert row.source == "stripe"
        if row.has_ended:
            assert row.next_billing_at is None


def _discounts(subscription: dict[str, Any]) -> Discounts:
    whole = [*subscription["discounts"], *(d for item in subscription["items"]["data"] for d in item["discounts"])]
    return Discounts({discount["id"]: _terms(discount) for discount in whole})


def _terms(discount: dict[str, Any]) -> DiscountTerms:
    coupon = discount["source"]["coupon"]
    return DiscountTerms(
        percent_off=None if coupon["percent_off"] is None else Fraction(str(coupon["percent_off"])),
        amount_off=coupon["amount_off"],
        recurs=coupon["duration"] != "once",
        ends_at=None if discount["end"] is None else from_stripe(discount["end"]),
    )


def _compare_invoices(truth: Truth, customer: Customer) -> None:
    rows = Invoice.objects.filter(customer=customer, deleted_at=None).select_related("subscription", "customer")
    _assert_same(Invoice, rows, truth.invoices)
    for row in rows:
        there = truth.invoices[row.stripe_id]
        lines = list(row.lines.select_related("price").order_by("position"))
        assert [line.stripe_id for line in lines] == [line["id"] for line in there["lines"]["data"]]
        for line, expected in zip(lines, there["lines"]["data"], strict=True):
            _assert_line(line, expected)
        links = {link["id"]: link for link in there["payments"]["data"]}
        known = InvoicePayment.objects.filter(invoice=row)
        if row.status == Invoice.Status.PAID or row.attempt_count:
            _assert_same(InvoicePayment, known.select_related("invoice"), links)


def _assert_line(line: InvoiceLine, expected: dict[str, Any]) -> None:
    wrong = dict(_differences(InvoiceLine, line, expected))
    assert wrong == {}, f"line {line.stripe_id}: {wrong}"
    parent = expected["parent"]
    details = parent["subscription_item_details"] or parent["invoice_item_details"]
    assert line.proration == details["proration"]
    assert line.subscription_stripe_id == (details["subscription"] or "")
    assert line.item_stripe_id == (details.get("subscription_item") or "")
