"""A payment that the payer's bank wants back: from first event to last, in any order, on pages and in the API."""

import random
from typing import Any

import pytest
import stripe
from django.test import Client

from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import User
from billingos.stripe_gateway.listing import Leg, pages
from subscriptions.models import Dispute, Invoice, Refund
from tests.factories import UserFactory, unique
from tests.fixtures import Api, Deliveries
from tests.mirrored.compare import _assert_same
from tests.pages.looking import BUDGET, assert_strict, statements, text_of
from tests.pages.test_invoice import visitor
from tests.scenes import Scene, paying_customer
from tests.webhooks.events import deliver, event, inbox_row
from tests.webhooks.shop import Shop, T, drain_all, invoice


@pytest.fixture
def disputed(api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries) -> Scene:
    scene = paying_customer(api, stripe_client, deliveries, card="pm_card_createDispute")
    scene.advance(1)
    return scene


def the_invoice(scene: Scene) -> dict[str, Any]:
    found = scene.api.found("/invoices", status="paid")["data"][0]
    return scene.api.found(f"/invoices/{found['id']}")


def assert_as_in_stripe(scene: Scene) -> None:
    merchant = scene.api.merchant
    truth = {found["id"]: found for page in pages(merchant, Leg("dispute")) for found in page}
    assert truth
    with scope(merchant.id):
        _assert_same(Dispute, list(Dispute.objects.for_merchant(merchant.id).select_related("payment")), truth)


def test_a_dispute_from_beginning_to_end(disputed: Scene) -> None:
    (dispute,) = the_invoice(disputed)["disputes"]
    assert (dispute["status"], dispute["reason"], dispute["amount"]) == ("needs_response", "fraudulent", 4900)
    assert dispute["evidence_due_at"]
    assert dispute["payment"] == the_invoice(disputed)["payments"][0]["payment"]
    assert_as_in_stripe(disputed)
    evidence: Any = {"evidence": {"uncategorized_text": "winning_evidence"}, "submit": True}
    disputed.stripe_client.v1.disputes.update(dispute["stripe_id"], evidence, disputed.account)
    disputed.deliveries.flush()
    disputed.advance(1)
    (won,) = the_invoice(disputed)["disputes"]
    assert (won["id"], won["status"], won["submission_count"]) == (dispute["id"], "won", 1)
    assert_as_in_stripe(disputed)


@pytest.mark.parametrize("seed", range(3))
def test_in_any_order_and_twice(disputed: Scene, seed: int) -> None:
    dispute = the_invoice(disputed)["disputes"][0]["stripe_id"]
    evidence: Any = {"evidence": {"uncategorized_text": "losing_evidence"}, "submit": True}
    disputed.stripe_client.v1.disputes.update(dispute, evidence, disputed.account)
    clocks = disputed.stripe_client.v1.test_helpers.test_clocks
    now = clocks.retrieve(disputed.clock, None, disputed.account).frozen_time
    clocks.advance(disputed.clock, {"frozen_time": now + 86_400}, disputed.account)
    disputed.deliveries.flush(shuffle=random.Random(seed), copies=2)
    assert the_invoice(disputed)["disputes"][0]["status"] == "lost"
    assert_as_in_stripe(disputed)


def test_the_page_of_the_invoice_shows_it_within_its_budget(disputed: Scene) -> None:
    client, found = visitor(disputed), the_invoice(disputed)
    url = f"/app/{disputed.api.merchant.slug}/invoices/{found['id']}"
    answer = client.get(url)
    assert_strict(answer)
    page = text_of(answer)
    assert "Disputed" in page
    assert "Fraudulent" in page
    assert "Needs response" in page
    assert statements(client, url) <= BUDGET


def test_ops_see_it(disputed: Scene) -> None:
    staff: User = UserFactory.create(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(staff)
    with platform_scope():
        row = Dispute.objects.get(merchant=disputed.api.merchant)
    page = text_of(client.get(f"/ops/subscriptions/dispute/?q={row.stripe_id}"))
    assert row.stripe_id in page
    assert "49.00" in text_of(client.get(f"/ops/subscriptions/dispute/{row.id}/change/"))


# --- What else Stripe tells of money ----------------------------------------------------------------------------------


@pytest.fixture
def shop(api: Api) -> Shop:
    return Shop(api)


def test_a_charge_in_the_old_shape_brings_its_refunds_once(shop: Shop) -> None:
    refund = {
        "id": unique("re_"),
        "object": "refund",
        "created": T,
        "amount": 100,
        "currency": "usd",
        "status": "pending",
    }
    charge = {"id": unique("ch_"), "object": "charge", "created": T, "refunds": {"object": "list", "data": [refund]}}
    shop.tell("charge.refunded", charge)
    shop.tell("refund.updated", {**refund, "status": "succeeded"}, T + 5)
    shop.tell("charge.refunded", charge, T + 9)
    with scope(shop.merchant.id):
        row = Refund.objects.for_merchant(shop.merchant.id).get(stripe_id=refund["id"])
    assert row.status == "succeeded"
    assert inbox_row(shop.tell("charge.refunded", {**charge, "refunds": None})).status == "processed"


def test_why_an_invoice_could_not_be_finalized_is_told_until_it_is(shop: Shop) -> None:
    draft = invoice(unique("in_"), shop.customer["id"])
    failed = {**draft, "last_finalization_error": {"message": "The customer's address is missing."}}
    shop.tell("invoice.finalization_failed", failed, T + 1)
    with scope(shop.merchant.id):
        row = Invoice.objects.for_merchant(shop.merchant.id).get(stripe_id=draft["id"])
    assert shop.api.found(f"/invoices/{row.id}")["finalization_error"] == "The customer's address is missing."
    shop.tell("invoice.finalized", {**draft, "status": "open"}, T + 2)
    assert shop.api.found(f"/invoices/{row.id}")["finalization_error"] == ""


def test_an_announced_invoice_fetches_its_subscription_and_leaves_no_row(scene: Scene) -> None:
    """It has no id, and may come cut off, or of a customer on a test clock."""
    shop, merchant = scene.api, scene.api.merchant
    announced = {
        **invoice("", scene.customer["stripe_id"]),
        "parent": {"subscription_details": {"subscription": scene.subscription["stripe_id"]}},
        "lines": {"object": "list", "data": [], "has_more": True},
        "test_clock": scene.clock,
    }
    del announced["id"]
    before = len(shop.found("/invoices")["data"])
    told = event(merchant, "invoice.upcoming", announced, T)
    assert deliver(told).status_code == 200
    drain_all()
    assert inbox_row(told).status == "processed"
    assert len(shop.found("/invoices")["data"]) == before
