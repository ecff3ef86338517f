"""The till: Stripe's page for what costs something, our own for what is free."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.portal.checkouts import signed_id
from billingos.stripe_gateway.client import client as gateway_client
from customers.models import Customer
from subscriptions.models import CheckoutSession, Payment, Subscription
from subscriptions.services.checkouts import expire_old_checkouts
from tests.factories import unique
from tests.fixtures import Api, Deliveries
from tests.portal.test_cards import pay_page
from tests.scenes import build_catalog

SHOP = "https://shop.example/done?session={CHECKOUT_SESSION_ID}"
DECLINED = "4000 0000 0000 0002"


@pytest.fixture
def catalog(api: Api) -> tuple[dict[str, Any], dict[str, Any]]:
    return build_catalog(api)


@pytest.fixture
def price(catalog: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    return catalog[1]


@pytest.fixture
def free(api: Api, catalog: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    body = {"product": catalog[0]["id"], "currency": "usd", "unit_amount": 0, "interval": "month"}
    return api.made("/prices", body)


def open_till(api: Api, price: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return api.made("/checkout/sessions", {"price": price["id"], "success_url": SHOP, **fields})


def path_of(url: str) -> str:
    assert url.startswith("http://127.0.0.1:8000/checkout/"), url
    return url.removeprefix("http://127.0.0.1:8000")


def allowed(api: Api, customer: str) -> bool:
    return bool(api.found("/entitlements/check", customer_id=customer, feature="sso")["allowed"])


def test_who_pays_has_access_before_the_merchants_page_is_asked_for(api: Api, price: dict[str, Any]) -> None:
    customer = api.made("/customers", {"external_id": unique("user-"), "email": "a@example.com"})
    session = open_till(api, price, customer_id=customer["external_id"], metadata={"campaign": "autumn"})
    assert (session["status"], session["customer"], session["subscription"]) == ("open", customer["id"], None)
    assert allowed(api, customer["id"]) is False
    back = Client().get(path_of(pay_page(session["url"])))
    # No webhook was taken in yet.
    assert back.status_code == 302
    assert back["Location"] == f"https://shop.example/done?session={session['id']}"
    assert allowed(api, customer["id"]) is True
    done = api.found(f"/checkout/sessions/{session['id']}")
    assert (done["status"], done["url"]) == ("complete", None)
    bought = api.found(f"/subscriptions/{done['subscription']}")
    assert (bought["status"], bought["customer"], bought["metadata"]) == (
        "active", customer["id"], {"campaign": "autumn"},
    )  # fmt: skip


def test_without_the_browser_the_event_does_it(api: Api, price: dict[str, Any], deliveries: Deliveries) -> None:
    session = open_till(api, price, email="b@example.com")
    deliveries.flush()
    pay_page(session["url"])
    deliveries.flush()
    done = api.found(f"/checkout/sessions/{session['id']}")
    assert done["status"] == "complete"
    assert api.found(f"/customers/{done['customer']}")["email"] == "a@example.com"  # as typed on Stripe's page
    assert allowed(api, done["customer"]) is True
    with scope(api.merchant.id):
        assert Subscription.objects.for_merchant(api.merchant.id).count() == 1


def test_events_and_browser_in_any_order_make_one(api: Api, price: dict[str, Any], deliveries: Deliveries) -> None:
    session = open_till(api, price, email="b@example.com")
    back = path_of(pay_page(session["url"]))
    browser = Client()
    for _ in range(2):
        assert browser.get(back).status_code == 302
        deliveries.flush(copies=2)
    done = api.found(f"/checkout/sessions/{session['id']}")
    with scope(api.merchant.id):
        (subscription,) = Subscription.objects.for_merchant(api.merchant.id)
        (customer,) = Customer.objects.for_merchant(api.merchant.id)
    assert (done["subscription"], done["customer"]) == (str(subscription.id), str(customer.id))


def test_stripe_being_away_keeps_nobody_from_the_merchants_page(
    api: Api, price: dict[str, Any], deliveries: Deliveries, settings: Any
) -> None:
    session = open_till(api, price, email="b@example.com")
    back = path_of(pay_page(session["url"]))
    address, settings.STRIPE_API_BASE = settings.STRIPE_API_BASE, "http://127.0.0.1:9"
    gateway_client.cache_clear()
    assert Client().get(back)["Location"].startswith("https://shop.example/done")
    settings.STRIPE_API_BASE = address
    gateway_client.cache_clear()
    deliveries.flush()
    assert api.found(f"/checkout/sessions/{session['id']}")["status"] == "complete"


def test_what_is_paid_once_is_a_payment(api: Api, catalog: Any) -> None:
    once = api.made("/prices", {"product": catalog[0]["id"], "currency": "usd", "unit_amount": 2500})
    session = open_till(api, once, quantity=2)
    Client().get(path_of(pay_page(session["url"])))
    done = api.found(f"/checkout/sessions/{session['id']}")
    assert (done["status"], done["subscription"]) == ("complete", None)
    with scope(api.merchant.id):
        payment = Payment.objects.for_merchant(api.merchant.id).get(stripe_id=done["payment_id"])
    assert (payment.amount_received, payment.status) == (5000, "succeeded")


def test_a_trial_and_codes_reach_stripe(api: Api, price: dict[str, Any], stripe_client: Any) -> None:
    account: Any = {"stripe_account": api.merchant.stripe_account_id}
    unknown = api.post("/checkout/sessions", {"price": price["id"], "success_url": SHOP, "coupon": "none"})
    assert (unknown.status_code, unknown.json()["error"]["param"]) == (404, "coupon")
    session = open_till(api, price, trial_days=14, allow_promotion_codes=True)
    page = stripe_client.v1.checkout.sessions.retrieve(session["stripe_id"], None, account)
    assert page.allow_promotion_codes is True
    assert session["trial_days"] == 14


def test_a_code_that_takes_all_off_is_no_payment_and_nevertheless_complete(
    api: Api, catalog: Any, stripe_client: Any
) -> None:
    once = api.made("/prices", {"product": catalog[0]["id"], "currency": "usd", "unit_amount": 2500})
    coupon = api.made("/coupons", {"percent_off": "100", "duration": "once"})
    session = open_till(api, once, coupon=coupon["id"])
    back = Client().get(path_of(pay_page(session["url"])))
    assert back.status_code == 302
    done = api.found(f"/checkout/sessions/{session['id']}")
    assert (done["status"], done["payment_id"]) == ("complete", "")
    assert api.found(f"/customers/{done['customer']}")["email"] == "a@example.com"


def test_the_same_is_on_sale_at_one_till_only(api: Api, price: dict[str, Any]) -> None:
    customer = api.made("/customers", {"email": "a@example.com"})
    first = open_till(api, price, customer_id=customer["id"])
    second = open_till(api, price, customer_id=customer["id"])
    assert api.found(f"/checkout/sessions/{first['id']}")["status"] == "expired"
    with pytest.raises(AssertionError):
        pay_page(first["url"])
    pay_page(second["url"])
    body = {"price": price["id"], "success_url": SHOP, "customer_id": customer["id"]}
    refused = api.post("/checkout/sessions", body)  # nobody has told us of the payment yet
    assert refused.status_code == 409
    with scope(api.merchant.id):
        assert Subscription.objects.for_merchant(api.merchant.id).count() == 1


def test_while_stripe_opens_its_page_there_is_no_till(api: Api, price: dict[str, Any]) -> None:
    customer = api.made("/customers", {"email": "a@example.com", "payment_method": "pm_card_visa"})
    session = open_till(api, price, customer_id=customer["id"])
    with scope(api.merchant.id):  # as it is before Stripe has answered, and stays if the process dies then
        CheckoutSession.objects.filter(id=session["id"]).update(stripe_id="", stripe_url="")
        row = CheckoutSession.objects.select_related("price").get(id=session["id"])
    assert api.found(f"/checkout/sessions/{session['id']}")["url"] is None
    path = reverse("checkout:free", kwargs={"signed": signed_id(row)})
    for answer in (Client().get(path), Client().post(path)):
        assert answer.status_code == 410
    assert allowed(api, customer["id"]) is False
    assert api.made(f"/checkout/sessions/{session['id']}/expire", {})["status"] == "expired"


# --- Free -----------------------------------------------------------------------------------------------------------


def test_a_free_plan_starts_on_our_own_page(api: Api, free: dict[str, Any]) -> None:
    customer = api.made("/customers", {"external_id": unique("user-"), "email": "a@example.com"})
    session = open_till(api, free, customer_id=customer["id"], cancel_url="https://shop.example/plans")
    assert session["stripe_id"] == ""
    browser = Client()
    page = browser.get(path_of(session["url"]))
    html = page.content.decode()
    assert "Pro" in html
    assert "$0.00" in html
    assert 'href="https://shop.example/plans"' in html
    assert allowed(api, customer["id"]) is False  # looking at it starts nothing
    started = browser.post(path_of(session["url"]))
    assert started.status_code == 200
    refresh = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', started.content.decode())
    assert refresh is not None
    assert unescape(refresh[1]) == f"https://shop.example/done?session={session['id']}"
    assert allowed(api, customer["id"]) is True
    browser.post(path_of(session["url"]))
    with scope(api.merchant.id):
        assert Subscription.objects.for_merchant(api.merchant.id).count() == 1


def test_whoever_is_no_customer_says_who_they_are(api: Api, free: dict[str, Any]) -> None:
    session = open_till(api, free)
    browser, path = Client(), path_of(session["url"])
    assert 'name="email"' in browser.get(path).content.decode()
    refused = browser.post(path, {"email": "not an address"})
    assert refused.status_code == 400
    assert 'aria-invalid="true"' in refused.content.decode()
    assert browser.post(path, {"email": "c@example.com", "name": "Cleo"}).status_code == 200
    done = api.found(f"/checkout/sessions/{session['id']}")
    found = api.found(f"/customers/{done['customer']}")
    assert (found["email"], found["name"]) == ("c@example.com", "Cleo")
    assert allowed(api, done["customer"]) is True


def test_a_session_ends(api: Api, free: dict[str, Any], price: dict[str, Any]) -> None:
    session = open_till(api, free, email="a@example.com")
    browser = Client()
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        assert browser.get(path_of(session["url"])).status_code == 410
        assert browser.post(path_of(session["url"])).status_code == 410
        assert expire_old_checkouts() >= 1
    assert api.found(f"/checkout/sessions/{session['id']}")["status"] == "expired"
    for kind in (free, price):
        session = open_till(api, kind)
        ended = api.made(f"/checkout/sessions/{session['id']}/expire", {})
        assert (ended["status"], ended["url"]) == ("expired", None)
        again = api.made(f"/checkout/sessions/{session['id']}/expire", {})
        assert again["status"] == "expired"
    paid = open_till(api, price)
    pay_page(paid["url"])
    refused = api.post(f"/checkout/sessions/{paid['id']}/expire", {})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "checkout_complete")


def test_who_could_not_be_subscribed_may_try_again(api: Api, free: dict[str, Any], stripe_client: Any) -> None:
    account: Any = {"stripe_account": api.merchant.stripe_account_id}
    session = open_till(api, free)
    browser, path = Client(), path_of(session["url"])
    stripe_client.v1.prices.update(free["stripe_id"], {"active": False}, account)
    assert browser.post(path, {"email": "typo@example.com"}).status_code == 400
    stripe_client.v1.prices.update(free["stripe_id"], {"active": True}, account)
    assert browser.post(path, {"email": "right@example.com"}).status_code == 200
    with scope(api.merchant.id):
        assert Customer.objects.for_merchant(api.merchant.id).count() == 1


# --- Hostile --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"success_url": "javascript:alert(1)"}, "success_url"),
        ({"success_url": "http://shop.example/"}, "success_url"),
        ({"cancel_url": "//shop.example"}, "cancel_url"),
        ({"customer_id": "nobody"}, "customer_id"),
        ({"price": "price_unknown"}, "price"),
        ({"quantity": 0}, "quantity"),
        ({"email": "x"}, "email"),
        ({"customer_id": "a", "email": "a@example.com"}, "email"),
        ({"trial_days": 731}, "trial_days"),
        ({"allow_promotion_codes": True, "coupon": "c"}, "allow_promotion_codes"),
    ],
)
def test_bad_bodies_are_named(api: Api, price: dict[str, Any], body: dict[str, Any], param: str) -> None:
    answer = api.post("/checkout/sessions", {"price": price["id"], "success_url": SHOP, **body})
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["param"] == param
    with scope(api.merchant.id):
        assert CheckoutSession.objects.for_merchant(api.merchant.id).count() == 0


def test_what_stripe_refuses_leaves_no_session(api: Api, price: dict[str, Any]) -> None:
    once = {"price": price["id"], "success_url": SHOP, "trial_days": 5}
    customer = api.made("/customers", {"email": "gone@example.com"})
    with scope(api.merchant.id):
        Customer.objects.filter(id=customer["id"]).update(stripe_id="cus_gone")
    answer = api.post("/checkout/sessions", {**once, "customer_id": customer["id"]})
    assert answer.status_code == 400
    with scope(api.merchant.id):
        assert CheckoutSession.objects.for_merchant(api.merchant.id).count() == 0


def test_an_address_that_was_not_signed_here_is_not_found(api: Api, free: dict[str, Any]) -> None:
    path = path_of(open_till(api, free)["url"])
    browser = Client()
    for forged in (
        path[:-1] + ("A" if path[-1] != "A" else "B"),
        "/checkout/x",
        "/checkout/a:b:c",
        "/checkout/%00/return",
    ):
        assert browser.get(forged).status_code == 404


def test_a_declined_card_buys_nothing(api: Api, price: dict[str, Any], deliveries: Deliveries) -> None:
    session = open_till(api, price)
    with pytest.raises(AssertionError):
        pay_page(session["url"], DECLINED)
    deliveries.flush()
    assert api.found(f"/checkout/sessions/{session['id']}")["status"] == "open"
    with scope(api.merchant.id):
        assert Subscription.objects.for_merchant(api.merchant.id).count() == 0
