"""Advisory locks of a transaction, for what has no row to lock yet."""

from collections.abc import Iterable
from typing import Any

from django.db import connection


def lock_key(account: str | None, stripe_object: dict[str, Any]) -> str:
    """What to lock before applying an object: its customer's (so that a customer's objects keep order), or its own."""
    is_customer = stripe_object.get("object") == "customer"
    customer = stripe_object.get("id") if is_customer else stripe_object.get("customer")
    if isinstance(customer, dict):
        customer = customer.get("id")
    return f"{account or 'platform'}/{customer or stripe_object.get('id', '')}"


def lock(keys: Iterable[str]) -> None:
    """Holds the keys until the transaction ends; sorted, so that two workers never wait for each other in a ring."""
    with connection.cursor() as cursor:
        for key in sorted(set(keys)):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (key,))
