"""A business of one's own, its settings, Stripe, its first steps."""

import re
from typing import Any

import pytest
import requests
import stripe
from django.test import Client

from billingos.common.tenancy import scope
from billingos.dashboard.onboarding import checklist
from billingos.merchants.models import AuditEntry, BillingSettings, Membership, Merchant
from billingos.merchants.selectors import membership_in
from billingos.merchants.services.connect import refresh_account
from tests.factories import MerchantFactory, UserFactory, unique
from tests.fixtures import Deliveries
from tests.pages.business import Business
from tests.pages.looking import BUDGET, assert_strict, statements, text_of
from tests.scenes import Scene

NEW = {"slug": "", "country": "DE", "default_currency": "eur"}


@pytest.fixture
def business(committed_db: None, simulator: Any) -> Business:
    return Business()


# --- Making one -----------------------------------------------------------------------------------------------------


@pytest.fixture
def newcomer(committed_db: None) -> Client:
    client = Client()
    client.force_login(UserFactory.create())
    return client


def test_who_has_signed_up_makes_a_business(newcomer: Client) -> None:
    assert 'href="/app/new"' in text_of(newcomer.get("/app/"))
    assert_strict(newcomer.get("/app/new"))
    name = unique("Käse ")
    answer = newcomer.post("/app/new", {**NEW, "name": name}, follow=True)
    slug = name.lower().replace("ä", "a").replace(" ", "-")
    assert answer.redirect_chain[-1][0] == f"/app/{slug}/start"
    assert "you are its owner" in text_of(answer)
    assert "0 of 5 done" in text_of(answer)
    again = newcomer.post("/app/new", {**NEW, "name": name}, follow=True)
    assert again.redirect_chain[-1][0] == f"/app/{slug}-2/start"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"name": ""}, "required"),
        ({"slug": "A b"}, "Lowercase letters"),
        ({"slug": "new"}, "BillingOS&#x27;s own"),
        ({"slug": "taken"}, "exists"),
        ({"country": "XX"}, "Select a valid choice"),
        ({"default_currency": "usdollar"}, "Select a valid choice"),
    ],
)
def test_what_makes_no_business_is_said(newcomer: Client, sent: dict[str, str], says: str) -> None:
    if sent.get("slug") == "taken":
        sent = {"slug": MerchantFactory.create().slug}
    answer = newcomer.post("/app/new", {**NEW, "name": "Acme", **sent})
    assert answer.status_code == 400
    assert says in text_of(answer)
    assert_strict(answer)


def test_nobody_makes_none() -> None:
    assert Client().post("/app/new", {**NEW, "name": "Acme"}).headers["Location"].startswith("/accounts/login/")


# --- Settings -------------------------------------------------------------------------------------------------------


def test_the_business_is_renamed(business: Business) -> None:
    client = business.browser("admin")
    shown = client.post(business.url("settings"), {"name": " New  name ", "default_currency": "eur"}, follow=True)
    assert "Saved." in text_of(shown)
    assert "New name" in text_of(shown)
    assert "Nothing was changed" in text_of(
        client.post(business.url("settings"), {"name": "New name", "default_currency": "eur"}, follow=True)
    )
    refused = client.post(business.url("settings"), {"name": "", "default_currency": "eur"})
    assert refused.status_code == 400


def test_the_country_can_be_put_right_until_there_is_an_account(committed_db: None) -> None:
    free, bound = Business(stripe_account_id=None), Business()
    for one, open_to_change in ((free, True), (bound, False)):
        html = text_of(one.browser("admin").get(one.url("settings")))
        assert ('name="country"' in html) is open_to_change
        one.browser("admin").post(one.url("settings"), {"name": "N", "default_currency": "usd", "country": "DE"})
        with scope(one.merchant.id):
            assert (Merchant.objects.get(id=one.merchant.id).country == "DE") is open_to_change


CHANGES = {"upgrade_when": "renewal", "downgrade_when": "now", "proration": "full_price"}


def test_billing_rules_are_saved_and_an_empty_box_is_off(business: Business) -> None:
    client = business.browser("admin")
    boxes = ("paused_counts", "past_due_keeps_access", "one_trial_per_product", "one_subscription_per_product")
    for box in boxes:
        assert "Saved." in text_of(client.post(business.url("settings/billing"), {box: "on", **CHANGES}, follow=True))
        with scope(business.merchant.id):
            rules = BillingSettings.objects.for_merchant(business.merchant.id).get()
        assert [name for name in boxes if getattr(rules, name)] == [box]
        assert {name: getattr(rules, name) for name in CHANGES} == CHANGES
    html = text_of(client.get(business.url("settings/billing")))
    assert re.search(r'name="one_subscription_per_product"[^>]*checked', html)
    assert not re.search(r'name="paused_counts"[^>]*checked', html)
    assert re.search(r'value="full_price"[^>]*selected', html)
    with scope(business.merchant.id):
        told = AuditEntry.objects.filter(merchant=business.merchant, action="billing_settings.updated").order_by("id")
        assert told[0].details["upgrade_when"] == {"before": "now", "after": "renewal"}


@pytest.mark.parametrize("name", CHANGES)
def test_billing_rules_that_there_are_not(business: Business, name: str) -> None:
    client = business.browser("admin")
    for sent in ({**CHANGES, name: "sometimes"}, {key: value for key, value in CHANGES.items() if key != name}):
        assert client.post(business.url("settings/billing"), sent).status_code == 400
    with scope(business.merchant.id):
        assert getattr(BillingSettings.objects.for_merchant(business.merchant.id).get(), name) != CHANGES[name]


# --- Stripe ---------------------------------------------------------------------------------------------------------


def test_to_stripe_and_back(committed_db: None, deliveries: Deliveries, stripe_client: stripe.StripeClient) -> None:
    business = Business(stripe_account_id=None)
    client = business.browser("owner")
    assert "Connect a Stripe account" in text_of(client.get(business.url("settings/stripe")))
    leaving = client.post(business.url("settings/stripe/connect"))
    assert_strict(leaving)
    assert "no-store" in leaving.headers["Cache-Control"]
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', text_of(leaving))
    assert found is not None
    back = requests.post(
        found[1], {"name": "Acme", "email": "a@example.com"}, timeout=10, allow_redirects=False
    ).headers["Location"]
    assert back == "http://127.0.0.1:8000" + business.url("settings/stripe/done")
    done = client.get(back.removeprefix("http://127.0.0.1:8000"))
    assert "Stripe is connected" in text_of(done)
    spent = requests.get(found[1], timeout=10, allow_redirects=False).headers["Location"]
    again = client.get(spent.removeprefix("http://127.0.0.1:8000"))
    assert "is spent" in text_of(again)
    assert "Connected" in text_of(client.get(business.url("settings/stripe")))
    assert "Stripe was asked just now" in text_of(client.post(business.url("settings/stripe/refresh"), follow=True))


def test_what_stripe_refuses_is_told(committed_db: None, simulator: Any) -> None:
    business = Business()  # with an account that Stripe does not know
    client = business.browser("owner")
    shown = client.post(business.url("settings/stripe/connect"), follow=True)
    assert shown.redirect_chain[-1][0] == business.url("settings/stripe")
    assert 'class="alert error"' in text_of(shown)
    done = client.get(business.url("settings/stripe/done"))
    assert 'class="alert error"' in text_of(done)
    assert "Stripe is connected" not in text_of(done)


# --- First steps ----------------------------------------------------------------------------------------------------


def test_the_first_steps_are_ticked_off_by_what_is_done(scene: Scene) -> None:
    merchant = scene.api.merchant
    with scope(merchant.id):
        owner = Membership.objects.for_merchant(merchant.id).select_related("merchant").get()
        steps = checklist(owner)
    assert steps.finished
    assert steps.next is None
    fresh = MerchantFactory.create(stripe_account_id=None)
    with scope(fresh.id):
        theirs = checklist(Membership.objects.for_merchant(fresh.id).select_related("merchant").get())
    assert (theirs.done, theirs.finished) == (0, False)
    assert theirs.next == theirs.steps[0]


def test_an_account_that_stripe_still_asks_about_is_not_done(merchant: Merchant) -> None:
    from billingos.merchants.sync import sync_account

    with scope(merchant.id):
        owner = Membership.objects.for_merchant(merchant.id).select_related("merchant").get()
        assert checklist(owner).steps[0].done
        account = {"id": merchant.stripe_account_id, "object": "account", "details_submitted": True, "created": 1}
        sync_account(merchant.id, account)
        assert not checklist(owner).steps[0].done
    refresh_account(merchant=merchant)
    with scope(merchant.id):
        assert checklist(owner).steps[0].done


def test_a_viewer_is_not_sent_where_they_may_not_go(committed_db: None) -> None:
    business = Business()
    for role, offered in (("viewer", False), ("developer", True)):
        html = text_of(business.browser(role).get(business.url("start")))
        assert (">Create a key<" in html) is offered


@pytest.mark.parametrize("page", ["start", "settings", "settings/billing", "settings/stripe", "team/invite"])
def test_the_pages_stay_within_their_budget(business: Business, page: str) -> None:
    assert statements(business.browser("owner"), business.url(page)) <= BUDGET


def test_the_checklist_is_one_statement(business: Business, django_assert_num_queries: Any) -> None:
    membership = membership_in(business.people["owner"], business.merchant.slug)
    with scope(business.merchant.id), django_assert_num_queries(1):
        checklist(membership)
