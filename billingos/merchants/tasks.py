"""Sweeps that finish what died half-way."""

import structlog
from celery import shared_task

from billingos.common.errors import BillingError
from billingos.merchants.selectors import get_merchant
from billingos.stripe_gateway.intents import abandoned, forget_old_intents, resume

log = structlog.get_logger(__name__)


@shared_task
def resume_write_intents() -> None:
    """Every request left half-done is asked again, with the same parameters and the same key."""
    for merchant_id, group in abandoned():
        try:
            resume(merchant=get_merchant(merchant_id), group=group)
        except BillingError as error:
            log.warning("intent_not_resumed", group=str(group), code=error.code)
        except Exception:  # whatever it is: one request that cannot be finished must not keep the others waiting
            log.exception("intent_not_resumed", group=str(group))


@shared_task
def prune_write_intents() -> None:
    forget_old_intents()
