"""The customer's pages: what stands on them in each situation, and what may be done."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import stripe
from django.test import Client

from billingos.common.tenancy import scope
from billingos.merchants.models import AuditEntry
from customers.models import Customer
from entitlements.models import Entitlement, Feature
from subscriptions.models import Invoice, Subscription
from tests.factories import unique
from tests.fixtures import Api, Deliveries
from tests.pages.looking import BUDGET, assert_strict, statements
from tests.portal.conftest import enter, session_for, text_of
from tests.scenes import DAY, Scene, allow_several, paying_customer

START = datetime(2026, 1, 1, tzinfo=UTC)


def subscription_at_stripe(scene: Scene) -> Any:
    return scene.stripe_client.v1.subscriptions.retrieve(scene.subscription["stripe_id"], None, scene.account)


def cancel_url(scene: Scene) -> str:
    return f"/portal/subscriptions/{scene.subscription['id']}/cancel"


@pytest.fixture
def broke(api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries) -> Scene:
    """A customer whose card has stopped paying."""
    scene = paying_customer(api, stripe_client, deliveries)
    methods = stripe_client.v1.payment_methods
    method = methods.attach("pm_card_chargeCustomerFail", {"customer": scene.customer["stripe_id"]}, scene.account)
    settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
    stripe_client.v1.customers.update(scene.customer["stripe_id"], settings, scene.account)
    scene.advance(32)
    return scene


# --- Overview -------------------------------------------------------------------------------------------------------


def test_a_change_that_waits_is_told_with_its_price(scene: Scene, browser: Client) -> None:
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/change", {"quantity": 3, "when": "renewal"})
    text = text_of(browser.get("/portal/"))
    assert "Renews on 1 Feb 2026 Changes on 1 Feb 2026 to Pro × 3: $147.00 per month" in text
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    assert "Changes on" not in text_of(browser.get("/portal/"))


def test_the_plan_with_its_price_usage_and_features(scene: Scene, browser: Client) -> None:
    usage = {"customer_id": scene.customer["id"], "meter": "api_calls", "event_id": unique("e"), "value": 900}
    scene.api.made("/usage/track", usage)
    page = browser.get("/portal/")
    text = text_of(page)
    assert scene.api.merchant.name in text
    assert "Pro $49.00 per month Active" in text
    assert "Renews on 1 Feb 2026 for $49.00" in text
    assert "API calls 900 of 1,000" in text
    assert "Resets 1 Feb 2026" in text
    assert "Included Single sign-on" in text
    assert 'class="is-warn" max="100" value="90"' in page.content.decode()
    assert_strict(page)
    assert "/app/" not in page.content.decode()


def test_a_trial_says_when_it_ends_and_what_it_costs_then(scene: Scene) -> None:
    clock = {"external_id": unique("t-"), "name": "Trier", "test_clock": scene.clock}
    trier = scene.api.made("/customers", clock)
    order = {"customer_id": trier["id"], "items": [{"price": scene.price["id"], "quantity": 3}], "trial_days": 14}
    subscription = scene.api.made("/subscriptions", order)
    browser = enter(session_for(scene.api, trier["id"]).link_token)
    text = text_of(browser.get("/portal/"))
    assert "Free trial until 15 Jan 2026" in text
    assert "First payment 15 Jan 2026 for $147.00" in text
    assert "Pro × 3 $147.00 per month" in text
    question = text_of(browser.get(f"/portal/subscriptions/{subscription['id']}/cancel"))
    assert "Your free trial goes on until 15 Jan 2026, then it ends." in question
    assert "You will not be charged." in question


def test_a_failed_payment_is_said_with_what_to_do(broke: Scene) -> None:
    browser = enter(session_for(broke.api, broke.customer["id"]).link_token)
    page = browser.get("/portal/")
    text = text_of(page)
    assert "Your last payment did not go through" in text
    assert "$49.00 for invoice" in text
    assert "Payment failed" in text
    assert 'href="/portal/payment-method">Update payment method' in page.content.decode()
    assert "Pay this invoice" in text
    assert "Not paid $49.00 Pay" in text_of(browser.get("/portal/invoices"))
    assert "stays due" in text_of(browser.get(cancel_url(broke)))


def test_without_a_plan_the_page_says_so(api: Api) -> None:
    api.made("/customers", {"external_id": "new", "name": '<b>"New"</b>'})
    made = session_for(api, "new", return_url="https://app.example.com/?a=1&b=2")
    page = enter(made.link_token).get("/portal/")
    text = text_of(page)
    assert "You have no plan at the moment" in text
    assert "<b>" not in page.content.decode()
    assert 'href="https://app.example.com/?a=1&amp;b=2"' in page.content.decode()
    assert "No invoices yet" in text_of(enter(session_for(api, "new").link_token).get("/portal/invoices"))


def test_a_plan_that_has_ended(scene: Scene, browser: Client) -> None:
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": False})
    text = text_of(browser.get("/portal/"))
    assert "You have no plan at the moment" in text
    assert "Pro ended on 1 Jan 2026" in text
    assert browser.get(cancel_url(scene)).headers["Location"] == "/portal/"


def test_prices_by_use_have_no_total(scene: Scene, browser: Client) -> None:
    tiers = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50}]
    price = scene.api.made("/prices", {
        "product": scene.product["id"], "currency": "usd", "interval": "month", "billing_scheme": "tiered",
        "tiers_mode": "graduated", "tiers": tiers,
    })  # fmt: skip
    allow_several(scene)
    scene.api.made("/subscriptions", {"customer_id": scene.customer["id"], "items": [{"price": price["id"]}]})
    text = text_of(browser.get("/portal/"))
    assert "Your plans" in text
    assert "Pro by use Active" in text


def test_a_page_that_is_not_there(browser: Client) -> None:
    for path in ("/portal/nothing", "/portal/subscriptions/01980000-0000-7000-8000-000000000000/cancel"):
        answer = browser.get(path)
        assert answer.status_code == 404
        assert "There is nothing here" in text_of(answer)
        assert "/app/" not in answer.content.decode()


# --- Invoices -------------------------------------------------------------------------------------------------------


def add_invoices(scene: Scene, count: int, **fields: Any) -> None:
    with scope(scene.api.merchant.id):
        customer = Customer.objects.get(id=scene.customer["id"])
        already = Invoice.objects.filter(customer=customer).count()
        Invoice.objects.bulk_create(
            Invoice(
                **{
                    "merchant": scene.api.merchant,
                    "customer": customer,
                    "stripe_id": f"in_{number}",
                    "stripe_created_at": START + timedelta(days=number),
                    "finalized_at": START + timedelta(days=number),
                    "number": f"ACME-{number:04}",
                    "status": Invoice.Status.PAID,
                    "currency": "usd",
                    "period_start": START,
                    "period_end": START,
                    "hosted_invoice_url": f"https://invoice.stripe.com/i/{number}",
                    **dict.fromkeys(("subtotal", "total", "amount_due", "amount_paid"), 4900),
                    "amount_remaining": 0,
                    **fields,
                }
            )
            for number in range(already, already + count)
        )


def test_invoices_page_by_page(scene: Scene, browser: Client) -> None:
    add_invoices(scene, 59)
    add_invoices(scene, 1, status=Invoice.Status.DRAFT, number="DRAFT")
    seen, url = [], "/portal/invoices"
    while True:
        html = browser.get(url).content.decode()
        found = re.findall(r"ACME-\d{4}(?=</td>)", html)
        assert len(found) <= 25
        seen += found
        further = re.search(r'<a class="button" rel="next" href="([^"]+)"', html)
        if further is None:
            break
        url = "/portal/invoices" + unescape(further[1])
    assert seen == [f"ACME-{number:04}" for number in reversed(range(1, 60))]


def test_invoices_stand_by_their_date_however_their_events_came(scene: Scene, browser: Client) -> None:
    for days in (3, 9, 6):
        add_invoices(scene, 1, stripe_created_at=START + timedelta(days=days), number=f"ACME-{days:04}")
    html = browser.get("/portal/invoices").content.decode()
    assert re.findall(r"ACME-(\d{4})(?=</td>)", html) == ["0009", "0006", "0003"]


STRANGE_CURSORS: list[str] = ["x", "é", "A" * 500, "a%00"]


def test_a_cursor_that_no_page_gave_shows_the_first_page(
    scene: Scene, browser: Client, subtests: pytest.Subtests
) -> None:
    for cursor in STRANGE_CURSORS:
        with subtests.test(cursor=cursor):
            assert "Receipt" in text_of(browser.get(f"/portal/invoices?cursor={cursor}"))


def test_the_invoices_of_others_are_not_shown(scene: Scene) -> None:
    add_invoices(scene, 3)
    scene.api.made("/customers", {"external_id": "neighbour", "name": "Neighbour"})
    text = text_of(enter(session_for(scene.api, "neighbour").link_token).get("/portal/invoices"))
    assert "No invoices yet" in text
    assert "ACME" not in text


def test_the_number_of_statements_does_not_grow(scene: Scene, browser: Client) -> None:
    pages = ("/portal/", "/portal/invoices", "/portal/payment-method", cancel_url(scene))
    with_one = [statements(browser, page) for page in pages]
    add_invoices(scene, 499)
    with scope(scene.api.merchant.id):
        customer = Customer.objects.get(id=scene.customer["id"])
        add_features(customer, 40)
    allow_several(scene)
    order = {"customer_id": scene.customer["id"], "items": [{"price": scene.price["id"]}]}
    for _ in range(3):
        scene.api.made("/subscriptions", order)
    with_many = [statements(browser, page) for page in pages]
    assert with_one == with_many
    assert max(with_many) <= BUDGET, dict(zip(pages, with_many, strict=True))


def add_features(customer: Customer, count: int) -> None:
    features = Feature.objects.bulk_create(
        Feature(
            merchant_id=customer.merchant_id,
            stripe_id=f"feat_{number}",
            stripe_created_at=START,
            lookup_key=f"f{number}",
            name=f"Feature {number}",
            type=Feature.Type.LIMIT,
        )
        for number in range(count)
    )
    Entitlement.objects.bulk_create(
        Entitlement(
            merchant_id=customer.merchant_id,
            customer=customer,
            feature=feature,
            source="test",
            limit=5,
            granted_at=START,
        )
        for feature in features
    )


# --- Leaving --------------------------------------------------------------------------------------------------------


def test_the_question_tells_the_consequences(scene: Scene, browser: Client) -> None:
    page = browser.get(cancel_url(scene))
    text = text_of(page)
    assert "Cancel Pro?" in text
    assert "You keep Pro until 1 Feb 2026." in text
    assert "After that you lose: API calls (1,000), Single sign-on." in text
    assert "You will not be charged $49.00 per month any more." in text
    assert page.content.decode().count('type="radio"') == 8
    assert_strict(page)
    assert not subscription_at_stripe(scene).cancel_at_period_end


def test_what_another_plan_gives_too_is_not_lost(scene: Scene, browser: Client) -> None:
    other = scene.api.made("/products", {"name": "Extra", "features": [{"feature": "api_calls", "limit": 50}]})
    body = {"product": other["id"], "currency": "usd", "unit_amount": 100, "interval": "month"}
    price = scene.api.made("/prices", body)
    allow_several(scene)
    scene.api.made("/subscriptions", {"customer_id": scene.customer["id"], "items": [{"price": price["id"]}]})
    text = text_of(browser.get(cancel_url(scene)))
    assert "After that you lose: Single sign-on." in text
    assert "You will have less, from what else you have with us: API calls." in text


def test_canceling_ends_the_plan_with_the_period_and_keeps_why(scene: Scene, browser: Client) -> None:
    answer = browser.post(cancel_url(scene), {"feedback": "too_expensive", "comment": "Maybe next year."})
    assert answer.headers["Location"] == "/portal/?notice=canceled"
    there = subscription_at_stripe(scene)
    assert there.cancel_at_period_end
    details = there.cancellation_details
    assert (details.feedback, details.comment) == ("too_expensive", "Maybe next year.")
    text = text_of(browser.get(answer.headers["Location"]))
    assert "Your cancellation is confirmed" in text
    assert "Your plan ends on 1 Feb 2026" in text
    assert "Canceling" in text
    assert "Cancel plan" not in text
    scene.advance(32)
    assert "You have no plan at the moment" in text_of(browser.get("/portal/"))
    with scope(scene.api.merchant.id):
        entry = AuditEntry.objects.get(action="portal.subscription_canceled")
        assert entry.target == f"subscription {scene.subscription['id']}"


def test_a_cancellation_is_taken_back(scene: Scene, browser: Client) -> None:
    browser.post(cancel_url(scene), {"feedback": "other"})
    keep = cancel_url(scene).replace("/cancel", "/keep")
    assert browser.get(keep).status_code == 405
    assert browser.post(keep).headers["Location"] == "/portal/?notice=kept"
    there = subscription_at_stripe(scene)
    assert (there.cancel_at_period_end, there.cancel_at) == (False, None)
    assert there.cancellation_details.feedback is None
    text = text_of(browser.get("/portal/?notice=kept"))
    assert "Your plan goes on as before" in text
    assert "Renews on 1 Feb 2026" in text
    assert browser.post(keep).headers["Location"] == "/portal/"  # nothing to take back any more


def test_no_reason_need_be_given(scene: Scene, browser: Client) -> None:
    assert browser.post(cancel_url(scene)).status_code == 302
    assert subscription_at_stripe(scene).cancel_at_period_end


WRONG_REASONS: list[dict[str, str]] = [{"feedback": "bored"}, {"comment": "x" * 1001}, {"comment": "a\x00b"}]


def test_a_wrong_reason_cancels_nothing(scene: Scene, browser: Client, subtests: pytest.Subtests) -> None:
    for sent in WRONG_REASONS:
        with subtests.test(sent=sent):
            assert browser.post(cancel_url(scene), sent).status_code == 400
            assert not subscription_at_stripe(scene).cancel_at_period_end


def test_nobody_cancels_what_is_not_theirs(scene: Scene, api: Api) -> None:
    api.made("/customers", {"external_id": "neighbour", "name": "Neighbour"})
    neighbour = enter(session_for(api, "neighbour").link_token)
    for url in (cancel_url(scene), cancel_url(scene).replace("/cancel", "/keep")):
        assert neighbour.post(url).status_code == 404
        assert Client().post(url).status_code == 403
    assert neighbour.get(cancel_url(scene)).status_code == 404
    assert not subscription_at_stripe(scene).cancel_at_period_end


def test_a_cancellation_without_stripe_is_refused_kindly(scene: Scene, browser: Client, settings: Any) -> None:
    from billingos.stripe_gateway.client import client

    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    client.cache_clear()
    answer = browser.post(cancel_url(scene), {"comment": "My words"})
    assert answer.status_code == 503
    assert "nothing has changed" in text_of(answer)
    assert "My words" in answer.content.decode()


def test_forms_from_elsewhere_change_nothing(scene: Scene) -> None:
    strict = enter(session_for(scene.api, scene.customer["id"]).link_token)
    strict.handler.enforce_csrf_checks = True
    refused = strict.post(cancel_url(scene))
    assert refused.status_code == 403
    assert "This form has expired" in text_of(refused)
    assert "BillingOS" not in refused.content.decode().replace("/billingos/", "")
    assert strict.post("/portal/payment-method").status_code == 403
    assert not subscription_at_stripe(scene).cancel_at_period_end


def test_each_page_is_strict_and_nobodys_to_keep(scene: Scene, browser: Client) -> None:
    add_invoices(scene, 30)
    for path in ("/portal/", "/portal/invoices", "/portal/payment-method", cancel_url(scene), "/portal/sign-out"):
        page = browser.get(path)
        assert page.status_code == 200
        assert_strict(page)
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert "Cookie" in page.headers["Vary"]
        assert "<script" not in page.content.decode()


def test_time_is_the_customers(scene: Scene, browser: Client) -> None:
    scene.advance(40)
    assert "Renews on 1 Mar 2026" in text_of(browser.get("/portal/"))
    assert DAY == 86_400
    with scope(scene.api.merchant.id):
        assert Subscription.objects.get(id=scene.subscription["id"]).status == Subscription.Status.ACTIVE
