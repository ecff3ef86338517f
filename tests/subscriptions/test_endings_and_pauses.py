"""Canceled, kept, reactivated, paused, resumed, tried for longer; and the terms of one that runs."""

from typing import Any

import pytest

from tests.subscriptions.shop import Shop
from tests.test_hostile_input import refused


def scheduled(shop: Shop) -> None:
    changed = shop.api.made(shop.path("change"), {"items": shop.items({"free": 1}), "when": "renewal"})
    assert changed["scheduled_change"]


def post(shop: Shop, verb: str, body: Any = None) -> Any:
    return shop.api.post(shop.path(verb), body or {})


# --- Canceled and kept -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [False, True])
def test_canceled_at_the_end_of_the_period_and_kept(basic: Shop, waits: bool) -> None:
    if waits:
        scheduled(basic)
    canceled = basic.api.made(basic.path("cancel"), {"feedback": "unused", "comment": "Too quiet."})
    assert (canceled["cancel_at_period_end"], canceled["scheduled_change"]) == (True, None)
    assert (canceled["cancellation_feedback"], canceled["cancellation_comment"]) == ("unused", "Too quiet.")
    kept = basic.api.made(basic.path("keep"))
    assert (kept["cancel_at_period_end"], kept["cancel_at"], kept["cancellation_feedback"]) == (False, None, "")
    refused(post(basic, "keep"), 409, "not_canceling")
    basic.advance(32)
    assert basic.now()["status"] == "active"


@pytest.mark.parametrize("waits", [False, True])
def test_canceled_at_an_instant_and_kept(basic: Shop, waits: bool) -> None:
    if waits:
        scheduled(basic)
    at = "2026-01-20T00:00:00Z"
    assert basic.api.made(basic.path("cancel"), {"at": at})["cancel_at"] == at
    assert basic.api.made(basic.path("keep"))["cancel_at"] is None
    basic.api.made(basic.path("cancel"), {"at": at})
    basic.advance(20)
    assert (basic.now()["status"], basic.now()["ended_at"]) == ("canceled", at)


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize(
    ("body", "credit"), [({}, 0), ({"prorate": True, "invoice_now": True}, -1354), ({"invoice_now": True}, 0)]
)
def test_canceled_now(basic: Shop, body: dict[str, Any], credit: int, waits: bool) -> None:
    """21 of 31 days of 19.99 are left."""
    if waits:
        scheduled(basic)
    canceled = basic.api.made(basic.path("cancel"), {"at_period_end": False, **body})
    basic.deliveries.flush()
    assert (canceled["status"], canceled["mrr"], canceled["scheduled_change"]) == ("canceled", 0, None)
    assert basic.v1.customers.retrieve(basic.stripe_customer, None, basic.account).balance == credit
    refused(post(basic, "cancel", {"at_period_end": False}), 409, "subscription_ended")
    refused(post(basic, "keep"), 409, "subscription_ended")


WRONG_CANCELLATIONS: list[tuple[dict[str, Any], str]] = [
    ({"at": "2026-01-01T00:00:00Z"}, "at"),
    ({"at": "2026-02-01"}, "at"),
    ({"invoice_now": True}, "invoice_now"),
    ({"at_period_end": False, "at": "2026-01-20T00:00:00Z", "prorate": True}, "prorate"),
]


def test_cancellations_that_can_not_be(basic: Shop, subtests: pytest.Subtests) -> None:
    for body, param in WRONG_CANCELLATIONS:
        with subtests.test(body=body):
            assert refused(post(basic, "cancel", body), 400, None, param)["code"] in {
                "parameter_invalid",
                "invalid_request",
            }
            assert basic.now()["cancel_at"] is None


# --- Reactivated -----------------------------------------------------------------------------------------------------


def test_reactivated_before_the_end(basic: Shop) -> None:
    refused(post(basic, "reactivate"), 409, "not_canceling")
    basic.api.made(basic.path("cancel"), {})
    active = basic.api.made(basic.path("reactivate"))
    assert (active["id"], active["cancel_at_period_end"]) == (basic.subscription["id"], False)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"metadata": {"team": "red"}}, "metadata"),
        ({"coupon": "HALF"}, "coupon"),
        ({"collection_method": "send_invoice", "days_until_due": 0}, "collection_method"),
    ],
)
def test_what_is_for_a_new_one_is_refused_before_the_end(basic: Shop, body: dict[str, Any], param: str) -> None:
    basic.api.made(basic.path("cancel"), {})
    refused(post(basic, "reactivate", body), 400, "invalid_request", param)
    refused(post(basic, "reactivate", {"items": basic.items({"pro": 1})}), 400, "invalid_request", "items")
    assert basic.now()["cancel_at_period_end"]


def test_reactivated_after_the_end(basic: Shop) -> None:
    basic.api.made(basic.path("change"), {"quantity": 3})
    basic.api.made(basic.path("cancel"), {"at_period_end": False})
    active = basic.api.made(basic.path("reactivate"), {"metadata": {"team": "red"}}, key="back-1")
    assert active["id"] != basic.subscription["id"]
    assert active["metadata"] == {"team": "red", "reactivates": basic.id}
    assert [(item["quantity"], active["status"]) for item in active["items"]] == [(3, "active")]
    assert basic.api.made(basic.path("reactivate"), {"metadata": {"team": "red"}}, key="back-1")["id"] == active["id"]
    refused(post(basic, "reactivate"), 409, "already_subscribed", "items[0][price]")


def test_reactivated_when_its_price_is_sold_no_more(basic: Shop) -> None:
    basic.api.made(basic.path("cancel"), {"at_period_end": False})
    basic.v1.prices.update(basic.price("basic"), {"active": False}, basic.account)
    basic.deliveries.flush()
    error = refused(post(basic, "reactivate"), 409, "price_archived", "items[0][price]")
    assert "Basic" in error["message"]
    active = basic.api.made(basic.path("reactivate"), {"items": basic.items({"pro": 1})})
    assert (active["mrr"], active["metadata"]) == (4999, {"reactivates": basic.id})


# --- Paused and resumed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behavior", "status"), [("void", "void"), ("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible")]
)
def test_collection_paused_and_resumed(basic: Shop, behavior: str, status: str) -> None:
    paused = basic.api.made(basic.path("pause"), {"behavior": behavior})
    assert (paused["status"], paused["pause"]) == ("active", {"behavior": behavior, "resumes_at": None})
    assert paused["mrr"] == 0
    basic.advance(32)
    assert basic.invoices()[-1].status == status
    resumed = basic.api.made(basic.path("resume"))
    assert (resumed["pause"], resumed["collection_paused"], resumed["mrr"]) == (None, False, 1999)
    refused(post(basic, "resume"), 409, "not_paused")


def test_a_pause_with_an_end(basic: Shop) -> None:
    at = "2026-01-25T00:00:00Z"
    scheduled(basic)  # a pause leaves it as it is
    paused = basic.api.made(basic.path("pause"), {"resumes_at": at})
    assert paused["pause"] == {"behavior": "void", "resumes_at": at}
    assert paused["scheduled_change"]
    basic.advance(25)
    assert basic.now()["pause"] is None


WRONG_PAUSES: list[tuple[dict[str, Any], str]] = [
    ({"behavior": "sleep"}, "behavior"),
    ({"resumes_at": "2026-01-05T00:00:00Z"}, "resumes_at"),
    ({"resumes_at": "tomorrow"}, "resumes_at"),
    ({"until": "x"}, "until"),
]


def test_pauses_that_can_not_be(basic: Shop, subtests: pytest.Subtests) -> None:
    for body, param in WRONG_PAUSES:
        with subtests.test(body=body):
            refused(post(basic, "pause", body), 400, None, param)


def test_what_has_ended_is_neither_paused_nor_resumed(basic: Shop) -> None:
    basic.api.made(basic.path("cancel"), {"at_period_end": False})
    for verb in ("pause", "resume"):
        refused(post(basic, verb), 409, "subscription_ended")


@pytest.mark.parametrize(("card", "status"), [("pm_card_visa", "active"), ("pm_card_chargeCustomerFail", "past_due")])
def test_resumed_after_a_trial_without_a_card(shop: Shop, card: str, status: str) -> None:
    shop.open(card=None)
    body = {"customer": shop.stripe_customer, "items": shop.items({"basic": 1}), "trial_period_days": 7}
    body |= {"trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}
    made = shop.v1.subscriptions.create(body, shop.account)
    shop.deliveries.flush()
    shop.subscription = shop.api.found(f"/subscriptions/{made.id}")
    shop.advance(8)
    assert shop.now()["status"] == "paused"
    method = shop.v1.payment_methods.attach(card, {"customer": shop.stripe_customer}, shop.account)
    settings = {"invoice_settings": {"default_payment_method": method.id}}
    shop.v1.customers.update(shop.stripe_customer, settings, shop.account)
    resumed = shop.api.made(shop.path("resume"), {}, key="again")
    assert resumed["status"] == status
    assert (resumed["payment"] is None) == (status == "active")


# --- Trials ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [False, True])
def test_a_trial_that_lasts_longer(trial: Shop, waits: bool) -> None:
    if waits:
        scheduled(trial)
    at = "2026-01-25T00:00:00Z"
    extended = trial.api.made(trial.path("extend-trial"), {"trial_end": at})
    assert (extended["trial_end"], extended["next_billing_at"], extended["status"]) == (at, at, "trialing")
    trial.advance(20)
    assert (trial.now()["status"], len(trial.invoices())) == ("trialing", 1)
    trial.advance(24.5)
    assert (trial.now()["status"], trial.invoices()[-1].amount_due) == ("active", 1999)


def test_a_trial_that_ends_now(trial: Shop) -> None:
    ended = trial.api.made(trial.path("extend-trial"), {"trial_end": "now"})
    trial.deliveries.flush()
    assert (ended["status"], ended["mrr"], trial.invoices()[-1].status) == ("active", 1999, "paid")
    refused(post(trial, "extend-trial", {"trial_end": "now"}), 409, "not_trialing")


@pytest.mark.parametrize("waits", [False, True])
def test_a_trial_that_ends_now_unpaid_goes_on(trial: Shop, waits: bool) -> None:
    if waits:
        scheduled(trial)
    before = trial.now()["scheduled_change"]
    card = trial.v1.payment_methods.attach(
        "pm_card_chargeCustomerFail", {"customer": trial.stripe_customer}, trial.account
    )
    updated = trial.api.request("PATCH", trial.path(), {"default_payment_method": card.id})
    assert updated.json()["default_payment_method_id"] == card.id
    refused(post(trial, "extend-trial", {"trial_end": "now"}), 402, "card_declined")
    trial.deliveries.flush()
    assert (trial.now()["status"], trial.now()["scheduled_change"]) == ("trialing", before)
    unpaid = trial.api.made(trial.path("extend-trial"), {"trial_end": "now", "payment_behavior": "allow_incomplete"})
    assert (unpaid["status"], unpaid["scheduled_change"]) == ("past_due", None)


WRONG_TRIALS: list[Any] = [None, "soon", "2026-01-02T00:00:00Z", "2030-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]


def test_trials_that_can_not_be(trial: Shop, subtests: pytest.Subtests) -> None:
    for at in WRONG_TRIALS:
        with subtests.test(at=at):
            refused(post(trial, "extend-trial", {"trial_end": at}), 400, None, "trial_end")


# --- Terms -----------------------------------------------------------------------------------------------------------


def patched(shop: Shop, **body: Any) -> Any:
    return shop.api.request("PATCH", shop.path(), body)


def test_terms_of_a_subscription_that_runs(basic: Shop) -> None:
    basic.v1.coupons.create({"id": "HALF", "percent_off": 50, "duration": "forever"}, basic.account)
    basic.deliveries.flush()
    updated = patched(basic, coupon="HALF", metadata={"team": "red"}).json()
    assert (updated["mrr"], updated["metadata"], len(updated["discount_ids"])) == (1000, {"team": "red"}, 1)
    updated = patched(basic, coupon=None, collection_method="send_invoice", days_until_due=30).json()
    assert (updated["mrr"], updated["discount_ids"], updated["days_until_due"]) == (1999, [], 30)
    updated = patched(basic, metadata={"team": ""}).json()
    assert (updated["metadata"], updated["collection_method"]) == ({}, "send_invoice")
    assert patched(basic).json()["id"] == basic.subscription["id"]


def terms_in_stripe(shop: Shop) -> tuple[list[str], str, int | None, Any]:
    found = shop.v1.subscriptions.retrieve(shop.id, {"expand": ["discounts"]}, shop.account)
    coupons = [discount.source.coupon for discount in found.discounts]
    return coupons, found.collection_method, found.days_until_due, found.default_payment_method


def test_terms_set_while_a_change_waits_are_still_there_after_it(basic: Shop) -> None:
    for name, percent in (("HALF", 50), ("TENTH", 10)):
        basic.v1.coupons.create({"id": name, "percent_off": percent, "duration": "forever"}, basic.account)
    basic.deliveries.flush()
    patched(basic, coupon="HALF")
    card = basic.v1.payment_methods.attach("pm_card_mastercard", {"customer": basic.stripe_customer}, basic.account).id
    basic.api.made(basic.path("change"), {"items": basic.items({"seat": 3}), "when": "renewal"})
    waits = basic.now()["scheduled_change"]
    updated = patched(basic, coupon="TENTH", default_payment_method=card).json()
    assert (updated["mrr"], updated["scheduled_change"]) == (1799, waits)
    patched(basic, collection_method="send_invoice", days_until_due=30)
    patched(basic, metadata={"team": "red"})
    basic.deliveries.flush()
    assert basic.now()["scheduled_change"] == waits
    basic.advance(32)
    assert [item["quantity"] for item in basic.now()["items"]] == [3]
    assert terms_in_stripe(basic) == (["TENTH"], "send_invoice", 30, card)
    assert (basic.now()["mrr"], basic.now()["metadata"]) == (2098, {"team": "red"})
    assert (basic.invoices()[-1].total, basic.invoices()[-1].collection_method) == (2098, "send_invoice")


def test_terms_taken_away_while_a_change_waits_do_not_come_back(trial: Shop) -> None:
    trial.v1.coupons.create({"id": "HALF", "percent_off": 50, "duration": "forever"}, trial.account)
    trial.deliveries.flush()
    patched(trial, coupon="HALF", collection_method="send_invoice", days_until_due=30)
    trial.api.made(trial.path("change"), {"items": trial.items({"seat": 3}), "when": "renewal"})
    updated = patched(trial, coupon=None, collection_method="charge_automatically").json()
    assert (updated["status"], updated["discount_ids"]) == ("trialing", [])
    trial.advance(15)
    assert terms_in_stripe(trial)[:2] == ([], "charge_automatically")
    assert (trial.now()["mrr"], trial.invoices()[-1].total) == (2331, 2331)


def test_a_coupon_for_some_months_is_redeemed_once_while_a_change_waits(basic: Shop) -> None:
    terms = {"id": "TWO", "percent_off": 50, "duration": "repeating", "duration_in_months": 2, "max_redemptions": 1}
    basic.v1.coupons.create(terms, basic.account)
    basic.deliveries.flush()
    scheduled(basic)
    patched(basic, coupon="TWO")
    before = basic.now()["discount_ids"]
    basic.advance(32)
    assert (basic.now()["discount_ids"], len(before)) == (before, 1)
    assert basic.v1.coupons.retrieve("TWO", None, basic.account).times_redeemed == 1


WRONG_TERMS: list[tuple[dict[str, Any], int, str]] = [
    ({"coupon": "NONE"}, 404, "coupon"),
    ({"coupon": 5}, 400, "coupon"),
    ({"metadata": {"billingos_x": "1"}}, 400, "metadata"),
    ({"default_payment_method": "pm_unknown"}, 400, "default_payment_method"),
    ({"collection_method": "send_invoice"}, 400, "days_until_due"),
    ({"status": "active"}, 400, "status"),
]


def test_terms_that_can_not_be(basic: Shop, subtests: pytest.Subtests) -> None:
    for body, status, param in WRONG_TERMS:
        with subtests.test(body=body):
            refused(patched(basic, **body), status, None, param)


def test_of_one_that_has_ended_stripe_keeps_metadata_only(basic: Shop) -> None:
    basic.api.made(basic.path("cancel"), {"at_period_end": False})
    assert patched(basic, metadata={"team": "red"}).json()["metadata"] == {"team": "red"}
    refused(
        patched(basic, collection_method="send_invoice", days_until_due=3), 400, "invalid_canceled_subscription_fields"
    )
