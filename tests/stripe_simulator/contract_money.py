"""Objects of money in many states, for the contract test: where to read them."""

from typing import Any

import requests

from tests.stripe_simulator.conftest import Shop, item_of, moment

EXPANDED = "expand[]=data.discounts&expand[]=data.total_discount_amounts.discount.source.coupon"


def made(shop: Shop) -> tuple[list[str], list[dict[str, Any]]]:
    """Paths to read, and bodies that can't be read again."""
    client = shop.client.v1
    clock = shop.clock(moment(2026, 1, 31))
    customer = shop.customer(clock)
    client.customers.update(customer, {"balance": -150})
    half = client.coupons.create(
        {"percent_off": 12.5, "duration": "repeating", "duration_in_months": 3, "redeem_by": moment(2027, 1, 1)}
    )
    product = client.products.create({"name": "Pro"}).id
    fixed: Any = {"amount_off": 50, "currency": "usd", "duration": "forever", "name": "Fixed", "max_redemptions": 9}
    fixed |= {"applies_to": {"products": [product]}, "currency_options": {"eur": {"amount_off": 40}}}
    limits: Any = {"minimum_amount": 5, "minimum_amount_currency": "usd", "currency_options": {"eur": {}}}
    code: Any = {"promotion": {"type": "coupon", "coupon": client.coupons.create(fixed).id}, "restrictions": limits}
    promotion = client.promotion_codes.create(code)
    rates = [
        client.tax_rates.create({"display_name": "T", "percentage": percentage, "inclusive": inclusive}).id
        for percentage, inclusive in ((19.6, False), (5, True))
    ]
    legacy: Any = {"coupon": half.id}
    client.customers.update(customer, legacy)
    asked: Any = {
        "customer": customer,
        "items": [{"price": shop.price(900, product=product), "tax_rates": rates}],
        "discounts": [{"coupon": half.id}, {"promotion_code": promotion.id}],
        "default_tax_rates": rates[:1],
    }
    subscription = client.subscriptions.create(asked)
    items: Any = [{"id": item_of(subscription).id, "quantity": 3, "discounts": [{"coupon": half.id}]}]
    client.subscriptions.update(subscription.id, {"items": items})
    shop.advance(clock, moment(2026, 3, 2))
    _by_hand(shop, customer, rates)
    preview = {"subscription": subscription.id, "subscription_details[items][0][id]": item_of(subscription).id}
    preview["subscription_details[items][0][quantity]"] = "7"
    answer = requests.post(
        f"{shop.url}/v1/invoices/create_preview", data=preview, auth=("sk_test_simulator", ""), timeout=10
    )
    assert answer.status_code == 200, answer.text
    paths = [
        "coupons?expand[]=data.applies_to&expand[]=data.currency_options",
        "promotion_codes?expand[]=data.promotion.coupon&expand[]=data.customer",
        "tax_rates",
        f"customers/{customer}",
        f"customers/{customer}/balance_transactions?expand[]=data.invoice",
        f"subscriptions/{subscription.id}?expand[]=discounts.source.coupon&expand[]=items.data.discounts.promotion_code",
        f"invoices?customer={customer}&{EXPANDED}",
        f"invoiceitems?customer={customer}&expand[]=data.discounts&expand[]=data.invoice",
        "credit_notes?expand[]=data.invoice&expand[]=data.customer_balance_transaction&expand[]=data.refunds.refund",
    ]
    paths += [f"credit_notes/{note.id}/lines" for note in client.credit_notes.list({"customer": customer})]
    events = requests.get(f"{shop.url}/v1/events?limit=100", auth=("sk_test_simulator", ""), timeout=10)
    return paths, [answer.json(), *events.json()["data"]]


def _by_hand(shop: Shop, customer: str, rates: list[str]) -> None:
    client = shop.client.v1
    for amount in (1_000, 2_000):
        asked: Any = {"customer": customer, "amount": amount, "currency": "usd", "tax_rates": rates}
        client.invoice_items.create(asked)
    asked = {"customer": customer, "pending_invoice_items_behavior": "include", "collection_method": "send_invoice"}
    invoice = client.invoices.finalize_invoice(client.invoices.create(asked).id)
    line = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "amount": 700}
    custom = {"type": "custom_line_item", "description": "More", "quantity": 2, "unit_amount_decimal": "3.5"}
    asked = {"invoice": invoice.id, "lines": [line, custom], "reason": "duplicate"}
    client.credit_notes.void_credit_note(client.credit_notes.create(asked).id)
    client.credit_notes.create(asked)
    client.invoices.pay(invoice.id)
    client.credit_notes.create({"invoice": invoice.id, "amount": 50, "credit_amount": 30, "refund_amount": 20})
    client.invoice_items.create({"customer": customer, "amount": 5, "currency": "usd"})
