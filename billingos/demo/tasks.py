"""Celery, in demo mode only: the demo's clocks follow the wall."""

from celery import shared_task

from billingos.demo.following import follow


@shared_task
def follow_the_wall() -> None:
    follow()
