from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from usage.ingestion import ensure_partition


@shared_task
def make_partitions() -> None:
    """This month's and the next two months' partitions exist before they are needed."""
    for days in (0, 31, 62):
        ensure_partition(timezone.now() + timedelta(days=days))
