"""Many events of one merchant in one transaction: what they point to is read ahead, and of each object only the newest
state is written.

The events of an object that only bring its state are taken the newest first: the others are stale then, as they would
be had they come late. What fails, or points to what is not here, is left to be applied alone, with all later events of
its object. As most batches have nothing of the kind, each event gets a savepoint of its own only after the batch has
failed without.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction

from billingos.common.locks import lock
from billingos.common.readahead import forget, reading_ahead
from billingos.common.registries import StripeEvent, only_projects
from billingos.common.tenancy import scope
from billingos.stripe_gateway.listing import LISTS
from billingos.webhooks.verdicts import ENDINGS, Verdict, apply_event, keys_of, knowing_the_gone

RANKS = {kind: rank for rank, kind in enumerate(LISTS)}  # what is pointed to comes first
Apply = Callable[[UUID, StripeEvent], Verdict | None]
log = structlog.get_logger(__name__)


def apply_together(merchant_id: UUID, events: Sequence[StripeEvent]) -> list[Verdict | None]:
    """The verdict on each event; None where it is to be applied alone, as all are where the transaction fails."""
    try:
        return _apply_all(merchant_id, events, apply_event)
    except (OperationalError, InterfaceError) as error:
        _note("not_applied_together", events, error)
        return [None] * len(events)
    except Exception as error:  # noqa: BLE001 - whatever it is: which event it comes of is found out now
        _note("applied_with_savepoints", events, error)
    try:
        return _apply_all(merchant_id, events, _attempt)
    except Exception as error:  # noqa: BLE001 - alone each tells of its own
        _note("not_applied_together", events, error)
        return [None] * len(events)


def _note(what: str, events: Sequence[StripeEvent], error: Exception) -> None:
    log.info(what, events=len(events), error=f"{type(error).__name__}: {error}"[:300])


def _apply_all(merchant_id: UUID, events: Sequence[StripeEvent], apply: Apply) -> list[Verdict | None]:
    verdicts: list[Verdict | None] = [None] * len(events)
    left: set[str] = set()
    with scope(merchant_id):
        lock(key for event in events for key in keys_of(event))
        with reading_ahead(merchant_id, [event.object for event in events]), knowing_the_gone(merchant_id, events):
            for index in in_turn(events):
                name = _name(events[index])
                if name in left:  # or what is left of the object would be judged by what came after it
                    continue
                verdicts[index] = apply(merchant_id, events[index])
                if verdicts[index] is None:
                    left.add(name)
    return verdicts


def _attempt(merchant_id: UUID, event: StripeEvent) -> Verdict | None:
    try:
        with transaction.atomic():
            return apply_event(merchant_id, event)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # noqa: BLE001 - whatever it is: alone it fails again, and is told of then
        forget()
        return None


def in_turn(events: Sequence[StripeEvent]) -> list[int]:
    """The places of the events in the order in which they are applied: what is pointed to first, objects as they come,
    and of one object first what does more than to bring its state, then its newest state, at last its end."""
    first: dict[str, int] = {}

    def turn(place: int) -> tuple[int, int, int, float]:
        event = events[place]
        rank = RANKS.get(event.object.get("object", ""), len(RANKS))
        begun = first.setdefault(_name(event), place)
        if event.type.endswith(ENDINGS):
            return rank, begun, 2, event.created.timestamp()
        if only_projects(event.type):
            return rank, begun, 1, -event.created.timestamp()
        return rank, begun, 0, event.created.timestamp()

    return sorted(range(len(events)), key=turn)


def _name(event: StripeEvent) -> str:
    """Of the event's object; what is only announced has none, and stands for itself."""
    return str(event.object.get("id") or event.id)
