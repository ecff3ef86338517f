"""The WSGI application: who asks, for which account, for what; and every error in Stripe's shape."""

import base64
import binascii
import json
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from stripe_simulator import errors, forms, idempotency
from stripe_simulator.endpoints import ENDPOINTS, Endpoint
from stripe_simulator.engine import Engine
from stripe_simulator.errors import StripeError
from stripe_simulator.expansion import expand
from stripe_simulator.ids import new_id
from stripe_simulator.params import read_fields
from stripe_simulator.settings import API_VERSION
from stripe_simulator.work import Work

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger("stripe_simulator")
ECHOED = ("Stripe-Account", "Idempotency-Key")


class App:
    """Answers requests on an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._in_flight = idempotency.InFlight()
        self._urls = Map(
            [Rule(entry.path, methods=[entry.method], endpoint=entry) for entry in ENDPOINTS],
            strict_slashes=False,
        )

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """WSGI."""
        request = Request(environ)
        return self._respond(request)(environ, start_response)

    def _respond(self, request: Request) -> Response:
        request_id = new_id("request")
        replayed = False
        try:
            status, body, replayed = self._answer(request, request_id)
        except StripeError as error:
            status, body = error.status, _dump(error.body())
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            status, body = 500, _dump(_INTERNAL.body())
        return Response(body, status, _headers(request, request_id, replayed), mimetype="application/json")

    def _answer(self, request: Request, request_id: str) -> tuple[int, str, bool]:
        self._authenticate(request)
        account = self._account(request)
        entry, ids = self._match(request)
        raw = forms.decode(list(request.args.items(multi=True)) + list(request.form.items(multi=True)))
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        with self._in_flight.claim(account, key):
            return self._execute(entry, ids, raw, account, key, request_id)

    def _execute(
        self,
        entry: Endpoint,
        ids: dict[str, str],
        raw: dict[str, Any],
        account: str,
        key: str | None,
        request_id: str,
    ) -> tuple[int, str, bool]:
        engine, print = self._engine, ""
        with engine.lock:
            if key is not None:
                print = idempotency.fingerprint(entry.method, entry.path + repr(sorted(ids.items())), raw)
                known = idempotency.recall(engine.store, account, key, print, engine.wall())
                if known is not None:
                    return known["status"], known["body"], True
            values = read_fields(entry.fields, raw)
            work = engine.work(account, request_id=request_id, idempotency_key=key)
            status, body = self._run(entry, work, values, ids)
            if key is not None:
                idempotency.remember(engine.store, account, key, print, status, body, request_id, engine.wall())
            engine.store.commit()
        engine.dispatch(work.deliveries)
        if work.after is not None:
            work.after()
        return status, body, False

    def _run(self, entry: Endpoint, work: Work, values: dict[str, Any], ids: dict[str, str]) -> tuple[int, str]:
        """Status and body; what a failed request changed is undone, except where Stripe keeps it."""
        paths = values.pop("expand", [])
        try:
            body = _dump(expand(work, entry.call(work, values, ids), paths))
            if entry.dry:
                self._undo(work)
            return 200, body
        except StripeError as error:
            if not error.keeps_changes:
                self._undo(work)
            return error.status, _dump(error.body())
        except Exception:
            log.exception("%s %s failed", entry.method, entry.path)
            self._undo(work)
            return 500, _dump(_INTERNAL.body())

    def _undo(self, work: Work) -> None:
        self._engine.store.rollback()
        work.deliveries.clear()
        work.after = None

    def _match(self, request: Request) -> tuple[Endpoint, dict[str, str]]:
        try:
            entry, ids = self._urls.bind("simulator").match(request.path, request.method)
        except HTTPException as missing:
            raise errors.unknown_url(request.method, request.path) from missing
        return entry, dict(ids)

    def _authenticate(self, request: Request) -> None:
        key = _key_of(request.headers.get("Authorization", ""))
        if key != self._engine.settings.secret_key:
            raise errors.unauthorised(key)

    def _account(self, request: Request) -> str:
        platform = self._engine.settings.platform_account
        account = request.headers.get("Stripe-Account") or platform
        with self._engine.lock:
            if self._engine.store.find(account, "account", account) is None:
                raise errors.unknown_account(account)
        return account


_INTERNAL = StripeError(
    "An unknown error occurred inside the Stripe simulator; its log has the details.",
    status=500,
    type="api_error",
)


def _key_of(authorization: str) -> str | None:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(credentials).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _headers(request: Request, request_id: str, replayed: bool) -> dict[str, str]:
    headers = {"Request-Id": request_id, "Stripe-Version": request.headers.get("Stripe-Version", API_VERSION)}
    headers |= {name: request.headers[name] for name in ECHOED if name in request.headers}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return headers


def _dump(body: dict[str, Any]) -> str:
    return json.dumps(body, indent=2)
