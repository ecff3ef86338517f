"""The writer of the raw mirror, when several drainers write at once."""

import threading
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from billingos.common.events import AppliedObject
from billingos.common.tenancy import platform_scope
from billingos.mirror.writer import write

AT = datetime(2026, 1, 1, tzinfo=UTC)


def applied(object_type: str, number: str, **fields: Any) -> AppliedObject:
    body = {"object": object_type, "id": f"{object_type}_{number}", "created": 1_767_225_600, "metadata": {}, **fields}
    return AppliedObject("acct_crossing", AT, body)


def test_batches_whose_customers_cross_do_not_wait_for_each_other(committed_db: None) -> None:
    """One brings the customer that the other's invoice points to, and the other way round: with each customer inserted
    in its turn, each drainer would hold what the other one wants."""
    failures: list[Exception] = []

    def drainer(name: str, start: threading.Barrier) -> None:
        try:
            for round_ in range(40):
                a, b = (f"{round_:03}a", f"{round_:03}b") if name == "one" else (f"{round_:03}b", f"{round_:03}a")
                start.wait(10)
                with platform_scope(), transaction.atomic():
                    write([applied("customer", a), applied("invoice", f"{name}{round_}", customer=f"customer_{b}")])
        except Exception as error:  # whatever it is, the main thread tells of it
            failures.append(error)
            start.abort()
        finally:
            connection.close()

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=drainer, args=(name, barrier)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
