"""What is measured inside of a process of BillingOS's: `python -m benchmarks.inside …`, which prints JSON."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billingos.settings")
ACCOUNT = "acct_bench"


def prepare() -> dict[str, Any]:
    """A merchant, and the table of the reference."""
    from django.db import connections

    from billingos.merchants.models import User
    from billingos.merchants.services import create_merchant

    owner = User.objects.create_user("bench@example.com")
    create_merchant(name="Bench", slug="bench", owner=owner, stripe_account_id=ACCOUNT)
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE bare_events (id text PRIMARY KEY, payload jsonb NOT NULL)")
        cursor.execute("GRANT INSERT, SELECT ON bare_events TO billingos_app")
    return {}


def drain_for(seconds: str) -> dict[str, Any]:
    """One drainer at work, until the inbox is empty or the time is over."""
    from billingos.webhooks.drainer import drain

    drain(1)  # connections and imports
    taken, began = 0, time.perf_counter()
    while time.perf_counter() - began < float(seconds):
        found = drain()
        taken += found
        if not found:
            break
    return {"events": taken, "seconds": time.perf_counter() - began, **_ends()}


def take_all(path: str) -> dict[str, Any]:
    """The deliveries of a file, signature check and all, then drained."""
    from django.conf import settings

    from billingos.webhooks.drainer import drain
    from billingos.webhooks.intake import store, verified

    deliveries = json.loads(Path(path).read_text(encoding="utf-8"))
    drain(1)
    began = time.perf_counter()
    for body, signature in deliveries:
        store(*verified(body.encode(), signature, settings.STRIPE_WEBHOOK_SECRETS))
    while drain():
        pass
    return {"events": len(deliveries), "seconds": time.perf_counter() - began, **_ends()}


def _ends() -> dict[str, Any]:
    from billingos.webhooks.selectors import events_by_status

    return {"ends": events_by_status()}


def finished() -> dict[str, Any]:
    """Event id → when it was finished (Unix time), and how many are not."""
    from billingos.common.tenancy import platform_scope
    from billingos.webhooks.models import WebhookEvent

    with platform_scope():
        rows = WebhookEvent.objects.exclude(processed_at=None).values_list("stripe_event_id", "processed_at")
        return {"at": {name: at.timestamp() for name, at in rows if at}, **_ends()}


def djstripe_takes_all(path: str) -> dict[str, Any]:
    """The same deliveries through dj-stripe's own view, as the owner of its tables."""
    import stripe
    from django.conf import settings
    from django.db import connection
    from django.test import RequestFactory
    from djstripe.models import Account, APIKey, Event, WebhookEndpoint
    from djstripe.views import ProcessWebhookView

    stripe.api_base = stripe.DEFAULT_API_BASE = settings.STRIPE_API_BASE
    deliveries = json.loads(Path(path).read_text(encoding="utf-8"))
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE NONE")  # the owner, who signed in
    account = Account.objects.create(id="acct_platform", livemode=False, stripe_data={"id": "acct_platform"})
    APIKey.objects.create(
        secret=settings.STRIPE_SECRET_KEY, type="secret", livemode=False, djstripe_owner_account=account
    )
    endpoint = WebhookEndpoint.objects.create(
        id="we_bench", secret=settings.STRIPE_WEBHOOK_SECRETS[0], livemode=False, djstripe_owner_account=account,
        djstripe_validation_method="verify_signature", enabled_events=["*"],
        stripe_data={"url": "http://x", "status": "enabled"},
    )  # fmt: skip
    view, requests = ProcessWebhookView.as_view(), RequestFactory()
    failures: dict[str, int] = {}
    began = time.perf_counter()
    for body, signature in deliveries:
        request = requests.post("/", body, "application/json", headers={"Stripe-Signature": signature})
        try:
            view(request, uuid=endpoint.djstripe_uuid)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is counted, and its time too)
            name = f"{type(error).__name__}: {error}"[:150]
            failures[name] = failures.get(name, 0) + 1
    seconds = time.perf_counter() - began
    return {"events": len(deliveries), "seconds": seconds, "kept": Event.objects.count(), "failures": failures}


COMMANDS: dict[str, Callable[..., dict[str, Any]]] = {
    found.__name__: found for found in (prepare, drain_for, take_all, finished, djstripe_takes_all)
}

if __name__ == "__main__":
    django.setup()
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
