"""Events that Stripe has made and that never came: found in Stripe's list of the last 30 days, and taken into the
inbox, so that the history of a subscription is whole."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from billingos.common.periods import from_stripe
from billingos.common.registries import handlers_of, mirrored_model, witnesses_of
from billingos.common.tenancy import scope
from billingos.reconciliation.comparing import Comparer
from billingos.reconciliation.models import ComparedObject, Drift
from billingos.reconciliation.snapshots import plain
from billingos.webhooks.intake import storable, store
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.services import adopt
from billingos.webhooks.wakeup import wake_drainer

Event = dict[str, Any]


def missed(comparer: Comparer, events: Sequence[Event]) -> list[Event]:
    """Those of the events that BillingOS would act on and has not got, oldest first. What has just happened may be on
    its way still: it is given the time of grace."""
    wanted = [one for one in events if handlers_of(one["type"]) or witnesses_of(one["type"])]
    found = _not_here(comparer, wanted)
    if found and (rest := _grace_left(comparer)) > 0:
        time.sleep(rest)
        found = _not_here(comparer, found)
    return found[::-1]


def under_way(comparer: Comparer, events: Iterable[Event]) -> set[str]:
    """The ids of what these events are about, of those that have not come. (Lost ones of before the run are in the
    inbox by then.)"""
    return {str(one["data"]["object"].get("id")) for one in _not_here(comparer, events)}


def _not_here(comparer: Comparer, events: Iterable[Event]) -> list[Event]:
    merchant_id = comparer.merchant.id
    ids = [one["id"] for one in events]
    with scope(merchant_id):
        rows = WebhookEvent.objects.filter(merchant_id=merchant_id, stripe_event_id__in=ids)
        known = set(rows.values_list("stripe_event_id", flat=True))
        if comparer.run.dry_run:  # which takes none into the inbox: a page that is looked at again has told of them
            drifts = comparer.run.drifts.filter(object_type="event", stripe_id__in=ids)
            known |= set(drifts.values_list("stripe_id", flat=True))
    return [one for one in events if one["id"] not in known]


def _grace_left(comparer: Comparer) -> float:
    """Seconds until all that had happened when the newest events were asked for must have come."""
    asked_at = datetime.fromisoformat(comparer.run.cursor["events_asked_at"])
    return (asked_at + timedelta(seconds=settings.RECONCILE_GRACE_SECONDS) - timezone.now()).total_seconds()


def make_up_for(comparer: Comparer, event: Event, compared: dict[tuple[str, str], ComparedObject]) -> None:
    """What the event would have told is compared, and stored as a difference with its cause; then the event goes into
    the inbox, for the history that it belongs to. Done twice, it is told of once."""
    found = event["data"]["object"]
    key = (found.get("object", ""), str(found.get("id") or ""))
    if key[1] and mirrored_model(key[0]) and key not in compared:
        compared[key] = comparer.compare(None, *key, cause=Drift.Cause.EVENT_NEVER_CAME)
    now, created = timezone.now(), from_stripe(event["created"])
    with scope(comparer.merchant.id):
        Drift.objects.get_or_create(
            merchant_id=comparer.merchant.id,
            run=comparer.run,
            object_type="event",
            stripe_id=event["id"],
            defaults={
                "field": event["type"],
                "stripes": {"object": key[0], "id": key[1], "created": plain(created)},
                "kind": Drift.Kind.MISSING_HERE,
                "cause": Drift.Cause.EVENT_NEVER_CAME,
                "object_created_at": created,
                "since": created,
                "found_at": now,
                "repaired_at": None if comparer.run.dry_run else now,
            },
        )
    if not comparer.run.dry_run:
        if not store(storable({**event, "account": comparer.merchant.stripe_account_id})):
            adopt(comparer.merchant, event["id"])
        wake_drainer()
