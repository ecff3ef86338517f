"""A merchant's account is disconnected: nothing is lost, nothing is called, everybody is told; and back again."""

import time
from typing import Any

import pytest
from django.test import Client

from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import AuditEntry, Membership, Merchant
from billingos.merchants.selectors import connected_account
from billingos.merchants.services.connect import refresh_account
from billingos.stripe_gateway.client import NotConnected
from billingos.stripe_gateway.operations import retrieve
from subscriptions.models import Subscription
from tests.pages.looking import assert_strict, text_of
from tests.portal.conftest import enter, session_for
from tests.scenes import Scene
from tests.webhooks.events import deliver, event, inbox_row
from tests.webhooks.shop import drain_all

APPLICATION = {"id": "ca_1", "object": "application", "name": "BillingOS"}


def tell(merchant: Merchant, type: str, created: int, found: dict[str, Any] = APPLICATION) -> str:
    told = event(merchant, type, found, created)
    assert deliver(told).status_code == 200
    drain_all()
    return inbox_row(told).status


def disconnect(merchant: Merchant, created: int | None = None) -> None:
    assert tell(merchant, "account.application.deauthorized", created or int(time.time())) == "processed"


def fresh(merchant: Merchant) -> Merchant:
    with platform_scope():
        return Merchant.objects.get(id=merchant.id)


def owner_of(merchant: Merchant) -> Client:
    with scope(merchant.id):
        person = Membership.objects.for_merchant(merchant.id).select_related("user").get(role="owner").user
    client = Client()
    client.force_login(person)
    return client


def actions(merchant: Merchant) -> list[str]:
    with platform_scope():
        rows = AuditEntry.objects.filter(merchant=merchant, action__startswith="connect.").order_by("id")
        return list(rows.values_list("action", flat=True))


def test_reading_goes_on_and_writing_is_refused(scene: Scene) -> None:
    disconnect(scene.api.merchant)
    refused = scene.api.post("/customers", {"name": "New"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "stripe_not_connected")
    assert "withdrawn" in refused.json()["error"]["message"]
    canceled = scene.api.post(f"/subscriptions/{scene.subscription['id']}/cancel", {})
    assert canceled.status_code == 409
    assert scene.api.found(f"/subscriptions/{scene.subscription['id']}")["status"] == "active"
    assert scene.allowed()
    merchant = fresh(scene.api.merchant)
    with pytest.raises(NotConnected):
        retrieve(merchant, "customer", scene.customer["stripe_id"])
    assert merchant.stripe_account_id


def test_the_portal_goes_on(scene: Scene) -> None:
    disconnect(scene.api.merchant)
    customer = enter(session_for(scene.api, scene.customer["id"]).link_token, Client())
    for path in ("", "invoices", "payment-method"):
        assert customer.get(f"/portal/{path}").status_code == 200, path
    with scope(scene.api.merchant.id):
        row = Subscription.objects.for_merchant(scene.api.merchant.id).get()
    answer = customer.post(f"/portal/subscriptions/{row.id}/cancel", {"feedback": "other"})
    assert answer.status_code == 409


def test_the_dashboard_says_so_and_offers_to_connect_again(scene: Scene) -> None:
    merchant = scene.api.merchant
    refresh_account(merchant=merchant)
    client = owner_of(merchant)
    assert "disconnected" not in text_of(client.get(f"/app/{merchant.slug}/customers"))
    disconnect(merchant)
    for path in ("home", "customers", "settings/stripe"):
        answer = client.get(f"/app/{merchant.slug}/{path}")
        assert_strict(answer)
        assert "Stripe is disconnected" in text_of(answer), path
    assert "Connect again" in text_of(client.get(f"/app/{merchant.slug}/settings/stripe"))
    led = client.post(f"/app/{merchant.slug}/settings/stripe/connect")
    assert "/setup/s/" in text_of(led)
    assert "Stripe is connected" in text_of(client.get(f"/app/{merchant.slug}/settings/stripe/done"))
    assert "disconnected" not in text_of(client.get(f"/app/{merchant.slug}/customers"))
    assert actions(merchant) == ["connect.ended", "connect.started", "connect.resumed"]
    assert scene.api.post("/customers", {"name": "New"}).status_code == 201


def test_old_word_changes_nothing(merchant: Merchant) -> None:
    now = int(time.time())
    disconnect(merchant, now)
    assert tell(merchant, "account.application.authorized", now - 5) == "processed"
    assert not fresh(merchant).is_connected
    assert tell(merchant, "account.application.authorized", now + 5) == "processed"
    assert fresh(merchant).is_connected
    disconnect(merchant, now + 1)  # late
    assert fresh(merchant).is_connected
    assert actions(merchant) == ["connect.ended", "connect.resumed"]


def test_a_replayed_end_does_not_end_what_was_connected_again(merchant: Merchant) -> None:
    disconnect(merchant, int(time.time()) - 5)
    refresh_account(merchant=fresh(merchant))
    disconnect(merchant, int(time.time()) - 5)
    assert fresh(merchant).is_connected


def test_the_platforms_own_account_cannot_be_disconnected(merchant: Merchant) -> None:
    told = event(None, "account.application.deauthorized", APPLICATION, int(time.time()))
    assert deliver(told).status_code == 200
    drain_all()
    assert inbox_row(told).status in {"ignored", "processed"}
    assert fresh(merchant).is_connected


def test_a_capability_brings_the_whole_account(merchant: Merchant) -> None:
    capability = {"id": "card_payments", "object": "capability", "account": merchant.stripe_account_id}
    long_ago = int(time.time()) - 60
    assert tell(merchant, "capability.updated", long_ago, {**capability, "status": "inactive"}) == "processed"
    with scope(merchant.id):
        row = connected_account(merchant)
    assert row is not None
    assert row.capabilities == {"card_payments": "active", "transfers": "active"}  # as Stripe has it now
    page = text_of(owner_of(merchant).get(f"/app/{merchant.slug}/settings/stripe"))
    assert "card_payments" in page
