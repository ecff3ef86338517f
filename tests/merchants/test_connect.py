"""From no Stripe account to one that can charge, at the simulator; and what Stripe says of it later."""

import re
import time
from typing import Any

import pytest
import requests
import stripe

from billingos.common.errors import Conflict
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import AuditEntry, ConnectedAccount, Merchant, User
from billingos.merchants.selectors import connected_account
from billingos.merchants.services.connect import refresh_account, start_onboarding
from billingos.stripe_gateway.client import NotConnected
from tests.factories import MerchantFactory, UserFactory
from tests.fixtures import Deliveries
from tests.webhooks.events import deliver, event, inbox_row
from tests.webhooks.shop import drain_all

URLS = {"refresh_url": "http://127.0.0.1:8000/again", "return_url": "http://127.0.0.1:8000/back"}


@pytest.fixture
def owner(committed_db: None) -> User:
    user: User = UserFactory.create()
    return user


@pytest.fixture
def unconnected(owner: User, stripe_client: stripe.StripeClient) -> Merchant:
    merchant: Merchant = MerchantFactory.create(owner=owner, stripe_account_id=None, country="DE")
    return merchant


def account_row(merchant: Merchant) -> ConnectedAccount | None:
    with scope(merchant.id):
        return connected_account(merchant)


def actions(merchant: Merchant) -> list[str]:
    with platform_scope():
        rows = AuditEntry.objects.filter(merchant=merchant).order_by("id")
        return list(rows.values_list("action", flat=True))


def test_onboarding_end_to_end(
    unconnected: Merchant, owner: User, stripe_client: stripe.StripeClient, deliveries: Deliveries
) -> None:
    url = start_onboarding(merchant=unconnected, by=owner, **URLS)
    account = stripe_client.v1.accounts.retrieve(str(unconnected.stripe_account_id))
    assert (account.country, account.email, account.type) == ("DE", owner.email, "express")
    assert actions(unconnected)[-2:] == ["connect.account_created", "connect.started"]
    page = requests.get(url, timeout=10)
    assert "Tell us about your business" in page.text
    sent = requests.post(url, {"name": "Acme", "email": "a@example.com"}, timeout=10, allow_redirects=False)
    assert sent.headers["Location"] == URLS["return_url"]
    again = requests.get(url, timeout=10, allow_redirects=False)
    assert again.headers["Location"] == URLS["refresh_url"]
    told = [found["type"] for found in deliveries.flush()]
    assert "account.updated" in told
    row = account_row(unconnected)
    assert row is not None
    assert (row.charges_enabled, row.details_submitted, row.payouts_enabled) == (True, True, True)


def test_a_second_try_goes_on_with_the_same_account(unconnected: Merchant, owner: User) -> None:
    first = start_onboarding(merchant=unconnected, by=owner, **URLS)
    account = unconnected.stripe_account_id
    with scope(unconnected.id):  # as if the process had died before noting it down
        Merchant.objects.filter(id=unconnected.id).update(stripe_account_id=None)
    unconnected.stripe_account_id = None
    second = start_onboarding(merchant=unconnected, by=owner, **URLS)
    assert unconnected.stripe_account_id == account
    assert first != second
    assert re.search(r"/setup/s/\w+$", second)


def test_the_platforms_own_account_has_nothing_to_connect(owner: User) -> None:
    merchant = Merchant(name="Own", slug="own", is_platform_account=True)
    with pytest.raises(Conflict):
        start_onboarding(merchant=merchant, by=owner, **URLS)
    with pytest.raises(NotConnected):
        refresh_account(merchant=merchant)


def test_an_account_that_stripe_does_not_know_is_said_to_be_unconnected(owner: User, simulator: Any) -> None:
    merchant = MerchantFactory.create(owner=owner)
    with pytest.raises(NotConnected):
        refresh_account(merchant=merchant)
    assert account_row(merchant) is None


def account_object(merchant: Merchant, **fields: Any) -> dict[str, Any]:
    return {
        "id": merchant.stripe_account_id,
        "object": "account",
        "created": 1_767_225_600,
        "charges_enabled": True,
        "payouts_enabled": True,
        "details_submitted": True,
        "requirements": {"currently_due": []},
        **fields,
    }


def test_events_tell_what_stripe_asks_for_and_never_take_the_row_back(merchant: Merchant) -> None:
    now = int(time.time())
    asking = account_object(merchant, charges_enabled=False, requirements={"currently_due": ["tos", "bank"]})
    newer = event(merchant, "account.updated", asking, now + 10)
    older = event(merchant, "account.updated", account_object(merchant), now + 5)
    for told in (newer, older):
        assert deliver(told).status_code == 200
        drain_all()
    assert (inbox_row(newer).status, inbox_row(older).reason) == ("processed", "stale")
    row = account_row(merchant)
    assert row is not None
    assert (row.charges_enabled, row.requirements_due) == (False, ["bank", "tos"])
    refreshed = refresh_account(merchant=merchant)
    assert (refreshed.charges_enabled, refreshed.requirements_due) == (True, [])


def test_an_account_that_is_gone_can_charge_no_more(merchant: Merchant, stripe_client: stripe.StripeClient) -> None:
    from billingos.merchants.sync import sync_account

    refresh_account(merchant=merchant)
    with scope(merchant.id):
        sync_account(merchant.id, {"id": merchant.stripe_account_id, "object": "account", "deleted": True})
        sync_account(merchant.id, account_object(merchant))
    row = account_row(merchant)
    assert row is not None
    assert (row.charges_enabled, row.payouts_enabled) == (False, False)
