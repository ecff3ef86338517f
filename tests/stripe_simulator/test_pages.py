"""The pages, as a browser without JavaScript would use them."""

import re
from html import unescape
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
import stripe

from tests.stripe_simulator.conftest import Shop, moment
from tests.stripe_simulator.test_checkout import session

CARD = {"number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123", "name": "Jo"}


class Browser:
    """Follows the simulator's own redirects; ``away`` is where it was sent to outside."""

    def __init__(self, url: str) -> None:
        self._root, self.away, self.text, self.status, self.at = url, "", "", 0, ""

    def go(self, url: str, **sent: str) -> "Browser":
        """Open an address, or send a form to it."""
        url = urljoin(self._root, url)
        headers = {"Origin": self._root}
        method = "POST" if sent else "GET"
        answer = requests.request(method, url, data=sent or None, headers=headers, timeout=10, allow_redirects=False)
        self.status, self.text, self.at, self.away = answer.status_code, unescape(answer.text), url, ""
        if answer.is_redirect:
            target = urljoin(url, answer.headers["Location"])
            if target.startswith(self._root):
                return self.go(target)
            self.away = target
        else:
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        return self

    def send(self, **sent: str) -> "Browser":
        """Send the form of the page that is open."""
        return self.go(self.at, **sent)


@pytest.fixture
def browser(shop: Shop) -> Browser:
    return Browser(shop.url)


def sold(shop: Shop, id: str) -> stripe.checkout.Session:
    return shop.client.v1.checkout.sessions.retrieve(id)


def test_a_buyer_pays(shop: Shop, browser: Browser) -> None:
    made = session(shop)
    browser.go(str(made.url))
    assert "$50.00" in browser.text
    assert "2 × Mug" in browser.text
    assert "https://shop.test/cart" in browser.text
    browser.send(email="buyer@example.com", **CARD)
    assert browser.away == f"https://shop.test/ok?session={made.id}"
    done = sold(shop, made.id)
    assert (done.status, done.payment_status, done.customer, done.url) == ("complete", "paid", None, None)
    assert done.customer_details is not None
    assert (done.customer_details.email, done.customer_details.name) == ("buyer@example.com", "Jo")
    intent = shop.client.v1.payment_intents.retrieve(str(done.payment_intent))
    assert (intent.status, intent.amount) == ("succeeded", 5000)
    assert shop.types()[-1] == "checkout.session.completed"
    browser.go(f"/c/pay/{made.id}")
    assert browser.away == f"https://shop.test/ok?session={made.id}"


def test_a_declined_card_can_be_followed_by_another(shop: Shop, browser: Browser) -> None:
    made = session(shop)
    browser.go(str(made.url), email="buyer@example.com", **CARD | {"number": "4000000000009995"})
    assert browser.status == 402
    assert "insufficient funds" in browser.text
    assert "payment_intent.payment_failed" in shop.types()
    assert sold(shop, made.id).status == "open"
    browser.send(email="buyer@example.com", **CARD)
    assert browser.away
    assert len(shop.client.v1.payment_intents.list().data) == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"number": "4242424242424241"}, "card number is incorrect"),
        ({"expiry": "13/34"}, "expiration date is invalid"),
        ({"expiry": "01/20"}, "in the past"),
        ({"email": ""}, "email address is missing"),
    ],
)
def test_what_is_wrong_is_said(shop: Shop, browser: Browser, values: dict[str, str], words: str) -> None:
    made = session(shop)
    browser.go(str(made.url), **{"email": "a@b.test", **CARD, **values})
    assert browser.status == 402
    assert words in browser.text
    assert sold(shop, made.id).payment_intent is None


def test_a_buyer_subscribes(shop: Shop, browser: Browser) -> None:
    made = session(shop, "subscription", subscription_data={"metadata": {"team": "9"}})
    browser.go(str(made.url), email="buyer@example.com", **CARD)
    done = sold(shop, made.id)
    subscription = shop.subscription(str(done.subscription))
    assert (done.payment_status, subscription.status) == ("paid", "active")
    assert subscription.to_dict()["metadata"] == {"team": "9"}
    assert subscription.customer == done.customer
    assert subscription.latest_invoice == done.invoice
    assert subscription.default_payment_method is not None
    assert shop.client.v1.customers.retrieve(str(done.customer)).email == "buyer@example.com"


def test_a_declined_subscription_leaves_nothing(shop: Shop, browser: Browser) -> None:
    made = session(shop, "subscription")
    browser.go(str(made.url), email="buyer@example.com", **CARD | {"number": "4000000000000341"})
    assert "Your card was declined." in browser.text
    assert shop.client.v1.subscriptions.list({"status": "all"}).data == []
    assert shop.client.v1.customers.list().data == []


def test_a_trial_asks_for_no_money(shop: Shop, browser: Browser) -> None:
    made = session(shop, "subscription", subscription_data={"trial_period_days": 14})
    assert (made.amount_total, made.payment_status) == (0, "no_payment_required")
    browser.go(str(made.url), email="buyer@example.com", **CARD)
    assert shop.subscription(str(sold(shop, made.id).subscription)).status == "trialing"


@pytest.mark.parametrize("mode", ["payment", "subscription", "setup"])
def test_3d_secure_is_passed_or_failed(shop: Shop, browser: Browser, mode: str) -> None:
    made = session(shop, mode, customer=shop.customer())
    card = CARD | {"number": "4000002500003155"}
    browser.go(str(made.url), email="jo@example.com", **card)
    assert "/3ds/" in browser.at
    assert "Your bank wants to know" in browser.text
    browser.send(do="fail")
    assert "unable to authenticate" in browser.text
    assert sold(shop, made.id).status == "open"
    browser.go(f"/c/pay/{made.id}", email="jo@example.com", **card)
    browser.send(do="pass")
    assert browser.away == f"https://shop.test/ok?session={made.id}"
    done = sold(shop, made.id)
    assert done.status == "complete"
    if mode == "subscription":
        assert shop.subscription(str(done.subscription)).status == "active"
    if mode == "setup":
        intent = shop.client.v1.setup_intents.retrieve(str(done.setup_intent))
        method = shop.client.v1.payment_methods.retrieve(str(intent.payment_method))
        assert (intent.status, method.customer) == ("succeeded", done.customer)


def test_promotion_codes(shop: Shop, browser: Browser) -> None:
    coupon = shop.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    promotion: Any = {"type": "coupon", "coupon": coupon}
    shop.client.v1.promotion_codes.create({"promotion": promotion, "code": "HALF"})
    made = session(shop, "subscription", allow_promotion_codes=True)
    browser.go(str(made.url), code="NONE")
    assert "code is invalid" in browser.text
    browser.send(code="half")
    assert "$9.00" in browser.text
    browser.send(email="buyer@example.com", **CARD)
    assert sold(shop, made.id).amount_total == 900
    [invoice] = shop.client.v1.invoices.list().data
    assert invoice.amount_paid == 900


def test_an_expired_session_says_so(shop: Shop, browser: Browser) -> None:
    made = session(shop)
    shop.client.v1.checkout.sessions.expire(made.id)
    browser.go(str(made.url))
    assert browser.status == 410
    assert "Back to the shop" in browser.text
    browser.go("/c/pay/cs_test_none")
    assert browser.status == 404


def portal(shop: Shop, customer: str) -> str:
    return shop.client.v1.billing_portal.sessions.create({"customer": customer, "return_url": "https://shop.test"}).url


def test_the_portal_cancels_and_resumes(shop: Shop, browser: Browser) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer, shop.price(500)).id
    browser.go(portal(shop, customer))
    assert "Renews" in browser.text
    browser.send(do="cancel", id=subscription)
    assert "Ends" in browser.text
    assert shop.subscription(subscription).cancel_at_period_end
    browser.send(do="resume", id=subscription)
    assert not shop.subscription(subscription).cancel_at_period_end


def test_the_portal_changes_cards(shop: Shop, browser: Browser) -> None:
    customer = shop.customer()
    browser.go(portal(shop, customer)).send(do="add", **CARD | {"number": "5555555555554444"})
    assert "Mastercard •••• 4444" in browser.text
    methods = {one.card.brand: one.id for one in shop.client.v1.customers.payment_methods.list(customer) if one.card}
    settings = shop.client.v1.customers.retrieve(customer).invoice_settings
    assert settings is not None
    assert settings.default_payment_method == methods["mastercard"]
    browser.send(do="remove", id=methods["mastercard"])
    browser.send(do="default", id=methods["visa"])
    assert len(shop.client.v1.customers.payment_methods.list(customer).data) == 1
    browser.send(do="add", **CARD | {"number": "4000000000000002"})
    assert "declined" in browser.text


def test_the_portal_lets_in_one_customer(shop: Shop, browser: Browser) -> None:
    other = shop.subscribe(shop.customer(), shop.price(500)).id
    browser.go(portal(shop, shop.customer())).send(do="cancel", id=other)
    assert "nothing at this address" in browser.text
    assert not shop.subscription(other).cancel_at_period_end


def test_an_invoice_can_be_read_and_paid(shop: Shop, browser: Browser) -> None:
    customer = shop.customer(card=None)
    made = shop.subscribe(customer, shop.price(500), payment_behavior="default_incomplete")
    [invoice] = shop.invoices(made.id)
    browser.go(str(invoice.hosted_invoice_url))
    assert "$5.00" in browser.text
    browser.send(**CARD | {"number": "4000000000009995"})
    assert "insufficient funds" in browser.text
    browser.send(**CARD)
    assert "paid" in browser.text
    assert shop.subscription(made.id).status == "active"
    file = requests.get(str(invoice.invoice_pdf), timeout=5)
    assert file.headers["Content-Type"] == "application/pdf"
    assert file.content.startswith(b"%PDF-1.4")
    start = int(re.findall(rb"startxref\n(\d+)", file.content)[0])
    assert file.content[start : start + 4] == b"xref"


def test_an_account_is_onboarded_by_its_link(shop: Shop, browser: Browser) -> None:
    account = shop.client.v1.accounts.create({"type": "express"}).id
    link = shop.client.v1.account_links.create(
        {
            "account": account,
            "type": "account_onboarding",
            "return_url": "https://shop.test/done",
            "refresh_url": "https://shop.test/again",
        }
    )
    browser.go(link.url).send(name="Café & Söhne", email="", kind="company")
    assert "Name and email are needed" in browser.text
    browser.send(name="Café & Söhne", email="cafe@example.com", kind="individual")
    assert browser.away == "https://shop.test/done"
    found = shop.client.v1.accounts.retrieve(account)
    assert (found.email, found.business_type) == ("cafe@example.com", "individual")
    assert shop.received[-1]["account"] == account
    browser.go(link.url)
    assert browser.away == "https://shop.test/again"


def test_the_overview_shows_everything_and_moves_clocks(shop: Shop, browser: Browser) -> None:
    clock = shop.clock(moment(2026, 1, 31))
    subscription = shop.subscribe(shop.customer(clock), shop.price(500)).id
    browser.go("/")
    for words in ("subscription <b>1</b>", "31 Jan 2026, 12:00:00 UTC", "Deliveries (0 to come)", "invoice.paid"):
        assert words in browser.text
    account = shop.simulator.settings.platform_account
    browser.go(f"/clocks/{account}/{clock}/advance", by="month")
    assert "28 Feb 2026, 12:00:00 UTC" in browser.text
    browser.go(f"/clocks/{account}/{clock}/advance", to="2026-03-02T00:00")
    assert len(shop.invoices(subscription)) == 2
    browser.go(f"/clocks/{account}/{clock}/advance", to="2026-03-01T00:00")
    assert "only be advanced forward" in browser.text
    browser.go(f"/objects/{account}/subscription")
    assert subscription in browser.text
    browser.go(f"/objects/{account}/subscription/{subscription}")
    assert '"status": "active"' in browser.text
    seen = len(shop.received)
    browser.go(f"/events/{shop.received[0]['id']}/redeliver", account=account)
    assert shop.received[seen]["id"] == shop.received[0]["id"]
    assert browser.go("/objects/x/idempotency").status == 404
    assert browser.go("/?account=acct_none").status == 404


def test_what_is_shown_is_escaped(shop: Shop) -> None:
    nasty = "<script>alert(1)</script>"
    shop.client.v1.customers.create({"name": nasty, "email": nasty})
    account = shop.simulator.settings.platform_account
    line: Any = {"price_data": {"currency": "usd", "unit_amount": 5, "product_data": {"name": nasty}}, "quantity": 1}
    made = session(shop, line_items=[line])
    for path in ("/", f"/objects/{account}/customer", f"/c/pay/{made.id}"):
        assert "<script>" not in requests.get(shop.url + path, timeout=5).text
    failed = requests.post(f"{shop.url}/c/pay/{made.id}", data={"email": '"><script>', "number": nasty}, timeout=5)
    assert "<script>" not in failed.text


def test_no_page_shows_a_secret(shop: Shop) -> None:
    account = shop.simulator.settings.platform_account
    for endpoint in shop.client.v1.webhook_endpoints.list():
        shown = requests.get(f"{shop.url}/objects/{account}/webhook_endpoint/{endpoint.id}", timeout=5).text
        assert endpoint.url in shown
        assert "whsec_" not in shown
