"""Advisory locks, for what has no row to lock yet: of a transaction, and of a process."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import DatabaseError, connection


def lock_key(account: str | None, stripe_object: dict[str, Any]) -> str:
    """What to lock before applying an object: its customer's (so that a customer's objects keep order), or its own."""
    is_customer = stripe_object.get("object") == "customer"
    customer = stripe_object.get("id") if is_customer else stripe_object.get("customer")
    if isinstance(customer, dict):
        customer = customer.get("id")
    return f"{account or 'platform'}/{customer or stripe_object.get('id', '')}"


def share(key: str) -> None:
    """Holds the key until the transaction ends, with others who share it: whoever locks it waits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", (key,))


def lock(keys: Iterable[str]) -> None:
    """Holds the keys until the transaction ends; sorted, so that two workers never wait for each other in a ring."""
    with connection.cursor() as cursor:
        # A set-returning function yields its rows in their order, and each is locked before the next one is made.
        sql = "SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest(%s::text[]) key"
        cursor.execute(sql, (sorted(set(keys)),))


@contextlib.contextmanager
def held(name: str) -> Iterator[bool]:
    """Holds `name` for this process, across transactions; yields False if another process is holding it.

    The lock belongs to the database session: if the process is killed it is free at once, without a lease to wait for.
    (A connection pooler must therefore pool sessions, not transactions.)
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 1))", (name,))
        row = cursor.fetchone()
    mine = bool(row and row[0])
    try:
        yield mine
    finally:
        if mine:
            _let_go(name)


def _let_go(name: str) -> None:
    with contextlib.suppress(DatabaseError), connection.cursor() as cursor:  # a lost session has let go by itself
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1))", (name,))
