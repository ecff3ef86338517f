"""The ops admin: who gets in, what it shows, what staff may do, and what is written down about it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from djstripe import models as djstripe

from billingos.common.ops_admin import OpsModelAdmin
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import AuditEntry, Merchant, User
from billingos.reconciliation.models import Drift, ReconciliationRun
from billingos.webhooks.models import WebhookEvent
from customers.models import Customer
from subscriptions.models import Dispute, Subscription
from subscriptions.sync import sync_dispute
from tests.factories import MerchantFactory, unique
from tests.filling import DISPUTE
from tests.fixtures import Api
from tests.pages.conftest import SignIn
from tests.pages.filling import add_reconciliation
from tests.pages.looking import BUDGET, add_customers, statements, subscribe, text_of

SERVED: set[Any] = {
    Merchant,
    User,
    AuditEntry,
    WebhookEvent,
    ReconciliationRun,
    Drift,
    Customer,
    Subscription,
    Dispute,
    djstripe.Account,
    djstripe.Customer,
    djstripe.Invoice,
    djstripe.Subscription,
}
BY_NAME: list[Any] = sorted(SERVED, key=lambda model: model._meta.label)
MERCHANTS = "/ops/merchants/merchant/"
INBOX = "/ops/webhooks/webhookevent/"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def ops(staff: User, browser: SignIn) -> Client:
    return browser(staff)


def add_events(merchant: Merchant | None, count: int, **fields: Any) -> list[WebhookEvent]:
    with platform_scope():
        return WebhookEvent.objects.bulk_create(
            WebhookEvent(
                **{
                    "merchant": merchant,
                    "livemode": False,
                    "stripe_event_id": unique("evt_"),
                    "type": "invoice.paid",
                    "object_id": unique("in_"),
                    "created": NOON,
                    "payload": {"data": {"object": {"amount_paid": 4900, "description": "Käse"}}},
                    "status": "processed",
                    "next_attempt_at": NOON,
                    "received_at": NOON,
                    **fields,
                }
            )
            for _ in range(count)
        )


def audit(merchant: Merchant) -> list[tuple[str, User | None]]:
    with platform_scope():
        entries = AuditEntry.objects.select_related("user").filter(merchant=merchant).exclude(action="merchant.created")
        return [(entry.action, entry.user) for entry in entries.order_by("id")]


def listed(client: Client, url: str, **query: str) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return text_of(answer)


# --- Who gets in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/ops/", MERCHANTS, "/ops/login/", "/ops/no/such/page/"])
def test_nobody_is_sent_to_sign_in(url: str, committed_db: None) -> None:
    landed = Client().get(url, follow=True)
    assert landed.redirect_chain[-1][0].startswith("/accounts/login/?next=/ops/")


@pytest.mark.parametrize("url", ["/ops/", MERCHANTS, INBOX, "/ops/jsi18n/", "/ops/search/", "/ops/autocomplete/"])
def test_members_stay_out(url: str, member: User, browser: SignIn) -> None:
    answer = browser(member).get(url)
    assert answer.status_code == 403
    assert "not open to you" in text_of(answer)


def test_members_cannot_act(shop: Merchant, member: User, browser: SignIn) -> None:
    form = {"action": "suspend", "_selected_action": str(shop.id), "confirmed": "yes"}
    assert browser(member).post(MERCHANTS, form).status_code == 403
    with platform_scope():
        assert Merchant.objects.get(id=shop.id).is_active


def test_only_pages_made_for_it_are_served() -> None:
    assert set(admin.site._registry) == SERVED
    assert all(isinstance(page, OpsModelAdmin) for page in admin.site._registry.values())


@pytest.mark.parametrize("model", BY_NAME)
def test_nothing_can_be_added_changed_or_deleted(model: Any, ops: Client, shop: Merchant) -> None:
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    with platform_scope():
        djstripe.Customer.objects.bulk_create([djstripe.Customer(id=unique("cus_"), livemode=False, stripe_data={})])
        found = model.objects.first()
    assert ops.post(reverse(f"admin:{name}_add")).status_code == 403
    key = found.pk if found else "1"
    assert ops.post(reverse(f"admin:{name}_delete", args=[key]), {"post": "yes"}).status_code in {403, 404}
    assert ops.get(reverse(f"admin:{name}_history", args=[key])).status_code == 404
    assert "delete_selected" not in listed(ops, reverse(f"admin:{name}_changelist"))
    if found:
        changed = ops.post(reverse(f"admin:{name}_change", args=[key]), {"name": "changed", "is_staff": "on"})
        assert changed.status_code == 403


def test_signing_out_and_passwords_are_left_to_the_sign_in_pages(ops: Client) -> None:
    assert ops.get("/ops/password_change/").headers["Location"] == "/accounts/password/change/"
    assert ops.post("/ops/logout/").headers["Location"] == "/accounts/login/"
    assert ops.get(MERCHANTS).status_code == 302


# --- Merchants -------------------------------------------------------------------------------------------------------


def test_merchants_show_how_their_inbox_fares(ops: Client, shop: Merchant) -> None:
    add_events(shop, 3, status="failed")
    add_events(shop, 2, status="pending")
    html = listed(ops, MERCHANTS, q=shop.slug)
    assert f"{INBOX}?merchant={shop.slug}&amp;status__exact=failed" in html
    assert ">3</a>" in html
    assert ">2</a>" in html
    one = text_of(ops.get(f"{MERCHANTS}{shop.id}/change/"))
    assert ">3</a>" in one


def test_suspending_asks_then_cuts_off_and_is_written_down(
    ops: Client, staff: User, shop: Merchant, member: User, browser: SignIn
) -> None:
    api, form = Api(shop), {"action": "suspend", "_selected_action": str(shop.id)}
    before = audit(shop)
    asked = text_of(ops.post(MERCHANTS, form))
    assert "will be cut off" in asked
    assert shop.slug in asked
    assert audit(shop) == before
    ops.post(MERCHANTS, {**form, "confirmed": "yes"})
    assert api.get("/customers").status_code == 401
    assert browser(member).get(f"/app/{shop.slug}/customers").status_code == 404
    ops.post(MERCHANTS, {**form, "action": "activate"})
    ops.post(MERCHANTS, {**form, "action": "activate"})
    assert api.get("/customers").status_code == 200
    assert audit(shop)[len(before) :] == [("merchant.suspended", staff), ("merchant.active", staff)]


# --- Inbox -----------------------------------------------------------------------------------------------------------


def test_replay_puts_events_back_and_is_written_down(ops: Client, staff: User, shop: Merchant, member: User) -> None:
    failed, waiting = add_events(shop, 1, status="failed", attempts=8) + add_events(shop, 1, status="pending")
    before = audit(shop)
    answer = ops.post(INBOX, {"action": "replay", "_selected_action": [str(failed.id), str(waiting.id)]}, follow=True)
    assert "1 to be applied again. 1 were waiting already." in text_of(answer)
    with platform_scope():
        failed.refresh_from_db()
    assert (failed.status, failed.attempts) == ("pending", 0)
    assert audit(shop)[len(before) :] == [("webhook_event.replayed", staff)]


def test_the_inbox_is_searched_by_whole_ids_and_filtered(ops: Client, shop: Merchant) -> None:
    paid, other = add_events(shop, 1)[0], add_events(MerchantFactory.create(), 1, type="customer.updated")[0]
    for term in (paid.stripe_event_id, paid.object_id):
        html = listed(ops, INBOX, q=term)
        assert paid.stripe_event_id in html
        assert other.stripe_event_id not in html
    for query in ({"merchant": shop.slug}, {"merchant": shop.slug, "type": "invoice.", "status__exact": "processed"}):
        html = listed(ops, INBOX, **query)
        assert paid.stripe_event_id in html
        assert other.stripe_event_id not in html
    assert paid.stripe_event_id not in listed(ops, INBOX, merchant=shop.slug, status__exact="failed")


def test_an_event_shows_its_payload_readably(ops: Client, shop: Merchant) -> None:
    event = add_events(shop, 1, reason="MissingReference")[0]
    html = text_of(ops.get(f"{INBOX}{event.id}/change/"))
    assert "&quot;amount_paid&quot;: 4900,\n" in html
    assert "Käse" in html
    assert "MissingReference" in html


# --- Cost ------------------------------------------------------------------------------------------------------------


def test_customers_and_subscriptions_of_all_merchants_are_found_by_id_and_name(ops: Client, shop: Merchant) -> None:
    one, other = add_customers(shop, 2)
    subscribe(one, Subscription.Status.PAST_DUE)
    found = listed(ops, "/ops/customers/customer/", q=other.stripe_id)
    assert other.name in found
    assert one.name not in found
    assert one.name in listed(ops, "/ops/subscriptions/subscription/", status__exact="past_due", merchant=shop.slug)
    assert one.name not in listed(ops, "/ops/subscriptions/subscription/", q="cus_of_nobody")
    with platform_scope():
        subscription = Subscription.objects.get(customer=one)
    assert "0.00 USD" in listed(ops, f"/ops/subscriptions/subscription/{subscription.id}/change/")


@pytest.mark.parametrize("model", BY_NAME)
def test_every_list_stays_within_its_budget(model: Any, ops: Client, staff: User, shop: Merchant) -> None:
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    add_events(shop, 1)
    first = statements(ops, url)
    fill(shop, staff)
    assert statements(ops, url) == first <= BUDGET


@pytest.mark.parametrize("model", BY_NAME)
def test_every_single_page_stays_within_its_budget(model: Any, ops: Client, staff: User, shop: Merchant) -> None:
    fill(shop, staff)
    with platform_scope():
        key = model.objects.order_by("-pk").values_list("pk", flat=True)[0]
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    assert statements(ops, reverse(f"admin:{name}_change", args=[key])) <= BUDGET


def fill(merchant: Merchant, owner: User) -> None:
    """Thirty rows of each kind, or more."""
    for _ in range(10):
        add_events(MerchantFactory.create(owner=owner), 2, status="failed")
    add_events(merchant, 30)
    for _ in range(30):
        add_reconciliation(merchant, drifts=1)
    for customer in add_customers(merchant, 30):
        subscribe(customer, Subscription.Status.ACTIVE)
    with scope(merchant.id):
        for _ in range(30):
            sync_dispute(merchant.id, {**DISPUTE, "id": unique("dp_")})
    with platform_scope():
        account = djstripe.Account.objects.bulk_create(
            [djstripe.Account(id=unique("acct_"), livemode=False, stripe_data={}) for _ in range(30)]
        )[0]
        row = {"livemode": False, "stripe_data": {}, "djstripe_owner_account_id": account.id}
        customers = djstripe.Customer.objects.bulk_create(
            [djstripe.Customer(id=unique("cus_"), **row) for _ in range(30)]
        )
        for kind in (djstripe.Subscription, djstripe.Invoice):
            kind.objects.bulk_create(
                [kind(id=unique("obj_"), customer_id=customer.id, **row) for customer in customers]
            )
