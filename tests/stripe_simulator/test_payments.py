"""Payments of one's own: intents, 3-D Secure, refunds and disputes; and what they mean for subscriptions."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, moment

DAY = 86_400
HOUR = 3_600
START = moment(2026, 4, 1)
CARDS = {"payment_method_types": ["card"]}


def intend(shop: Shop, card: str | None = None, **values: Any) -> stripe.PaymentIntent:
    """A payment of 20.00, confirmed at once where a card is named."""
    asked: Any = {"amount": 2_000, "currency": "usd", **CARDS, **values}
    if card is not None:
        asked |= {"payment_method": card, "confirm": True}
    return shop.client.v1.payment_intents.create(asked)


def answer(shop: Shop, intent: str, outcome: str = "succeed") -> Any:
    """What the holder of the card does in a browser."""
    raw = shop.client.raw_request("post", f"/v1/test_helpers/3ds/{intent}", outcome=outcome)
    return shop.client.deserialize(raw, api_mode="V1")


def state(intent: Any) -> tuple[Any, ...]:
    return (intent.status, intent.amount_received, intent.next_action and intent.next_action.type)


def since(shop: Shop, before: int) -> list[str]:
    return shop.types()[before:]


def test_a_payment_is_made_step_by_step(shop: Shop) -> None:
    customer = shop.customer(card=None)
    intent = intend(shop, customer=customer, description="Book", metadata={"order": "7"})
    assert intent.status == "requires_payment_method"
    chosen = shop.client.v1.payment_intents.update(intent.id, {"payment_method": "pm_card_visa", "amount": 2_500})
    assert (chosen.status, chosen.amount) == ("requires_confirmation", 2_500)
    before = len(shop.received)
    paid = shop.client.v1.payment_intents.confirm(intent.id, {"expand": ["latest_charge"]})
    charge: Any = paid.latest_charge
    assert state(paid) == ("succeeded", 2_500, None)
    assert (charge.amount, charge.description, charge.metadata["order"]) == (2_500, "Book", "7")
    assert since(shop, before) == ["charge.succeeded", "payment_intent.succeeded"]
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded") as refused:
        shop.client.v1.payment_intents.confirm(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("card", "code", "decline"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
def test_cards_that_decline(shop: Shop, card: str, code: str, decline: str) -> None:
    with pytest.raises(stripe.CardError) as refused:
        intend(shop, card)
    body: Any = refused.value.json_body
    error = body["error"]
    assert (refused.value.http_status, error["code"], error["decline_code"]) == (402, code, decline)
    kept = shop.client.v1.payment_intents.list().data[0]
    assert kept.id == error["payment_intent"]["id"]
    assert kept.last_payment_error is not None
    assert (kept.status, kept.last_payment_error.decline_code) == ("requires_payment_method", decline)
    charge = shop.client.v1.charges.list({"payment_intent": kept.id}).data[0]
    assert (charge.status, charge.paid, charge.failure_code) == ("failed", False, code)
    paid = shop.client.v1.payment_intents.confirm(kept.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


def test_money_can_be_held_and_taken_in_part(shop: Shop) -> None:
    before = len(shop.received)
    held = intend(shop, "pm_card_visa", capture_method="manual")
    assert (held.status, held.amount_capturable, held.amount_received) == ("requires_capture", 2_000, 0)
    with pytest.raises(stripe.InvalidRequestError, match="greater"):
        shop.client.v1.payment_intents.capture(held.id, {"amount_to_capture": 2_001})
    taken = shop.client.v1.payment_intents.capture(held.id, {"amount_to_capture": 1_500})
    assert (taken.status, taken.amount_capturable, taken.amount_received) == ("succeeded", 0, 1_500)
    assert since(shop, before) == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]
    again = intend(shop, "pm_card_visa", capture_method="manual")
    gone = shop.client.v1.payment_intents.cancel(again.id, {"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason, gone.amount_capturable) == ("canceled", "abandoned", 0)
    assert shop.types()[-2:] == ["charge.refunded", "payment_intent.canceled"]


def test_3d_secure_is_completed_or_failed(shop: Shop) -> None:
    waiting = intend(shop, "pm_card_authenticationRequired", return_url="https://shop.test/back")
    assert waiting.next_action is not None
    assert waiting.next_action.redirect_to_url is not None
    assert str(waiting.next_action.redirect_to_url.url).endswith(f"/{waiting.id}")
    assert state(waiting) == ("requires_action", 0, "redirect_to_url")
    assert waiting.latest_charge is None
    assert state(answer(shop, waiting.id)) == ("succeeded", 2_000, None)
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        answer(shop, waiting.id)

    other = intend(shop, "pm_card_authenticationRequired")
    assert state(other) == ("requires_action", 0, "use_stripe_sdk")
    failed = answer(shop, other.id, "fail")
    assert (failed.status, failed.payment_method) == ("requires_payment_method", None)
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert shop.types()[-2:] == ["payment_intent.requires_action", "payment_intent.payment_failed"]

    poor = intend(shop, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    assert answer(shop, poor.id).last_payment_error.decline_code == "insufficient_funds"


def test_a_card_set_up_once_pays_off_session(shop: Shop) -> None:
    customer = shop.customer(card=None)
    card = shop.client.v1.payment_methods.attach("pm_card_authenticationRequiredOnSetup", {"customer": customer})
    with pytest.raises(stripe.CardError) as refused:
        intend(shop, card.id, customer=customer, off_session=True)
    assert refused.value.code == "authentication_required"
    setup = shop.client.v1.setup_intents.create({"customer": customer, "payment_method": card.id, "confirm": True})
    assert (setup.status, setup.usage) == ("requires_action", "off_session")
    assert answer(shop, setup.id).status == "succeeded"
    assert intend(shop, card.id, customer=customer, off_session=True).status == "succeeded"


def test_setup_intents_save_cards(shop: Shop) -> None:
    customer = shop.customer(card=None)
    setups = shop.client.v1.setup_intents
    setup = setups.create({"customer": customer})
    assert setup.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        setups.confirm(setup.id)
    with pytest.raises(stripe.CardError):
        setups.confirm(setup.id, {"payment_method": "pm_card_chargeDeclined"})
    failed = setups.retrieve(setup.id)
    assert failed.last_setup_error is not None
    assert failed.last_setup_error.decline_code == "generic_decline"
    done = setups.confirm(setup.id, {"payment_method": "pm_card_visa"})
    saved = shop.client.v1.customers.payment_methods.list(customer).data
    assert (done.status, [one.id for one in saved]) == ("succeeded", [done.payment_method])
    other = setups.create({"customer": customer})
    assert setups.cancel(other.id, {"cancellation_reason": "duplicate"}).status == "canceled"
    assert [one.id for one in setups.list({"customer": customer})] == [other.id, setup.id]
    assert [one.id for one in setups.list({"payment_method": str(done.payment_method)})] == [setup.id]
    wanted = ("setup_intent.created", "setup_intent.setup_failed", "setup_intent.succeeded", "setup_intent.canceled")
    assert set(wanted) <= set(shop.types())


def test_a_payment_can_save_its_card(shop: Shop) -> None:
    customer = shop.customer(card=None)
    paid = intend(shop, "pm_card_visa", customer=customer, setup_future_usage="off_session")
    saved = shop.client.v1.customers.payment_methods.list(customer).data
    assert [one.id for one in saved] == [paid.payment_method]


def test_what_is_not_simulated_is_said(shop: Shop) -> None:
    for values in ({"transfer_data": {"destination": "acct_1"}}, {"payment_method_types": ["sepa_debit"]}):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            intend(shop, **values)
        assert refused.value.code == "simulator_not_implemented"
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        shop.client.v1.payment_intents.create(
            {"amount": 5, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
        )


def test_a_first_payment_with_3d_secure_starts_the_subscription(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock, "pm_card_authenticationRequiredOnSetup")
    subscription = shop.subscribe(customer, shop.price(2_000), expand=["latest_invoice.payments"])
    invoice: Any = subscription.latest_invoice
    assert (subscription.status, invoice.status) == ("incomplete", "open")
    assert {"payment_intent.requires_action", "invoice.payment_action_required", "invoice.payment_failed"} <= set(
        shop.types()
    )
    intent = invoice.payments.data[0].payment.payment_intent
    with pytest.raises(stripe.CardError) as refused:
        shop.client.v1.invoices.pay(invoice.id)
    assert refused.value.code == "invoice_payment_intent_requires_action"
    before = len(shop.received)
    answer(shop, intent)
    assert shop.subscription(subscription.id).status == "active"
    assert since(shop, before) == [
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.updated",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
    ]
    shop.advance(clock, moment(2026, 5, 1) + 2 * HOUR)  # set up by its first payment
    assert shop.invoices(subscription.id)[-1].status == "paid"


def test_a_renewal_with_3d_secure_is_past_due_until_its_holder_answers(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(2_000))
    card = shop.client.v1.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": card.id}})
    shop.advance(clock, moment(2026, 5, 1) + 2 * HOUR)
    assert shop.subscription(subscription.id).status == "past_due"
    assert shop.types().count("invoice.payment_action_required") == 1
    intent = shop.client.v1.payment_intents.list({"customer": customer}).data[0]
    assert intent.status == "requires_action"
    answer(shop, intent.id, "fail")
    assert shop.subscription(subscription.id).status == "past_due"
    again = shop.client.v1.payment_intents.confirm(intent.id, {"payment_method": card.id})
    assert again.status == "requires_action"
    answer(shop, intent.id)
    assert shop.subscription(subscription.id).status == "active"
    assert shop.invoices(subscription.id)[-1].amount_paid == 2_000


def test_error_if_incomplete_with_3d_secure_leaves_nothing_behind(shop: Shop) -> None:
    customer = shop.customer(card="pm_card_authenticationRequired")
    with pytest.raises(stripe.CardError) as refused:
        shop.subscribe(customer, shop.price(2_000), payment_behavior="error_if_incomplete")
    assert refused.value.code == "subscription_payment_intent_requires_action"
    assert shop.client.v1.subscriptions.list({"status": "all"}).data == []


def test_the_confirmation_secret_of_an_incomplete_subscription_is_confirmed(shop: Shop) -> None:
    customer = shop.customer(card=None)
    subscription = shop.subscribe(
        customer,
        shop.price(2_000),
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
        expand=["latest_invoice.confirmation_secret"],
    )
    invoice: Any = subscription.latest_invoice
    intent = invoice.confirmation_secret.client_secret.split("_secret_")[0]
    with pytest.raises(stripe.CardError):
        shop.client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_chargeDeclined"})
    assert shop.subscription(subscription.id).status == "incomplete"
    paid = shop.client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    after = shop.subscription(subscription.id)
    assert (after.status, after.default_payment_method) == ("active", paid.payment_method)
    assert shop.invoices(subscription.id)[0].status == "paid"
    with pytest.raises(stripe.InvalidRequestError):
        shop.client.v1.payment_intents.cancel(intent)


def test_refunds_in_part_then_whole(shop: Shop) -> None:
    paid = intend(shop, "pm_card_visa")
    refunds = shop.client.v1.refunds
    before = len(shop.received)
    first = refunds.create({"payment_intent": paid.id, "amount": 500, "reason": "requested_by_customer"})
    assert (first.amount, first.status, first.reason) == (500, "succeeded", "requested_by_customer")
    assert since(shop, before) == ["charge.refunded", "refund.created"]
    charge = shop.client.v1.charges.retrieve(str(paid.latest_charge))
    assert (charge.amount_refunded, charge.refunded) == (500, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount on charge .1500."):
        refunds.create({"charge": charge.id, "amount": 1_501})
    rest = refunds.create({"charge": charge.id, "metadata": {"why": "x"}})
    whole = shop.client.v1.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (rest.amount, whole.amount_refunded, whole.refunded) == (1_500, 2_000, True)
    assert whole.refunds is not None
    assert [one.id for one in whole.refunds.data] == [rest.id, first.id]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        refunds.create({"charge": charge.id})
    assert refused.value.code == "charge_already_refunded"
    assert [one.id for one in refunds.list({"charge": charge.id})] == [rest.id, first.id]
    refunds.update(rest.id, {"metadata": {"why": "y"}})
    assert shop.types()[-2:] == ["refund.updated", "charge.refund.updated"]
    with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
        refunds.cancel(rest.id)


def test_refunds_that_wait_or_fail(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    paid = [intend(shop, card, customer=customer) for card in ("pm_card_pendingRefund", "pm_card_refundFail")]
    made = [shop.client.v1.refunds.create({"payment_intent": one.id}) for one in paid]
    assert [one.status for one in made] == ["pending", "succeeded"]
    shop.advance(clock, START + 120)
    assert [shop.client.v1.refunds.retrieve(one.id).status for one in made] == ["succeeded", "failed"]
    charges = [shop.client.v1.charges.retrieve(str(one.latest_charge)) for one in paid]
    assert [(one.amount_refunded, one.refunded) for one in charges] == [(2_000, True), (0, False)]
    assert shop.types().count("refund.failed") == 1


def disputed(shop: Shop, card: str = "pm_card_createDispute") -> tuple[str, stripe.Dispute]:
    clock = shop.clock(START)
    paid = intend(shop, card, customer=shop.customer(clock))
    assert shop.client.v1.disputes.list({"payment_intent": paid.id}).data == []
    shop.advance(clock, START + 60)
    return clock, shop.client.v1.disputes.list({"payment_intent": paid.id}).data[0]


@pytest.mark.parametrize(("words", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_evidence_decides_a_dispute(shop: Shop, words: str, status: str) -> None:
    clock, dispute = disputed(shop)
    assert (dispute.status, dispute.amount, dispute.reason) == ("needs_response", 2_000, "fraudulent")
    assert shop.client.v1.charges.retrieve(str(dispute.charge)).disputed
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.client.v1.refunds.create({"charge": str(dispute.charge)})
    assert refused.value.code == "charge_disputed"
    evidence: Any = {"uncategorized_text": words}
    staged = shop.client.v1.disputes.update(dispute.id, {"evidence": evidence, "submit": False})
    assert (staged.status, staged.evidence_details.has_evidence) == ("needs_response", True)
    sent = shop.client.v1.disputes.update(dispute.id, {"submit": True})
    assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
    shop.advance(clock, START + 120)
    assert shop.client.v1.disputes.retrieve(dispute.id).status == status
    told = [one for one in shop.types() if one.startswith("charge.dispute.")]
    assert told[:2] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert told[-1] == "charge.dispute.closed"
    assert ("charge.dispute.funds_reinstated" in told) == (status == "won")
    with pytest.raises(stripe.InvalidRequestError, match="no more evidence"):
        shop.client.v1.disputes.update(dispute.id, {"evidence": evidence})


def test_a_dispute_is_accepted_or_missed(shop: Shop) -> None:
    _, dispute = disputed(shop)
    assert shop.client.v1.disputes.close(dispute.id).status == "lost"
    clock, other = disputed(shop, "pm_card_createDisputeProductNotReceived")
    assert other.reason == "product_not_received"
    shop.advance(clock, START + 10 * DAY)
    missed = shop.client.v1.disputes.retrieve(other.id)
    assert (missed.status, missed.evidence_details.past_due) == ("lost", True)


def test_an_inquiry_takes_no_money(shop: Shop) -> None:
    clock, inquiry = disputed(shop, "pm_card_createDisputeInquiry")
    assert (inquiry.status, inquiry.is_charge_refundable) == ("warning_needs_response", True)
    assert shop.client.v1.refunds.create({"charge": str(inquiry.charge)}).status == "succeeded"
    shop.advance(clock, START + 10 * DAY)
    assert shop.client.v1.disputes.retrieve(inquiry.id).status == "warning_closed"
    assert "charge.dispute.funds_withdrawn" not in shop.types()


def test_charges_and_invoice_payments_are_found(shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer, shop.price(700))
    invoice = shop.invoices(subscription.id)[0]
    payment = shop.client.v1.invoice_payments.list({"invoice": invoice.id}).data[0]
    assert (payment.status, payment.amount_paid) == ("paid", 700)
    intent = str(payment.payment.payment_intent)
    again = shop.client.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}})
    assert [one.id for one in again] == [payment.id]
    charge = shop.client.v1.charges.list({"payment_intent": intent}).data[0]
    changed = shop.client.v1.charges.update(charge.id, {"description": "First month", "metadata": {"a": "b"}})
    assert (changed.description, changed.to_dict()["metadata"]) == ("First month", {"a": "b"})
    assert shop.types()[-1] == "charge.updated"


def test_charges_can_be_made_directly(shop: Shop) -> None:
    charges = shop.client.v1.charges
    customer = shop.client.v1.customers.create({"source": "tok_visa"}).id
    paid = charges.create({"amount": 700, "currency": "usd", "customer": customer, "description": "Old"})
    assert (paid.paid, paid.payment_intent, paid.customer, paid.description) == (True, None, customer, "Old")
    assert shop.client.v1.refunds.create({"charge": paid.id, "amount": 200}).payment_intent is None
    with pytest.raises(stripe.CardError) as refused:
        charges.create({"amount": 700, "currency": "usd", "source": "tok_chargeDeclined"})
    assert refused.value.code == "card_declined"
    held = charges.create({"amount": 700, "currency": "usd", "source": "tok_visa", "capture": False})
    assert (held.captured, held.amount_captured) == (False, 0)
    taken = charges.capture(held.id, {"amount": 600})
    assert (taken.captured, taken.amount_captured) == (True, 600)
    with pytest.raises(stripe.InvalidRequestError) as again:
        charges.capture(held.id)
    assert again.value.code == "charge_already_captured"
    with pytest.raises(stripe.InvalidRequestError, match="source"):
        charges.create({"amount": 700, "currency": "usd"})
