"""The table of pages, and how a request becomes one."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from stripe_simulator.engine import Engine
from stripe_simulator.errors import StripeError
from stripe_simulator.pages.html import Markup, document, style

log = logging.getLogger("stripe_simulator")
_POLICY = "default-src 'none'; style-src 'self'; img-src data:; form-action *; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class Visit:
    """A request for a page: the engine, the parts of its path, and what its form or query says."""

    engine: Engine
    method: str
    sent: dict[str, str]
    address: str


@dataclass(frozen=True)
class Page:
    """What a person sees, with the status of the answer."""

    title: str
    body: Markup
    status: int = 200
    wide: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """The person is sent to another address."""

    url: str


@dataclass(frozen=True)
class Download:
    """A file."""

    content: bytes
    type: str
    name: str


Answer = Page | Elsewhere | Download
View = Callable[..., Answer]


class Site:
    """Answers requests for pages; None for an address that is none."""

    def __init__(self, engine: Engine, views: dict[str, View]) -> None:
        self._engine = engine
        self._urls = Map([Rule(path, methods=["GET", "POST"], endpoint=view) for path, view in views.items()])

    def respond(self, request: Request) -> Response | None:
        """The page, the redirect, or None."""
        if request.path == "/simulator.css":
            return Response(style(), mimetype="text/css", headers={"Cache-Control": "max-age=3600"})
        try:
            view, ids = self._urls.bind("simulator").match(request.path, request.method)
        except HTTPException:
            return None
        sent = request.form.to_dict() if request.method == "POST" else request.args.to_dict()
        visit = Visit(self._engine, request.method, sent, request.host_url.rstrip("/"))
        return _response(self._view(view, visit, dict(ids)))

    def _view(self, view: View, visit: Visit, ids: dict[str, Any]) -> Answer:
        try:
            return view(visit, **ids)
        except StripeError as error:
            return Page("Not possible", Markup("<p>{}</p>").format(str(error)), status=error.status)
        except Exception:
            log.exception("a page failed")
            return Page("Something went wrong", Markup("<p>The simulator's log has the details.</p>"), status=500)


def _response(answer: Answer) -> Response:
    if isinstance(answer, Elsewhere):
        return redirect(answer.url, 303)
    if isinstance(answer, Download):
        named = {"Content-Disposition": f'inline; filename="{answer.name}"'}
        return Response(answer.content, headers=named, mimetype=answer.type)
    body = document(answer.title, answer.body, wide=answer.wide)
    headers = {
        "Content-Security-Policy": _POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body, answer.status, headers, mimetype="text/html")
