from celery import shared_task

from customers.portal_sessions import forget_old_sessions


@shared_task
def prune_portal_sessions() -> None:
    forget_old_sessions()
