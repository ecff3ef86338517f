"""Stripe events as Stripe would send them, about objects that a test invents: for order, copies and strange states."""

import itertools
import json
import time
from typing import Any

from django.test import Client

from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Merchant
from billingos.webhooks.models import WebhookEvent
from stripe_simulator.signatures import sign
from tests.factories import unique

_numbers = itertools.count()


def event(merchant: Merchant | None, type: str, found: dict[str, Any], created: int, **fields: Any) -> dict[str, Any]:
    """An event envelope; `merchant` None means the platform's own account."""
    envelope = {
        "id": unique("evt_") + str(next(_numbers)),
        "object": "event",
        "api_version": "2026-08-26.dahlia",
        "type": type,
        "created": created,
        "livemode": False,
        "data": {"object": found},
        **fields,
    }
    if merchant:
        envelope["account"] = merchant.stripe_account_id
    return envelope


def customer(stripe_id: str, **fields: Any) -> dict[str, Any]:
    """A Stripe customer that is on no clock."""
    return {
        "id": stripe_id,
        "object": "customer",
        "created": 1_767_225_600,
        "email": None,
        "name": None,
        "currency": None,
        "balance": 0,
        "delinquent": False,
        "invoice_settings": {"default_payment_method": None},
        "metadata": {},
        "test_clock": None,
        "livemode": False,
        **fields,
    }


def deliver(found: dict[str, Any], secret: str = "whsec_test") -> Any:
    """The answer to one signed delivery."""
    body = json.dumps(found).encode()
    return Client(raise_request_exception=False).post(
        "/api/webhooks/stripe",
        data=body,
        content_type="application/json",
        headers={"Stripe-Signature": sign(body, secret, int(time.time()))},
    )


def take_in(body: bytes, headers: dict[str, str]) -> None:
    """One delivery of the simulator, as it came."""
    answer = Client().post(
        "/api/webhooks/stripe",
        data=body,
        content_type="application/json",
        headers={"Stripe-Signature": headers["Stripe-Signature"]},
    )
    assert answer.status_code == 200, answer.content


def inbox_row(found: dict[str, Any]) -> WebhookEvent:
    with platform_scope():
        return WebhookEvent.objects.get(stripe_event_id=found["id"])
