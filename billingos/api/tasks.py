from celery import shared_task

from billingos.api.idempotency import forget_old_records


@shared_task
def prune_idempotency_records() -> None:
    forget_old_records()
