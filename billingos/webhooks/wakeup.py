"""One wake-up for however many events: the drainer takes all it finds, and the sweep finds what a lost wake-up left."""

import structlog
from django_redis import get_redis_connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

FLAG = "bos:inbox:awake"
FLAG_SECONDS = 5  # a wake-up that got lost blocks others no longer than this


def wake_drainer() -> None:
    """Asks a worker to drain the inbox, unless one was asked already. Without Redis the sweep does it, later."""
    from billingos.webhooks.tasks import (
        drain_inbox,
    )  # the task module imports the drainer, which imports this one

    try:
        if get_redis_connection("default").set(FLAG, 1, nx=True, ex=FLAG_SECONDS):
            drain_inbox.apply_async(retry=False, ignore_result=True)
    except (RedisError, OperationalError):
        log.warning("drainer_not_woken")


def drainer_is_awake() -> None:
    """The drainer begins: from now on a new event must wake one again."""
    try:
        get_redis_connection("default").delete(FLAG)
    except RedisError:
        log.warning("wakeup_flag_not_cleared")
