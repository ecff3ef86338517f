"""The front door: Stripe's API under ``/v1``, what Stripe has no address for under ``/_simulator``, and pages.

Pages and ``/_simulator`` ask for no key: they are for the person at this machine. A browser that was sent here
by another site is turned away.
"""

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from werkzeug.wrappers import Request, Response

from stripe_simulator import faults
from stripe_simulator.admin import Admin
from stripe_simulator.app import App
from stripe_simulator.errors import StripeError, unknown_url
from stripe_simulator.faults import Fault, Faults
from stripe_simulator.ids import new_id
from stripe_simulator.pages.site import Site
from stripe_simulator.settings import API_VERSION

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Front:
    """WSGI: sends each request to the API, the administration or the pages."""

    def __init__(self, api: App, admin: Admin, site: Site, faults: Faults, platform: str) -> None:
        self._api, self._admin, self._site = api, admin, site
        self._faults, self._platform = faults, platform

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        path = request.path
        if path.startswith(("/v1/", "/v2/")):
            return self._through_faults(request, environ, start_response)
        if path == "/healthz":
            return Response('{"status": "ok"}', mimetype="application/json")(environ, start_response)
        return self._local(request)(environ, start_response)

    def _local(self, request: Request) -> Response:
        if request.method == "POST" and _from_elsewhere(request):
            return _error(StripeError("A page of another site can't do this.", status=403))
        try:
            if request.path.startswith("/_simulator/"):
                return self._admin.respond(request)
            return self._site.respond(request) or _error(unknown_url(request.method, request.path))
        except StripeError as error:
            return _error(error)

    def _through_faults(
        self, request: Request, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        account = request.headers.get("Stripe-Account") or self._platform
        try:
            fault, wait = self._faults.next(account, request.headers.get(faults.HEADER))
        except StripeError as error:
            return _error(error)(environ, start_response)
        if wait:
            time.sleep(wait / 1_000)
        refused = _refusal(fault)
        if refused is not None:
            return refused(environ, start_response)
        if fault == "drop_connection":
            return _hang_up(environ, start_response)
        if fault == "lose_answer":
            Response.from_app(self._api, environ)
            return _hang_up(environ, start_response)
        return self._api(environ, start_response)


def _refusal(fault: Fault | None) -> Response | None:
    if fault == "rate_limit":
        return _error(faults.rate_limited(), {"Stripe-Rate-Limited-Reason": "global-rate"})
    return _error(faults.server_error()) if fault == "error_500" else None


def _error(error: StripeError, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(error.body(), indent=2)
    common = {"Request-Id": new_id("request"), "Stripe-Version": API_VERSION}
    return Response(body, error.status, common | (headers or {}), mimetype="application/json")


def _hang_up(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Close the connection without an answer. Under a server other than waitress it is an empty 502."""
    channel = getattr(environ.get("waitress.client_disconnected"), "__self__", None)
    if channel is not None:
        channel.socket.shutdown(2)
    return Response(status=502)(environ, start_response)


def _from_elsewhere(request: Request) -> bool:
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc != request.host
