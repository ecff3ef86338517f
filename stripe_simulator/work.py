"""One unit of work: a request, or the engine acting for one account. All reads and writes go through it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stripe_simulator.database import Record
from stripe_simulator.errors import not_found
from stripe_simulator.ids import new_id
from stripe_simulator.store import Store

if TYPE_CHECKING:
    from stripe_simulator.settings import Settings


@dataclass
class Work:
    """Access to one account's state, the time there, and the events that the work causes."""

    store: Store
    settings: "Settings"
    account: str
    wall: Callable[[], int]
    run_clock: Callable[[str, str, Callable[[list[Record]], None]], None]
    run_clock_in_background: Callable[[str, str], None]
    page_root: str = ""  # where a browser reaches the simulator's pages
    request_id: str | None = None
    idempotency_key: str | None = None
    deliveries: list[Record] = field(default_factory=list)
    after: Callable[[], None] | None = None  # run once the request is committed and the lock released

    def inside(self, account: str) -> "Work":
        """The same work in another account; what it causes is delivered together."""
        return replace(self, account=account)

    @property
    def platform(self) -> str:
        """The id of the platform's own account."""
        return self.settings.platform_account

    def now(self, clock: str | None = None) -> int:
        """Unix seconds on a test clock, or on the wall."""
        if clock is not None:
            found = self.store.find(self.account, "test_helpers.test_clock", clock)
            if found is not None:
                return int(found["_now"])
        return self.wall()

    def find(self, kind: str, id: str | None) -> Record | None:
        """The record of this account, or None."""
        return None if id is None else self.store.find(self.account, kind, id)

    def get(self, kind: str, id: str, param: str = "id") -> Record:
        """The record of this account; a StripeError says that there is none."""
        record = self.find(kind, id)
        if record is None:
            raise not_found(_label(kind), id, param, 404 if param == "id" else 400)
        return record

    def all(self, kind: str) -> Iterable[Record]:
        """Every record of a kind in this account."""
        return self.store.all(self.account, kind)

    def related(self, kind: str, index: str, value: str | None) -> list[Record]:
        """Records found by an index, oldest first."""
        return self.store.related(self.account, kind, index, value)

    def insert(
        self, kind: str, body: Record, *, clock: str | None = None, id: str | None = None, **private: Any
    ) -> Record:
        """Add an object; ``body`` wins over the generated id and the common fields."""
        record: Record = {"id": id or new_id(kind), "object": kind} | body
        if kind not in _SILENT:
            record.setdefault("livemode", False)
        record |= {f"_{name}": value for name, value in private.items()}
        record |= {"_account": self.account, "_kind": kind, "_clock": clock}
        record.setdefault("_due", None)
        self.store.insert(record)
        return record

    @contextmanager
    def edit(self, record: Record) -> Iterator[Record]:
        """Change a record within the block."""
        self.store.touch(record)
        yield record
        self.store.reindex(record)

    def delete(self, record: Record) -> None:
        """Remove a record."""
        self.store.delete(record)


_SILENT = ("account", "discount", "refund")  # the objects that do not say whether they are live
_LABELS = {
    "billing.meter": "meter",
    "promotion_code": "promotion code",
    "tax_rate": "tax rate",
    "test_helpers.test_clock": "test clock",
    "payment_method": "PaymentMethod",
    "payment_intent": "payment_intent",
    "entitlements.feature": "feature",
    "webhook_endpoint": "webhook endpoint",
    "subscription_item": "subscription_item",
}


def _label(kind: str) -> str:
    return _LABELS.get(kind, kind)
