"""Rows read ahead: while a batch of Stripe's objects is applied in one transaction, what they point to is read in a few
statements instead of many, and read once.

Outside of `reading_ahead` everything here asks the database, so that code that applies one object need not know
whether it is alone. Whoever opens it holds the locks of all objects of the batch.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar
from uuid import UUID

from billingos.common.models import StripeMirrored
from billingos.common.registries import StripeObject, mirrored_model

M = TypeVar("M", bound=StripeMirrored)
T = TypeVar("T")
Rows = dict[tuple[type[StripeMirrored], str], StripeMirrored | None]


class _Memory:
    def __init__(self, merchant_id: UUID) -> None:
        self.merchant_id = merchant_id
        self.wanted: dict[type[StripeMirrored], set[str]] = {}
        self.rows: Rows = {}
        self.found: dict[Hashable, Any] = {}

    def read(self) -> None:
        for model, ids in self.wanted.items():
            rows = model.objects.for_merchant(self.merchant_id).filter(stripe_id__in=ids)
            here = {row.stripe_id: row for row in rows}
            self.rows.update({(model, stripe_id): here.get(stripe_id) for stripe_id in ids})


_memory: ContextVar[_Memory | None] = ContextVar("billingos_readahead", default=None)


@contextlib.contextmanager
def reading_ahead(merchant_id: UUID, objects: Iterable[StripeObject]) -> Iterator[None]:
    """Reads the rows of the objects and of what they point to, one statement a table. Inside the merchant's scope."""
    memory = _Memory(merchant_id)
    memory.wanted = _pointed_to(objects)
    memory.read()
    token = _memory.set(memory)
    try:
        yield
    finally:
        _memory.reset(token)


def _pointed_to(objects: Iterable[StripeObject]) -> dict[type[StripeMirrored], set[str]]:
    """Stripe names a field after the type of what it points to."""
    found: dict[type[StripeMirrored], set[str]] = defaultdict(set)
    waiting: list[tuple[str, Any]] = [("", one) for one in objects]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, str) and value:
            if model := mirrored_model(name):
                found[model].add(value)
        elif isinstance(value, list):
            waiting += ((name, one) for one in value)
        elif isinstance(value, dict):
            own = str(value.get("object", name))
            waiting += ((own if key == "id" else str(key), inner) for key, inner in value.items())
    return found


def forget() -> None:
    """After a savepoint was rolled back what was read or written within it is not so: all is read anew."""
    if memory := _memory.get():
        memory.rows.clear()
        memory.found.clear()
        memory.read()


def mirrored_row(model: type[M], merchant_id: UUID, stripe_id: str) -> M | None:
    """The row that mirrors this object of Stripe's, if there is one; an empty id names none."""
    if not stripe_id:
        return None
    memory = _memory.get()
    key = (model, stripe_id)
    if memory is not None and memory.merchant_id == merchant_id and key in memory.rows:
        return memory.rows[key]  # type: ignore[return-value]  # a row of the key's model
    row: M | None = model.objects.for_merchant(merchant_id).filter(stripe_id=stripe_id).first()
    keep(model, merchant_id, stripe_id, row)
    return row


def mirrored_rows(model: type[M], merchant_id: UUID, stripe_ids: Collection[str]) -> list[M]:
    """Those of the rows that there are; one statement for all that were not read ahead."""
    memory = _memory.get()
    known = memory.rows if memory is not None and memory.merchant_id == merchant_id else {}
    if wanted := [stripe_id for stripe_id in stripe_ids if (model, stripe_id) not in known]:
        rows = model.objects.for_merchant(merchant_id).filter(stripe_id__in=wanted)
        found = {row.stripe_id: row for row in rows}
        for stripe_id in wanted:
            keep(model, merchant_id, stripe_id, found.get(stripe_id))
        if memory is None or memory.merchant_id != merchant_id:
            return list(found.values())
    here = (known.get((model, stripe_id)) for stripe_id in stripe_ids)
    return [row for row in here if isinstance(row, model)]


def is_known_missing(model: type[StripeMirrored], stripe_id: str) -> bool:
    """Whether it was read ahead that there is no such row. Who makes one meanwhile, under another lock, lets the batch
    fail, which is then done again."""
    memory = _memory.get()
    return memory is not None and memory.rows.get((model, stripe_id), memory) is None


def keep(model: type[StripeMirrored], merchant_id: UUID, stripe_id: str, row: StripeMirrored | None) -> None:
    """The row as it is now, for whoever comes after."""
    memory = _memory.get()
    if memory is not None and memory.merchant_id == merchant_id:
        memory.rows[model, stripe_id] = row


def remembered(name: Hashable, find: Callable[[], T]) -> T:
    """What `find` answers, which is asked once a batch."""
    memory = _memory.get()
    if memory is None:
        return find()
    if name not in memory.found:
        memory.found[name] = find()
    found: T = memory.found[name]
    return found


def no_longer(name: Hashable) -> None:
    """What was remembered by this name may not be so any more."""
    if memory := _memory.get():
        memory.found.pop(name, None)
