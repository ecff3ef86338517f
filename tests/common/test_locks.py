"""Locks are taken in one order, and they hold."""

import threading
from typing import Any

from django.db import connection, connections

from billingos.common.locks import lock, lock_key
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.webhooks.drainer import drain
from customers.models import Customer
from tests.factories import unique
from tests.webhooks.events import customer, deliver, event


def test_locks_are_taken_once_each_and_in_one_order(committed_db: None) -> None:
    """Two workers with the same keys in different orders would wait for each other for ever."""
    taken: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "pg_advisory_xact_lock" in sql:
            taken.extend(params[0])
        return execute(sql, params, many, context)

    names = [unique(f"{letter}-") for letter in "dcbae"]
    with platform_scope(), connection.execute_wrapper(note):
        lock([*names, *names])
    assert taken == sorted(names)


def test_an_event_waits_while_another_worker_is_at_the_same_customer(merchant: Merchant) -> None:
    found = customer(unique("cus_"))
    deliver(event(merchant, "customer.created", found, 1_767_225_700))
    worker = threading.Thread(target=drain_elsewhere)
    with scope(merchant.id):
        lock([lock_key(merchant.stripe_account_id, found)])
        worker.start()
        worker.join(timeout=1)
        assert worker.is_alive()
        assert not Customer.objects.for_merchant(merchant.id).filter(stripe_id=found["id"]).exists()
    worker.join(timeout=20)
    with scope(merchant.id):
        assert Customer.objects.for_merchant(merchant.id).filter(stripe_id=found["id"]).exists()


def drain_elsewhere() -> None:
    try:
        while drain():
            pass
    finally:
        connections.close_all()
