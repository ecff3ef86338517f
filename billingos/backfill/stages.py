"""The stages of a backfill in their order, and how far they have come. Pure.

Events are stored first and read last: whatever an event tells of has happened before its object is asked for, so that
the objects are at least as new as every stored event, and the history can be read when all that it points to is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from billingos.stripe_gateway.listing import LISTS

EVENTS, HISTORY, INFERENCE = "events", "history", "inference"
OBJECTS = tuple(object_type for object_type in LISTS if object_type != "event")
STAGES = (EVENTS, *OBJECTS, HISTORY, INFERENCE)

# How long a stage takes beside the others: what there is one of each month weighs more.
WEIGHTS: Mapping[str, int] = {
    EVENTS: 10,
    "customer": 5,
    "payment_method": 10,
    "subscription": 10,
    "payment_intent": 15,
    "invoice": 25,
    HISTORY: 10,
    INFERENCE: 10,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An object that could not be taken in, and why."""

    object_type: str
    stripe_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Work that was done: `count` objects of `leg`, up to `after`; `share` of the stage (0 to 1) lies behind."""

    leg: str
    after: str
    share: float
    count: int
    problems: list[Problem] = field(default_factory=list)


def weight(stage: str) -> int:
    return WEIGHTS.get(stage, 1)


def percent(stage: str, share: float) -> int:
    """How much of a backfill lies behind it, in this stage (0 to 99: nothing is all of it but its end)."""
    before = sum(weight(one) for one in STAGES[: STAGES.index(stage)])
    behind = before + weight(stage) * min(max(share, 0.0), 1.0)
    return min(99, int(100 * behind / sum(weight(one) for one in STAGES)))


def following(stage: str) -> str | None:
    """The stage after this one."""
    index = STAGES.index(stage) + 1
    return STAGES[index] if index < len(STAGES) else None


def share_by_age(created: int, first: int | None, now: int) -> float:
    """How much of a list that goes from `now` back to `first` (Unix seconds) lies behind an object of `created`."""
    if first is None or first >= now:
        return 0.0
    return min(max((now - created) / (now - first), 0.0), 1.0)
