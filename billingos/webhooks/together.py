"""Many events of one merchant in one transaction: what they point to is read ahead, and of each object only the newest
state is written.

The events of an object that only bring its state are taken the newest first: the others are stale then, as they would
be had they come late. Each has a savepoint; what fails, or points to what is not here, is left to be applied alone.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, transaction

from billingos.common.errors import MissingReference
from billingos.common.locks import lock, lock_key
from billingos.common.readahead import forget, reading_ahead
from billingos.common.registries import StripeEvent, only_projects
from billingos.common.tenancy import scope
from billingos.webhooks.verdicts import ENDINGS, Verdict, apply_event

log = structlog.get_logger(__name__)


def apply_together(merchant_id: UUID, events: Sequence[StripeEvent]) -> list[Verdict | None]:
    """The verdict on each event; None where it is to be applied alone, as all are where the transaction fails."""
    verdicts: list[Verdict | None] = [None] * len(events)
    try:
        with scope(merchant_id):
            lock(lock_key(event.account, event.object) for event in events)
            with reading_ahead(merchant_id, [event.object for event in events]):
                for index in in_turn(events):
                    verdicts[index] = _attempt(merchant_id, events[index])
    except (DatabaseError, InterfaceError) as error:
        log.warning("not_applied_together", events=len(events), error=f"{type(error).__name__}: {error}"[:300])
        return [None] * len(events)
    return verdicts


def _attempt(merchant_id: UUID, event: StripeEvent) -> Verdict | None:
    try:
        with transaction.atomic():
            return apply_event(merchant_id, event)
    except MissingReference:
        pass
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # noqa: BLE001, S110  whatever it is: alone it fails again, and is told of then
        pass
    forget()
    return None


def in_turn(events: Sequence[StripeEvent]) -> list[int]:
    """The places of the events in the order in which they are applied: objects as they come, and of one object first
    what does more than to bring its state, then its newest state, at last its end."""
    first: dict[str, int] = {}

    def turn(place: int) -> tuple[int, int, float]:
        event = events[place]
        begun = first.setdefault(str(event.object.get("id") or place), place)
        if event.type.endswith(ENDINGS):
            return begun, 2, event.created.timestamp()
        if only_projects(event.type):
            return begun, 1, -event.created.timestamp()
        return begun, 0, event.created.timestamp()

    return sorted(range(len(events)), key=turn)
