"""Taking deliveries in: stored once, answered at once, whoever they are about."""

import json
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Merchant
from billingos.webhooks.drainer import drain
from billingos.webhooks.models import WebhookEvent
from stripe_simulator.signatures import sign
from tests.factories import platform_merchant, unique
from tests.webhooks.events import customer, deliver, event, inbox_row

NOW = 1_767_225_700


def test_an_event_is_stored_once_however_often_it_comes(merchant: Merchant) -> None:
    found = event(merchant, "customer.created", customer(unique("cus_")), NOW)
    answers = [deliver(found) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert [answer.json()["duplicate"] for answer in answers] == [False, True, True]
    with platform_scope():
        assert WebhookEvent.objects.filter(stripe_event_id=found["id"]).count() == 1


def test_the_same_event_id_in_two_accounts_is_two_events(merchant: Merchant, other_merchant: Merchant) -> None:
    name = unique("evt_same")
    for owner in (merchant, other_merchant, None):
        found = event(owner, "customer.created", customer(unique("cus_")), NOW, id=name)
        assert deliver(found).json()["duplicate"] is False
        assert deliver(found).json()["duplicate"] is True
    with platform_scope():
        assert WebhookEvent.objects.filter(stripe_event_id=name).count() == 3


def test_either_secret_is_good_while_one_rotates(merchant: Merchant, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_new", "whsec_old"]
    for secret, status in {"whsec_new": 200, "whsec_old": 200, "whsec_test": 400}.items():
        found = event(merchant, "customer.created", customer(unique("cus_")), NOW)
        assert deliver(found, secret).status_code == status


def test_the_other_mode_is_kept_and_ignored(merchant: Merchant) -> None:
    found = event(merchant, "customer.created", customer(unique("cus_")), NOW, livemode=True)
    assert deliver(found).status_code == 200
    row = inbox_row(found)
    assert (row.status, row.reason) == ("ignored", "other mode")


def test_an_unknown_account_and_an_unknown_type_are_kept(merchant: Merchant) -> None:
    stranger = event(None, "customer.created", customer(unique("cus_")), NOW, account="acct_unknown")
    strange = event(merchant, "moon.rose", {"id": "moon_1", "object": "moon"}, NOW)
    for found in (stranger, strange):
        assert deliver(found).status_code == 200
    while drain():
        pass
    assert (inbox_row(stranger).status, inbox_row(stranger).reason) == ("ignored", "unknown account")
    assert (inbox_row(strange).status, inbox_row(strange).reason) == ("ignored", "no handler")


def test_text_that_postgresql_cannot_hold_is_cleaned(merchant: Merchant) -> None:
    name = unique("cus_")
    texts = {"name": "N\x00ora \\u0000", "metadata": {"k\x00": "\ud800"}}
    found = event(merchant, "customer.created", customer(name, **texts), NOW)
    assert deliver(found).status_code == 200
    stored = inbox_row(found).payload["data"]["object"]
    assert (stored["name"], stored["metadata"]) == ("Nora \\u0000", {"k": "?"})


def test_the_platform_account_may_be_a_merchant_itself(committed_db: None) -> None:
    owner = platform_merchant()
    found = event(None, "customer.created", customer(unique("cus_")), NOW)
    assert deliver(found).status_code == 200
    assert inbox_row(found).merchant_id == owner.id


def test_taking_in_costs_one_statement_and_its_scope(merchant: Merchant) -> None:
    deliver(event(merchant, "customer.created", customer(unique("cus_")), NOW))
    with CaptureQueriesContext(connection) as queries:
        deliver(event(merchant, "customer.created", customer(unique("cus_")), NOW))
    assert len([query for query in queries if "webhook_events" in query["sql"]]) == 1
    assert len(queries) <= 5, [query["sql"] for query in queries]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e400"])
def test_numbers_that_are_none_are_refused(merchant: Merchant, number: str) -> None:
    body = json.dumps(event(merchant, "customer.created", customer(unique("cus_")), 1_767_225_700))
    body = body.replace('"balance": 0', f'"balance": {number}')
    assert number in body
    answer = Client(raise_request_exception=False).post(
        "/api/webhooks/stripe",
        data=body,
        content_type="application/json",
        headers={"Stripe-Signature": sign(body.encode(), "whsec_test", int(time.time()))},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "\udfffx"])
def test_what_a_database_cannot_hold_is_left_out(merchant: Merchant, text: str) -> None:
    told = event(merchant, "customer.created", customer(unique("cus_"), name=text), 1_767_225_700)
    assert deliver(told).status_code == 200
    assert "\x00" not in inbox_row(told).payload["data"]["object"]["name"]
