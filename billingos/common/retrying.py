"""Whoever is turned away for now is told when to come again, on pages as in the API."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

SECONDS = 5


class RetryAfterMiddleware:
    """A 503 that names no time of its own gets one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 503:
            response.headers.setdefault("Retry-After", str(SECONDS))
        return response
