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
    return sorted(records, key=lambda record: (record.get("created", 0), record["id"]), reverse=True)


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
        end = _position(everything, before, "ending_before")
        chosen, has_more = everything[max(end - limit, 0) : end], end > limit
    else:
        start = _position(everything, after, "starting_after") + 1 if after else 0
        chosen, has_more = everything[start : start + limit], len(everything) > start + limit
    return list_object(url, [show(work, record) for record in chosen], has_more)


def _position(records: list[Record], id: str, param: str) -> int:
    for position, record in enumerate(records):
        if record["id"] == id:
            return position
    raise not_found("object", id, param, 400)
