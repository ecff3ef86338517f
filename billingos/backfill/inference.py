"""History from invoices, for each subscription whose beginning no event tells; and what could not be found out."""

from collections.abc import Iterator

import structlog
from django.db import InterfaceError, OperationalError

from billingos.backfill.models import BackfillGap
from billingos.backfill.stages import Portion, Problem
from billingos.common.errors import MissingReference
from billingos.common.locks import lock, lock_key
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from subscriptions.inferred_history import infer_history
from subscriptions.models import Subscription

log = structlog.get_logger(__name__)
AT_ONCE = 20


def infer_histories(merchant: Merchant, leg: str, after: str) -> Iterator[Portion]:
    """Writes what invoices tell of the subscriptions that come after `after`."""
    with scope(merchant.id):
        total = Subscription.objects.for_merchant(merchant.id).count()
        seen = Subscription.objects.for_merchant(merchant.id).filter(stripe_id__lte=after).count()
    while rows := _subscriptions_after(merchant, after):
        problems = [problem for row in rows for problem in _infer(merchant, row)]
        after, seen = rows[-1].stripe_id, seen + len(rows)
        yield Portion("", after, seen / max(seen, total), len(rows), problems)


def _subscriptions_after(merchant: Merchant, after: str) -> list[Subscription]:
    with scope(merchant.id):
        rows = Subscription.objects.for_merchant(merchant.id).filter(stripe_id__gt=after).select_related("customer")
        return list(rows.order_by("stripe_id")[:AT_ONCE])


def _infer(merchant: Merchant, row: Subscription) -> list[Problem]:
    try:
        with scope(merchant.id):
            lock([lock_key(merchant.stripe_account_id, {"customer": row.customer.stripe_id})])
            gaps = infer_history(merchant.id, row.id)
            known = BackfillGap.objects.for_merchant(merchant.id).filter(subscription_stripe_id=row.stripe_id)
            known.delete()
            BackfillGap.objects.bulk_create(
                [
                    BackfillGap(
                        merchant_id=merchant.id,
                        subscription_stripe_id=row.stripe_id,
                        kind=gap.kind,
                        since=gap.since,
                        until=gap.until,
                    )
                    for gap in gaps
                ]
            )
    except MissingReference as missing:
        return [Problem("subscription", row.stripe_id, f"{missing.object_type} {missing.stripe_id} is not here")]
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # one strange history must not keep an account from being imported
        log.exception("history_not_inferred", subscription=row.stripe_id)
        return [Problem("subscription", row.stripe_id, f"{type(error).__name__}: {error}"[:300])]
    return []
