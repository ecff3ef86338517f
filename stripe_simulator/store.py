"""All objects in memory, by account, kind and id, with indexes, due times and a journal to undo or commit.

A record is the JSON object itself plus fields that begin with an underscore and never leave the simulator:
``_account``, ``_kind``, ``_clock`` (the test clock it lives by, or None for the wall clock) and ``_due``
(Unix seconds at which the engine must look at it again, or None).
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from stripe_simulator.database import Database, Record

Key = tuple[str, str, str]

# kind → index name → the values under which a record is found
INDEXES: dict[str, dict[str, Callable[[Record], Iterable[str | None]]]] = {
    "billing.meter": {"event_name": lambda r: [r["event_name"]]},
    "billing.meter_event": {
        "identifier": lambda r: [r["identifier"]],
        "meter_customer": lambda r: [] if r["_canceled"] else [f"{r['_meter']}/{r['_customer']}"],
    },
    "checkout.session": {"intent": lambda r: [r["_intent"]]},
    "credit_note": {"customer": lambda r: [r["customer"]], "invoice": lambda r: [r["invoice"]]},
    "customer": {"clock": lambda r: [r["_clock"]]},
    "customer_balance_transaction": {"customer": lambda r: [r["customer"]]},
    "discount": {"customer": lambda r: [r["customer"]]},
    "entitlements.active_entitlement": {"customer": lambda r: [r["_customer"]]},
    "dispute": {"charge": lambda r: [r["charge"]], "payment_intent": lambda r: [r["payment_intent"]]},
    "invoice": {
        "customer": lambda r: [r["customer"]],
        "subscription": lambda r: [r["_subscription"]],
    },
    "invoice_payment": {
        "invoice": lambda r: [r["invoice"]],
        "payment_intent": lambda r: [r["payment"].get("payment_intent")],
    },
    "invoiceitem": {"customer": lambda r: [r["customer"]], "invoice": lambda r: [r["invoice"]]},
    "charge": {
        "customer": lambda r: [r["customer"]],
        "payment_intent": lambda r: [r["payment_intent"]],
    },
    "payment_intent": {"customer": lambda r: [r["customer"]]},
    "payment_method": {"customer": lambda r: [r["customer"]]},
    "price": {"product": lambda r: [r["product"]], "lookup_key": lambda r: [r["lookup_key"]]},
    "promotion_code": {"code": lambda r: [r["code"].lower()]},
    "product_feature": {"product": lambda r: [r["_product"]]},
    "refund": {"charge": lambda r: [r["charge"]], "payment_intent": lambda r: [r["payment_intent"]]},
    "setup_intent": {"customer": lambda r: [r["customer"]]},
    "subscription_schedule": {"customer": lambda r: [r["customer"]]},
    "subscription": {
        "customer": lambda r: [r["customer"]],
        "item": lambda r: [item["id"] for item in r["items"]["data"]],
    },
    "tax_id": {"customer": lambda r: [r["customer"]]},
    "webhook_endpoint": {},
}


def clone(value: Any) -> Any:
    """A deep copy of JSON."""
    if type(value) is dict:
        return {key: clone(child) if type(child) in _NESTING else child for key, child in value.items()}
    return [clone(child) for child in value] if type(value) is list else value


_NESTING = frozenset((dict, list))


class Store:
    """State and its journal. Not thread-safe: the engine's lock is held around every use."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kinds: dict[tuple[str, str], dict[str, Record]] = defaultdict(dict)
        self._indexes: dict[tuple[str, str, str, str], dict[str, None]] = defaultdict(dict)
        self._due: dict[str | None, list[tuple[int, str, Key]]] = defaultdict(list)
        self._before: dict[Key, Record | None] = {}
        for record in database.load():
            self._place(record)

    def find(self, account: str, kind: str, id: str) -> Record | None:
        """The record, or None."""
        return self._kinds[account, kind].get(id)

    def all(self, account: str, kind: str) -> Iterable[Record]:
        """Every record of a kind in an account, in no order."""
        return list(self._kinds[account, kind].values())

    def anywhere(self, account: str, id: str) -> Record | None:
        """The record with this id in an account, whatever its kind, or None."""
        for (holder, kind), records in self._kinds.items():
            if holder == account and kind not in ("idempotency", "delivery") and id in records:
                return records[id]
        return None

    def accounts_with(self, kind: str) -> list[str]:
        """The accounts that hold records of a kind."""
        return [account for (account, held), records in self._kinds.items() if held == kind and records]

    def counts(self, account: str) -> dict[str, int]:
        """How many records of each kind an account holds."""
        return {kind: len(records) for (holder, kind), records in self._kinds.items() if holder == account and records}

    def related(self, account: str, kind: str, index: str, value: str | None) -> list[Record]:
        """Records found under a value of an index, oldest first."""
        read, found = INDEXES[kind][index], []
        for id in list(self._indexes[account, kind, index, value or ""]):
            record = self._kinds[account, kind].get(id)
            if record is not None and value in read(record):
                found.append(record)
        return found

    def insert(self, record: Record) -> None:
        """Add a new record."""
        self._before.setdefault(_key(record), None)
        self._place(record)

    def touch(self, record: Record) -> None:
        """Say before changing a record that it will change."""
        key = _key(record)
        if key not in self._before:
            self._before[key] = clone(record)

    def reindex(self, record: Record) -> None:
        """Say after changing an indexed field or ``_due`` that it changed."""
        self._index(record)

    def delete(self, record: Record) -> None:
        """Remove a record."""
        key = _key(record)
        self._before.setdefault(key, clone(record))
        self._kinds[key[0], key[1]].pop(key[2], None)

    def next_due(self, clock: str | None, until: int) -> Record | None:
        """The earliest record of a clock that is due at or before ``until``, or None."""
        heap = self._due[clock]
        while heap:
            due, _, (account, kind, id) = heap[0]
            record = self.find(account, kind, id)
            if record is None or record.get("_due") != due or record["_clock"] != clock:
                heapq.heappop(heap)
            elif due <= until:
                return record
            else:
                return None
        return None

    def commit(self) -> None:
        """Write the changes through and forget how to undo them."""
        if not self._before:
            return
        changed, deleted = [], []
        for (account, kind, id), before in self._before.items():
            record = self._kinds[account, kind].get(id)
            if record is not None:
                changed.append(record)
            elif before is not None:
                deleted.append(before)
        texts = [(record["_account"], record["id"], record.pop("_data")) for record in changed if "_data" in record]
        self._database.write(changed, deleted, texts)
        self._before.clear()

    def text(self, record: Record) -> str:
        """An event's long text, which leaves memory when it is committed."""
        return str(record["_data"]) if "_data" in record else self._database.text(record["_account"], record["id"])

    def rollback(self) -> None:
        """Undo every change since the last commit."""
        for (account, kind, id), before in self._before.items():
            if before is None:
                self._kinds[account, kind].pop(id, None)
            else:
                self._place(before)
        self._before.clear()

    def _place(self, record: Record) -> None:
        self._kinds[record["_account"], record["_kind"]][record["id"]] = record
        self._index(record)

    def _index(self, record: Record) -> None:
        account, kind, id = _key(record)
        for name, read in INDEXES.get(kind, {}).items():
            for value in read(record):
                self._indexes[account, kind, name, value or ""].setdefault(id)
        if record.get("_due") is not None:
            heapq.heappush(self._due[record["_clock"]], (record["_due"], id, (account, kind, id)))


def _key(record: Record) -> Key:
    return record["_account"], record["_kind"], record["id"]
