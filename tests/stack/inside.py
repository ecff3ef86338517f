"""What a test does inside of a stack, as a process of its own: `python -m tests.stack.inside COMMAND …`.

`BILLINGOS_STATE_DIR` says which stack; what is found out is printed as JSON.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billingos.settings")


def open_business(slug: str, account: str) -> None:
    """A merchant who has the account, of which nothing is known yet."""
    from billingos.merchants.models import User
    from billingos.merchants.services import create_merchant

    owner = User.objects.create_user(f"owner@{slug}.example")
    create_merchant(name=slug, slug=slug, owner=owner, stripe_account_id=account)


def drain_for_ever() -> None:
    """A drainer that outlives its database, but not a kill."""
    from django.db import InterfaceError, OperationalError, connections

    from billingos.webhooks.drainer import drain

    while True:
        try:
            if not drain(25):
                time.sleep(0.05)
        except (OperationalError, InterfaceError):
            connections.close_all()
            time.sleep(0.1)


def compare(slug: str) -> None:
    """Each customer with all that is theirs, against Stripe, by the table of mirrored fields: who is not equal."""
    import stripe
    from django.conf import settings

    from billingos.common.registries import handled_types
    from billingos.common.tenancy import platform_scope, scope
    from billingos.merchants.models import Merchant
    from customers.models import Customer
    from subscriptions.models import Subscription
    from tests.mirrored.compare import Truth, assert_rows_are

    client = stripe.StripeClient(settings.STRIPE_SECRET_KEY, base_addresses={"api": settings.STRIPE_API_BASE})
    with platform_scope():
        merchant = Merchant.objects.get(slug=slug)
    with scope(merchant.id):
        customers = list(Customer.objects.for_merchant(merchant.id).values_list("stripe_id", flat=True))
        statuses = list(Subscription.objects.for_merchant(merchant.id).values_list("status", flat=True))
    unequal = {}
    for customer in customers:
        try:
            assert_rows_are(Truth(client, merchant, customer), merchant)
        except AssertionError as difference:
            unequal[customer] = str(difference)[:500]
    found = {"customers": len(customers), "statuses": sorted(statuses), "unequal": unequal}
    print(json.dumps({**found, "handled": handled_types()}))  # noqa: T201 - read by the test


COMMANDS: dict[str, Callable[..., Any]] = {found.__name__: found for found in (open_business, drain_for_ever, compare)}

if __name__ == "__main__":
    django.setup()
    COMMANDS[sys.argv[1]](*sys.argv[2:])
