"""`/healthz`: the process answers. `/readyz`: it can do its work. `/metrics`: how it goes, for Prometheus."""

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from billingos.common import metrics as measured
from billingos.webhooks.selectors import InboxLoad, inbox_load

LOOPBACK = ("127.0.0.1", "::1")
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-Ip")


def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """503 when the database is gone or the inbox has fallen behind. Redis may be gone: that is slower, not broken."""
    load = _inbox()
    redis = _answers(lambda: get_redis_connection("default").ping())
    late = load is not None and load.age > settings.INBOX_MAX_LAG_SECONDS
    checks = {
        "database": "ok" if load else "unavailable",
        "redis": "ok" if redis else "unavailable",
        "inbox": {
            "status": "behind" if late else "ok",
            "lag_seconds": round(load.age, 3) if load else None,
            "due": load.due if load else None,
            "received_last_minute": load.received if load else None,
            "finished_last_minute": load.finished if load else None,
        },
    }
    ready = load is not None and not late
    return JsonResponse({"status": "ready" if ready else "not_ready", "checks": checks}, status=200 if ready else 503)


def metrics(request: HttpRequest) -> HttpResponse:
    """To whoever has the token; without one, to this machine alone, and not through a proxy that runs on it."""
    if settings.METRICS_TOKEN:
        if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
            return HttpResponse(
                "The token is METRICS_TOKEN.\n", "text/plain", 401, headers={"WWW-Authenticate": "Bearer"}
            )
    elif not _comes_from_here(request):
        return HttpResponse("Only from this machine, unless METRICS_TOKEN is set.\n", "text/plain", 403)
    return HttpResponse(measured.rendered(), measured.CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _comes_from_here(request: HttpRequest) -> bool:
    forwarded = any(name in request.headers for name in FORWARDED)
    return request.META.get("REMOTE_ADDR") in LOOPBACK and not forwarded and not settings.BEHIND_TLS_PROXY


def _inbox() -> InboxLoad | None:
    try:
        return inbox_load()
    except (DatabaseError, InterfaceError):  # the second is a connection that the server has closed
        return None


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except RedisError:
        return False
    return True
