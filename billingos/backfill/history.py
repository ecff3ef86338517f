"""The events that Stripe still has, for the inbox and for the history of subscriptions.

The rows of the objects come from the lists. Of an event only that is applied which no list tells: what became of a
subscription and when, and discounts that have ended. An event that came by webhook meanwhile is left to the drainer.
"""

from collections.abc import Iterator
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from billingos.backfill.stages import Portion, Problem, share_by_age
from billingos.backfill.walk import dated_pages
from billingos.common.errors import BillingError, MissingReference, StripeUnavailable
from billingos.common.locks import lock, lock_key
from billingos.common.registries import handlers_of, witnesses_of
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.listing import Leg
from billingos.stripe_gateway.settling import settle
from billingos.webhooks.drainer import as_stripe_event
from billingos.webhooks.intake import storable, store
from billingos.webhooks.models import WebhookEvent

log = structlog.get_logger(__name__)
KEPT = timedelta(days=30)  # how long Stripe keeps events
ON_ITS_WAY = timedelta(hours=1)  # how late a delivery may come, unless Stripe had to try again
BACKFILLED = "backfill"  # the reason of events that came so
DISCOUNTS = "customer.discount."
MOST_REFERENCES = 10
AT_ONCE = 100


def store_events(merchant: Merchant, leg: str, after: str) -> Iterator[Portion]:
    """Puts all events that Stripe has into the inbox, the newest first, as finished. What may be on its way still is
    left to be worked on: finished, its delivery would be taken for a second one."""
    _adopt_events(merchant)
    now = int(timezone.now().timestamp())
    young = now - int(ON_ITS_WAY.total_seconds())
    for _, found in dated_pages(merchant, Leg("event"), after):
        for event in found:
            account = {"account": merchant.stripe_account_id} if merchant.stripe_account_id else {}
            finished = "" if event["created"] >= young else BACKFILLED
            store(storable({**event, **account}), finished=finished)
        share = share_by_age(found[-1]["created"], now - int(KEPT.total_seconds()), now)
        yield Portion("event", found[-1]["id"], share, len(found))


def _adopt_events(merchant: Merchant) -> None:
    """Those that came for the account while it was nobody's."""
    with platform_scope():
        rows = WebhookEvent.objects.filter(merchant=None, account=merchant.stripe_account_id)
        rows.filter(livemode=settings.STRIPE_LIVE_MODE).update(
            merchant=merchant, status=WebhookEvent.Status.PROCESSED, reason=BACKFILLED
        )


def read_history(merchant: Merchant, leg: str, after: str) -> Iterator[Portion]:
    """Lets the keepers of history see the stored events, in the order of the inbox."""
    while rows := _events_after(merchant, after):
        problems = [problem for row in rows if _tells(row) for problem in _read(merchant, row)]
        after = str(rows[-1].id)
        yield Portion("", after, 0.5, sum(map(_tells, rows)), problems)


def _events_after(merchant: Merchant, after: str) -> list[WebhookEvent]:
    with scope(merchant.id):
        rows = WebhookEvent.objects.filter(merchant_id=merchant.id, reason=BACKFILLED)
        if after:
            rows = rows.filter(id__gt=after)
        return list(rows.order_by("id")[:AT_ONCE])


def _tells(row: WebhookEvent) -> bool:
    return bool(witnesses_of(row.type)) or row.type.startswith(DISCOUNTS)


def _read(merchant: Merchant, row: WebhookEvent) -> list[Problem]:
    """What went wrong."""
    for _ in range(MOST_REFERENCES):
        try:
            _show(merchant, row)
            return []
        except (OperationalError, InterfaceError, StripeUnavailable):
            raise
        except MissingReference as missing:
            try:
                settle(merchant, missing.object_type, missing.stripe_id)
            except StripeUnavailable:
                raise
            except BillingError as error:
                return [Problem("event", row.stripe_event_id, f"{error.code}: {error.message}")]
        except Exception as error:  # one strange event must not keep an account from being imported
            log.exception("event_not_read", event_id=row.stripe_event_id)
            return [Problem("event", row.stripe_event_id, f"{type(error).__name__}: {error}"[:300])]
    return [Problem("event", row.stripe_event_id, "its references do not end")]


def _show(merchant: Merchant, row: WebhookEvent) -> None:
    event = as_stripe_event(row)
    with scope(merchant.id), transaction.atomic():
        lock([lock_key(event.account, event.object)])
        for reader in witnesses_of(event.type) or handlers_of(event.type):
            reader(merchant.id, event)
