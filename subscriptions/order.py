"""The order of a subscription's changes within one second, from what each says it changed. Pure; no ORM, no clock.

Stripe stamps events to the second (and everything on a frozen test clock with the same one) and delivers them in any
order. But each says what was there before it: one follows another if it begins with what the other has left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST = 10  # beyond this many in one second, links between neighbours must do


@dataclass(frozen=True, slots=True)
class Step:
    """One change: the state that it found and the state that it left, as `step` makes them comparable."""

    name: str
    before: Any
    after: Any


def step(name: str, found: dict[str, Any], previous_attributes: dict[str, Any]) -> Step:
    """The change that a Stripe event tells of: its object, and the previous values of what changed."""
    return Step(name, _without_nothing(_overlaid(found, previous_attributes)), _without_nothing(found))


def _overlaid(found: Any, previous: Any) -> Any:
    if isinstance(found, dict) and isinstance(previous, dict):
        return {**found, **{key: _overlaid(found.get(key), value) for key, value in previous.items()}}
    return previous


def _without_nothing(value: Any) -> Any:
    """Null and absent are the same: a key of the metadata that was not there before is said to have been null."""
    if isinstance(value, dict):
        return {key: _without_nothing(inner) for key, inner in value.items() if inner is not None}
    return [_without_nothing(inner) for inner in value] if isinstance(value, list) else value


def in_order(steps: Sequence[Step], start: Any = None) -> list[Step]:
    """The steps, each beginning where the one before it ended. `start` is the state before them, if it is known.

    Where a step is missing, what is linked stands together and the rest as it came.
    """
    left = list(steps)
    if len(left) <= MOST:
        ends = [one.after for one in left]
        beginnings = sorted((one.before for one in left), key=lambda state: state in ends)
        for state in ([] if start is None else [start], beginnings):
            for beginning in state:
                if (path := _path(beginning, left)) is not None:
                    return path
    return _linked(left)


def _path(state: Any, left: list[Step]) -> list[Step] | None:
    """All of `left` in one chain from `state`, or None."""
    if not left:
        return []
    for index, one in enumerate(left):
        if one.before == state and (rest := _path(one.after, left[:index] + left[index + 1 :])) is not None:
            return [one, *rest]
    return None


def _linked(left: list[Step]) -> list[Step]:
    ordered: list[Step] = []
    while left:
        follows = [one for one in left if ordered and one.before == ordered[-1].after]
        free = [one for one in left if not any(other.after == one.before for other in left if other is not one)]
        following = (follows or free or left)[0]
        ordered.append(following)
        left = [one for one in left if one is not following]
    return ordered
