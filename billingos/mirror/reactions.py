"""The mirror follows the inbox."""

import structlog
from django.db import DataError, IntegrityError, transaction

from billingos.common.events import ObjectsApplied
from billingos.common.registries import on
from billingos.mirror.writer import write

log = structlog.get_logger(__name__)


@on(ObjectsApplied)
def mirror_objects(event: ObjectsApplied) -> None:
    """An object that dj-stripe's tables will not hold must not keep the inbox from finishing."""
    try:
        with transaction.atomic():
            write(event.objects)
    except (DataError, IntegrityError):
        log.exception("objects_not_mirrored", count=len(event.objects))
