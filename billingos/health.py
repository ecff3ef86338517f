"""`/healthz`: the process answers. `/readyz`: it can do its work."""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, JsonResponse
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from billingos.webhooks.selectors import backlog_age


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """503 when the database is gone or the inbox has fallen behind. Redis may be gone: that is slower, not broken."""
    lag, database = _database()
    redis = _answers(lambda: get_redis_connection("default").ping())
    late = lag is not None and lag > settings.INBOX_MAX_LAG_SECONDS
    checks = {
        "database": "ok" if database else "unavailable",
        "redis": "ok" if redis else "unavailable",
        "inbox": {
            "status": "behind" if late else "ok",
            "lag_seconds": None if lag is None else round(lag, 3),
        },
    }
    ready = database and not late
    return JsonResponse({"status": "ready" if ready else "not_ready", "checks": checks}, status=200 if ready else 503)


def _database() -> tuple[float | None, bool]:
    try:
        return backlog_age(), True
    except (DatabaseError, InterfaceError):  # the second is a connection that the server has closed
        return None, False


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except RedisError:
        return False
    return True
