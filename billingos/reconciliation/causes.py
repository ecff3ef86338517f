"""Why an object is not here as Stripe has it: from what the inbox knows of it, and from who has changed since both were
last found equal."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max

from billingos.common.registries import StripeObject, mirrored_model
from billingos.reconciliation.differences import Difference
from billingos.reconciliation.models import ComparedObject, Drift
from billingos.reconciliation.snapshots import PARTS, Stamp
from billingos.webhooks.models import WebhookEvent

SLACK = timedelta(seconds=1)  # a row is written a moment before its event is noted as done
Cause = Drift.Cause


def cause_of(
    merchant_id: UUID,
    found: StripeObject,
    different: Sequence[Difference],
    *,
    stamp: Stamp | None,
    known: ComparedObject | None,
    theirs: str,
    ours: str,
) -> Cause:
    """Inside the merchant's scope. `theirs` and `ours` are digests of now, `known` those of when both were equal."""
    ids = {found["id"], *(one.key.name for one in different if one.key.name)}
    events = WebhookEvent.objects.filter(merchant_id=merchant_id, object_id__in=ids)
    states = dict(events.values_list("status").annotate(Max("processed_at")).order_by())
    if WebhookEvent.Status.PENDING in states:
        return Cause.EVENT_WAITS
    failed = events.filter(status=WebhookEvent.Status.FAILED)  # since both were equal: older ones were made up for
    if (failed.filter(received_at__gt=known.equal_at) if known and known.equal_at else failed).exists():
        return Cause.EVENT_FAILED
    if known and known.theirs == theirs:
        return Cause.CHANGED_HERE
    if known and known.ours == ours:
        return Cause.EVENT_NEVER_CAME
    if found.get("deleted"):
        return Cause.UNKNOWN
    told = [at for at in (*states.values(), stamp and stamp.written_at) if at]
    touched = touched_at(merchant_id, found) if stamp else None
    if told and (touched is None or touched > max(told) + SLACK):
        return Cause.CHANGED_HERE
    return Cause.EVENT_NEVER_CAME


def touched_at(merchant_id: UUID, found: StripeObject) -> datetime | None:
    """When a row of the object was last written, by whomever."""
    model: Any = mirrored_model(found["object"])
    rows = [model.objects.for_merchant(merchant_id).filter(stripe_id=found["id"])]
    for part in PARTS.get(found["object"], ()):
        if part.of == "id":
            owner = {part.owner: found["id"]}
            rows.append(part.model._default_manager.filter(merchant_id=merchant_id, **owner))
    return max((at for row in rows if (at := row.aggregate(at=Max("updated_at"))["at"])), default=None)
