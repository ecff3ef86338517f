"""``/_simulator``: what Stripe has no address for. Chaos, faults, the delivery log, redelivery, time."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from stripe_simulator import chaos
from stripe_simulator.deliveries import Deliveries
from stripe_simulator.engine import Engine
from stripe_simulator.errors import invalid, unknown_url
from stripe_simulator.faults import Faults
from stripe_simulator.rendering import Json

DRAIN_SECONDS = 30


class Admin:
    """Answers in JSON; takes JSON or a form."""

    def __init__(self, engine: Engine, deliveries: Deliveries, faults: Faults) -> None:
        self._engine, self._deliveries, self._faults = engine, deliveries, faults
        self._urls = Map([Rule(f"/_simulator/{path}", methods=[method], endpoint=made) for method, path, made in (
            ("GET", "chaos", self._chaos),
            ("POST", "chaos", self._unleash),
            ("GET", "faults", self._shown_faults),
            ("POST", "faults", self._plan),
            ("DELETE", "faults", self._clear),
            ("GET", "deliveries", self._log),
            ("POST", "events/<id>/redeliver", self._redeliver),
            ("POST", "drain", self._drain),
            ("POST", "tick", self._tick),
        )])  # fmt: skip

    def respond(self, request: Request) -> Response:
        """The answer; a StripeError for an unknown path or a bad value."""
        try:
            found, ids = self._urls.bind("simulator").match(request.path, request.method)
        except HTTPException as missing:
            raise unknown_url(request.method, request.path) from missing
        answer: Callable[..., Json] = found
        return Response(json.dumps(answer(_sent(request), **ids), indent=2), mimetype="application/json")

    def _chaos(self, sent: Json) -> Json:
        return asdict(self._deliveries.chaos)

    def _unleash(self, sent: Json) -> Json:
        self._deliveries.unleash(chaos.read(sent))
        return asdict(self._deliveries.chaos)

    def _shown_faults(self, sent: Json) -> Json:
        return self._faults.shown()

    def _plan(self, sent: Json) -> Json:
        return self._faults.plan(sent)

    def _clear(self, sent: Json) -> Json:
        self._faults.clear()
        return {}

    def _log(self, sent: Json) -> Json:
        """Newest first, by ``event``, ``endpoint`` or ``account``."""
        wanted = {name: sent[name] for name in ("event", "endpoint", "account", "type") if name in sent}
        rows = [asdict(attempt) for attempt in reversed(list(self._deliveries.log))]
        chosen = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
        return {"data": chosen[: _whole(sent.get("limit", 100), "limit")], "pending": self._deliveries.pending}

    def _redeliver(self, sent: Json, id: str) -> Json:
        return {"event": id, "endpoints": self._deliveries.redeliver(id, sent.get("endpoint"))}

    def _drain(self, sent: Json) -> Json:
        return {"drained": self._deliveries.drain(_whole(sent.get("timeout", DRAIN_SECONDS), "timeout"))}

    def _tick(self, sent: Json) -> Json:
        self._engine.tick()
        return {}


def _sent(request: Request) -> Json:
    if request.mimetype == "application/json":
        body: Any = request.get_json(silent=True)
        if not isinstance(body, dict):
            raise invalid("The body must be a JSON object.")
        return dict(body)
    return {**request.args.to_dict(), **request.form.to_dict()}


def _whole(value: Any, name: str) -> int:
    if not str(value).isdigit():
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
    return int(value)
