"""Lists: newest first (by ``created``, then id), with cursors in both directions."""

from collections.abc import Callable, Iterable
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, not_found
from stripe_simulator.rendering import Json, list_object, render
from stripe_simulator.work import Work

DEFAULT_LIMIT = 10


def newest_first(records: Iterable[Record]) -> list[Record]:
    """By ``created``, then id, both descending."""
    return sorted(records, key=_order, reverse=True)


def within(bounds: dict[str, int] | None, value: int | None) -> bool:
    """Whether a value lies in the bounds of a ``Range`` parameter; None bounds hold everything."""
    if bounds is None:
        return True
    if value is None:
        return False
    return (
        ("gt" not in bounds or value > bounds["gt"])
        and ("gte" not in bounds or value >= bounds["gte"])
        and ("lt" not in bounds or value < bounds["lt"])
        and ("lte" not in bounds or value <= bounds["lte"])
    )


def page(
    work: Work,
    records: Iterable[Record],
    values: dict[str, Any],
    url: str,
    *,
    show: Callable[[Work, Record], Json] = render,
    ordered: bool = False,
) -> Json:
    """One page of records as Stripe shows it; ``ordered`` records keep the order that they come in."""
    everything = list(records) if ordered else newest_first(records)
    limit = values.get("limit", DEFAULT_LIMIT)
    after, before = values.get("starting_after"), values.get("ending_before")
    if after and before:
        raise invalid("You can only specify one of these parameters: starting_after, ending_before.")
    if before:
        end = _position(work, everything, before, "ending_before")[0]
        chosen, has_more = everything[max(end - limit, 0) : end], end > limit
    else:
        start = _position(work, everything, after, "starting_after")[1] if after else 0
        chosen, has_more = everything[start : start + limit], len(everything) > start + limit
    return list_object(url, [show(work, record) for record in chosen], has_more)


def _position(work: Work, records: list[Record], id: str, param: str) -> tuple[int, int]:
    """Where the cursor's object begins and ends in a list; it may have dropped out of the filter."""
    for position, record in enumerate(records):
        if record["id"] == id:
            return position, position + 1
    cursor = work.store.anywhere(work.account, id)
    if cursor is None:
        raise not_found("object", id, param, 400)
    newer = sum(1 for record in records if _order(record) > _order(cursor))
    return newer, newer


def _order(record: Record) -> tuple[int, str]:
    return record.get("created", 0), record["id"]
