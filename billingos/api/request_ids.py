"""Every answer carries an id, every log line of its request the same."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars, clear_contextvars

from billingos.common.ids import uuid7

# A caller's own id is kept, so that a trace can cross systems; anything but plain characters is not.
ACCEPTED = re.compile(r"[A-Za-z0-9_-]{8,64}")


class RequestIdMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-Id", "")
        request_id = sent if ACCEPTED.fullmatch(sent) else f"req_{uuid7().hex}"
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        request.request_id = request_id  # type: ignore[attr-defined]  # read where errors are rendered
        response = self.get_response(request)
        response.headers["X-Request-Id"] = request_id
        return response
