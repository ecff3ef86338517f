"""What a failed and then recovered payment, and one that never recovers, cost: by hand.

4,900 a month from 1 January 2026, 12:00. The card begins to fail in January.

    1 January    first invoice                       4,900 paid
    1 February   renewal is drafted, at 13:00 tried  4,900 due, declined (1st try), past_due
    4 February   2nd try, 3 days after the first     4,900 due, declined
    5 February   a new card
    6 February   3rd try, 5 days after the first     4,900 paid, active
    1 March      renewal                             4,900 paid       in all 3 × 4,900 = 14,700

    never recovered: tries on 1, 4, 6 and 8 February, then canceled; the invoice stays open over 4,900, and in all
    1 × 4,900 has been paid
"""

from tests.stripe_simulator.conftest import Shop, moment

START = moment(2026, 1, 1)


def failing(shop: Shop) -> tuple[str, str, str]:
    """Clock, customer and subscription of someone whose card works once and fails from then on."""
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(4900)).id
    give_card(shop, customer, "pm_card_chargeCustomerFail")
    shop.advance(clock, moment(2026, 2, 5))
    return clock, customer, subscription


def give_card(shop: Shop, customer: str, card: str) -> None:
    method = shop.client.v1.payment_methods.attach(card, {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})


def paid(shop: Shop, subscription: str) -> list[int]:
    return [invoice.amount_paid for invoice in shop.invoices(subscription)]


def test_failed_then_recovered(shop: Shop) -> None:
    clock, customer, subscription = failing(shop)
    renewal = shop.invoices(subscription)[-1]
    assert shop.subscription(subscription).status == "past_due"
    assert (renewal.status, renewal.amount_due, renewal.amount_remaining, renewal.attempt_count) == (
        "open",
        4900,
        4900,
        2,
    )
    give_card(shop, customer, "pm_card_visa")
    shop.advance(clock, moment(2026, 2, 6, 14))
    renewal = shop.client.v1.invoices.retrieve(renewal.id)
    assert (renewal.status, renewal.amount_paid, renewal.amount_remaining, renewal.attempt_count) == (
        "paid",
        4900,
        0,
        3,
    )
    assert shop.subscription(subscription).status == "active"
    shop.advance(clock, moment(2026, 3, 1, 14))
    assert paid(shop, subscription) == [4900, 4900, 4900]
    charges = shop.client.v1.charges.list({"customer": customer}).data
    assert sum(charge.amount_captured for charge in charges if charge.paid) == 14_700
    assert [charge.status for charge in reversed(charges)] == [
        "succeeded",
        "failed",
        "failed",
        "succeeded",
        "succeeded",
    ]
    assert shop.client.v1.customers.retrieve(customer).balance == 0


def test_never_recovered(shop: Shop) -> None:
    clock, customer, subscription = failing(shop)
    shop.advance(clock, moment(2026, 2, 8, 14))
    assert shop.subscription(subscription).status == "canceled"
    renewal = shop.invoices(subscription)[-1]
    assert (renewal.status, renewal.amount_remaining, renewal.attempt_count) == ("open", 4900, 4)
    shop.advance(clock, moment(2026, 3, 1, 14))
    assert paid(shop, subscription) == [4900, 0]
    assert shop.client.v1.customers.retrieve(customer).balance == 0
