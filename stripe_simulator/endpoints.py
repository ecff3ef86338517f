"""The table of endpoints, filled by the modules of ``resources``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stripe_simulator.params import EXPAND, Fields
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

Handler = Callable[..., Json]


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One method on one path: what it takes and the function that answers it.

    What a ``dry`` one changes is undone once it has answered: previews do what they show, and nothing remains.
    """

    method: str
    path: str
    fields: Fields
    handler: Handler
    dry: bool = False

    def call(self, work: Work, values: dict[str, Any], ids: dict[str, str]) -> Json:
        """Answer; ``ids`` are the variable parts of the path."""
        return self.handler(work, values, **ids)


ENDPOINTS: list[Endpoint] = []


def endpoint(
    method: str, path: str, fields: Fields | None = None, *, dry: bool = False
) -> Callable[[Handler], Handler]:
    """Register a function ``(work, values, **ids) -> Json`` for a method on a path (``/v1/prices/<id>``)."""

    def register(handler: Handler) -> Handler:
        ENDPOINTS.append(Endpoint(method, path, EXPAND | dict(fields or {}), handler, dry))
        return handler

    return register
