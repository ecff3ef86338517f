"""A new card: asked for on Stripe's page, made the one that pays, charged with what is owed."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import requests
import stripe
import time_machine
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.merchants.tasks import resume_write_intents
from billingos.stripe_gateway.client import client as gateway_client
from billingos.stripe_gateway.models import WriteIntent
from customers.models import Customer, PaymentMethod
from subscriptions.models import Subscription
from tests.fixtures import Api
from tests.portal.conftest import CustomerApi, enter, session_for, text_of
from tests.portal.test_pages import broke  # noqa: F401  (a fixture)
from tests.scenes import Scene

GOOD, FAILS = "5555 5555 5555 4444", "4000 0000 0000 0341"


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def pay_page(url: str, number: str = GOOD) -> str:
    """Fills in Stripe's page; returns where it leads back to."""
    form = {"number": number, "expiry": "12/34", "cvc": "123", "name": "Ada", "email": "a@example.com"}
    origin = re.match(r"https?://[^/]+", url)
    assert origin is not None
    answer = requests.post(url, data=form, headers={"Origin": origin[0]}, timeout=10, allow_redirects=False)
    assert answer.is_redirect, answer.text
    return answer.headers["Location"]


def leave_for_stripe(browser: Client) -> str:
    """Presses the button on our page; returns the address of Stripe's."""
    page = browser.post("/portal/payment-method")
    assert page.status_code == 200
    html = page.content.decode()
    refresh = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', html)
    assert refresh is not None
    assert f'href="{refresh[1]}"' in html
    return unescape(refresh[1])


def come_back(browser: Client, url: str) -> Any:
    assert url.startswith("http://127.0.0.1:8000/portal/card-added/")
    return browser.get(url.removeprefix("http://127.0.0.1:8000"))


def default_at_stripe(scene: Scene) -> tuple[str, str | None]:
    """last4 of the customer's default, and the subscription's own default."""
    v1 = scene.stripe_client.v1
    customer = v1.customers.retrieve(
        scene.customer["stripe_id"], {"expand": ["invoice_settings.default_payment_method"]}, scene.account
    )
    subscription = v1.subscriptions.retrieve(
        scene.subscription["stripe_id"], {"expand": ["default_payment_method"]}, scene.account
    )
    method: Any = subscription.default_payment_method
    settings: Any = customer.invoice_settings
    return settings.default_payment_method.card.last4, method and method.card.last4


def status_here(scene: Scene) -> str:
    with scope(scene.api.merchant.id):
        return Subscription.objects.get(id=scene.subscription["id"]).status


def test_the_card_on_file_is_shown(scene: Scene, browser: Client) -> None:
    text = text_of(browser.get("/portal/payment-method"))
    assert "Visa •••• 4242" in text
    assert re.search(r"Expires \d\d/20\d\d", text)
    assert "Use another card" in text


def test_without_a_card_one_can_be_added(api: Api) -> None:
    api.made("/customers", {"external_id": "new", "name": "New"})
    text = text_of(enter(session_for(api, "new").link_token).get("/portal/payment-method"))
    assert "No payment method yet" in text
    assert "Add a card" in text


def test_a_new_card_becomes_the_one_that_pays(scene: Scene, browser: Client) -> None:
    answer = come_back(browser, pay_page(leave_for_stripe(browser)))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/portal/payment-method?card=saved")
    assert default_at_stripe(scene) == ("4444", "4444")
    text = text_of(browser.get(answer.headers["Location"]))
    assert "Your new card is saved. It pays from now on." in text
    assert "Mastercard •••• 4444 Expires 12/2034" in text


def test_a_new_card_pays_what_is_owed(broke: Scene) -> None:  # noqa: F811  (the fixture)
    assert status_here(broke) == "past_due"
    browser = enter(session_for(broke.api, broke.customer["id"]).link_token)
    answer = come_back(browser, pay_page(leave_for_stripe(browser)))
    assert answer.headers["Location"] == "/portal/payment-method?card=paid"
    assert status_here(broke) == "active"
    assert "did not go through" not in text_of(browser.get("/portal/"))


def test_a_new_card_that_does_not_pay_either(broke: Scene) -> None:  # noqa: F811  (the fixture)
    browser = enter(session_for(broke.api, broke.customer["id"]).link_token)
    answer = come_back(browser, pay_page(leave_for_stripe(browser), FAILS))
    assert answer.headers["Location"] == "/portal/payment-method?card=declined"
    text = text_of(browser.get(answer.headers["Location"]))
    assert "could not be charged to it" in text
    assert "•••• 0341" in text
    assert status_here(broke) == "past_due"


def test_if_the_browser_never_comes_back_the_event_sees_to_it(broke: Scene) -> None:  # noqa: F811  (the fixture)
    browser = enter(session_for(broke.api, broke.customer["id"]).link_token)
    pay_page(leave_for_stripe(browser))
    broke.deliveries.flush()
    assert default_at_stripe(broke)[0] == "0341"  # left to the sweep, for the browser may yet come
    with time_machine.travel(timezone.now() + timedelta(minutes=3), tick=True):
        resume_write_intents()
    assert default_at_stripe(broke) == ("4444", "4444")
    broke.deliveries.flush()
    assert status_here(broke) == "active"


def test_event_and_browser_do_it_once(broke: Scene) -> None:  # noqa: F811  (the fixture)
    browser = enter(session_for(broke.api, broke.customer["id"]).link_token)
    back = pay_page(leave_for_stripe(browser))
    broke.deliveries.flush(copies=2)
    assert come_back(browser, back).headers["Location"].endswith("card=paid")
    broke.deliveries.flush()
    come_back(browser, back)
    with scope(broke.api.merchant.id):
        rows = WriteIntent.objects.for_merchant(broke.api.merchant.id).filter(idempotency_key__startswith="card ")
        made = list(rows.values_list("operation", "status", "attempt").order_by("operation"))
    assert made == [
        ("customers.update", "succeeded", 1),
        ("invoices.pay", "succeeded", 1),
        ("subscriptions.update", "succeeded", 1),
    ]


def test_an_old_way_back_does_not_bring_an_old_card_back(scene: Scene, browser: Client) -> None:
    first = pay_page(leave_for_stripe(browser))
    come_back(browser, first)
    come_back(browser, pay_page(leave_for_stripe(browser), "4242 4242 4242 4242"))
    come_back(browser, first)
    assert default_at_stripe(scene)[0] == "4242"
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=True):
        come_back(browser, first)
    assert default_at_stripe(scene)[0] == "4242"


def test_a_way_back_that_was_not_signed_leads_nowhere(scene: Scene, browser: Client) -> None:
    back = pay_page(leave_for_stripe(browser)).removeprefix("http://127.0.0.1:8000")
    path, query = back.split("?")
    for forged in (path[:-2] + "xx", "/portal/card-added/x", "/portal/card-added/a%00b"):
        assert browser.get(f"{forged}?{query}").headers["Location"] == "/portal/payment-method"
    for page in ("", "cs_unknown", "x" * 5000, "%00"):
        assert browser.get(f"{path}?page={page}").headers["Location"] == "/portal/payment-method?card=later"
    assert default_at_stripe(scene)[0] == "4242"


def test_the_page_of_another_customer_changes_nothing(scene: Scene, browser: Client) -> None:
    scene.api.made("/customers", {"external_id": "neighbour", "name": "Neighbour"})
    neighbour = enter(session_for(scene.api, "neighbour").link_token)
    mine, theirs = pay_page(leave_for_stripe(browser)), pay_page(leave_for_stripe(neighbour))
    crossed = theirs.split("?")[0] + "?" + mine.split("?")[1]
    assert come_back(neighbour, crossed).headers["Location"].endswith("card=later")
    with scope(scene.api.merchant.id):
        assert Customer.objects.get(external_id="neighbour").default_payment_method_id == ""
    assert default_at_stripe(scene)[0] == "4242"


def test_with_a_token_the_customer_returns_to_the_application(scene: Scene, customer_api: CustomerApi) -> None:
    made = customer_api.made("/portal/payment-method", {"return_url": "https://app.example.com/done"})
    assert set(made) == {"object", "url", "expires_at"}
    back = pay_page(made["url"])
    assert come_back(Client(), back).headers["Location"] == "https://app.example.com/done"
    assert default_at_stripe(scene)[0] == "4444"


# --- Without Stripe -------------------------------------------------------------------------------------------------


@pytest.fixture
def outage(scene: Scene, settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    gateway_client.cache_clear()


@pytest.fixture
def unknown_card(scene: Scene) -> None:
    """As if the event that brings the row had not come."""
    with scope(scene.api.merchant.id):
        PaymentMethod.objects.for_merchant(scene.api.merchant.id).delete()


@pytest.mark.usefixtures("outage")
def test_a_known_card_is_shown_without_stripe(browser: Client) -> None:
    assert "•••• 4242" in text_of(browser.get("/portal/payment-method"))


@pytest.mark.usefixtures("unknown_card", "outage")
def test_without_row_and_stripe_the_page_says_that_there_is_a_card(browser: Client) -> None:
    page = browser.get("/portal/payment-method")
    assert page.status_code == 200
    assert "Card on file" in text_of(page)
    refused = browser.post("/portal/payment-method")
    assert refused.status_code == 503
    assert "could not be opened just now" in text_of(refused)


@pytest.mark.usefixtures("unknown_card")
def test_an_unknown_card_is_asked_for_and_remembered_for_a_minute(scene: Scene, browser: Client, settings: Any) -> None:
    browser.get("/portal/payment-method")
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    gateway_client.cache_clear()
    assert "•••• 4242" in text_of(browser.get("/portal/payment-method"))


def test_a_payment_method_that_is_no_card(scene: Scene, browser: Client, stripe_client: stripe.StripeClient) -> None:
    from customers.cards import _shown

    assert _shown({"type": "sepa_debit", "sepa_debit": {"last4": "3000"}}).name == "Sepa debit"
    assert _shown({"type": "link", "link": {"email": "a@example.com"}}).last4 == ""
    assert _shown({"id": "pm_gone", "deleted": True}).name == "Card on file"
    assert _shown(
        {"type": "card", "card": {"brand": "visa", "last4": "4242", "exp_month": 3, "exp_year": 2030}}
    ).expiry == ("03/2030")
