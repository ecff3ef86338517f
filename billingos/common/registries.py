"""The registries through which things flow upward without an import going up.

- `@handles("invoice.paid")`: a Stripe event reaches every handler of its type, in the order of the layers.
- `@witnesses("customer.subscription.updated")`: the same, for events whose object is already out of date too.
- `@on(SubscriptionChanged)`: a domain event reaches every reaction, inside the writer's transaction.
- `@projects("customer")`: a Stripe object becomes a row, whoever brings it: our own write, an event, a repair.

- `@measures("inbox")`: what `/metrics` says of an app (`billingos.common.metrics`).

Apps fill them in `webhooks.py`, `reactions.py`, `sync.py` and `metrics.py`, which each app's `AppConfig.ready` imports
in the order of INSTALLED_APPS: lower layers first.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import UUID

from django.apps import AppConfig

if TYPE_CHECKING:
    from billingos.common.models import StripeMirrored

StripeObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """One event of the inbox, as its handlers see it. `created` is Stripe's stamp, in Stripe's (or a clock's) time."""

    id: str
    type: str
    created: datetime
    account: str | None
    object: StripeObject
    previous_attributes: StripeObject


class DomainEvent:
    """Base of what `publish` takes: frozen dataclasses."""


Handler = Callable[[UUID, StripeEvent], None]


class Projector(Protocol):
    def __call__(self, merchant_id: UUID, stripe_object: StripeObject, event_at: datetime | None, /) -> Any:
        """Writes the row and returns it.

        `event_at` is the stamp of the event that carried the object; None for an answer of Stripe's API, which is the
        truth of the moment. Raises MissingReference when a row it points to is not here yet.
        """


_handlers: dict[str, list[Handler]] = defaultdict(list)
_projecting: set[Handler] = set()
_witnesses: dict[str, list[Handler]] = defaultdict(list)
_reactions: dict[type[DomainEvent], list[Callable[[Any], None]]] = defaultdict(list)
_projectors: dict[str, "tuple[Projector, type[StripeMirrored]]"] = {}

E = TypeVar("E", bound=DomainEvent)
H = TypeVar("H", bound=Handler)
P = TypeVar("P", bound=Projector)


def handles(*event_types: str, only_projects: bool = False) -> Callable[[H], H]:
    """Registers a handler for Stripe event types. One that `only_projects` makes a row of the event's object and does
    nothing else: it may be left out where a newer event of the object was applied before."""

    def register(handler: H) -> H:
        for event_type in event_types:
            _handlers[event_type].append(handler)
        if only_projects:
            _projecting.add(handler)
        return handler

    return register


def only_projects(event_type: str) -> bool:
    """Whether nothing but the object's newest state matters of such events, of which none ends the object."""
    handlers = _handlers.get(event_type)
    return bool(handlers) and _projecting.issuperset(handlers or ()) and not event_type.endswith(".deleted")


def handlers_of(event_type: str) -> list[Handler]:
    return _handlers.get(event_type, [])


def witnesses(*event_types: str) -> Callable[[H], H]:
    """Registers a handler that must also see events whose object is stale: the keepers of history."""

    def register(witness: H) -> H:
        for event_type in event_types:
            _witnesses[event_type].append(witness)
        return witness

    return register


def witnesses_of(event_type: str) -> list[Handler]:
    return _witnesses.get(event_type, [])


def handled_types() -> list[str]:
    return sorted(_handlers)


def on(event_class: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
    """Registers a reaction to a domain event."""

    def register(reaction: Callable[[E], None]) -> Callable[[E], None]:
        _reactions[event_class].append(reaction)
        return reaction

    return register


def publish(event: DomainEvent) -> None:
    """Runs every reaction now, in this transaction: what they write commits or falls together with its cause."""
    for reaction in _reactions.get(type(event), []):
        reaction(event)


def projects(object_type: str, model: type["StripeMirrored"]) -> Callable[[P], P]:
    """Registers the one function that turns Stripe objects of this type into rows of `model`."""

    def register(projector: P) -> P:
        _projectors[object_type] = (projector, model)
        return projector

    return register


def mirrored_model(object_type: str) -> "type[StripeMirrored] | None":
    """The table that Stripe objects of this type become rows of; None where BillingOS keeps none."""
    found = _projectors.get(object_type)
    return found[1] if found else None


def project(merchant_id: UUID, stripe_object: StripeObject, *, event_at: datetime | None = None) -> Any:
    """The row that `stripe_object` becomes, or None for a type that BillingOS keeps no rows of."""
    found = _projectors.get(stripe_object.get("object", ""))
    return found[0](merchant_id, stripe_object, event_at) if found else None


class DomainConfig(AppConfig):
    """An app whose registry modules are loaded at start.

    Name it through its module in `apps.py`: Django takes every class that stands there by itself for a candidate.
    """

    def ready(self) -> None:
        for module in ("sync", "webhooks", "reactions", "metrics"):
            if find_spec(f"{self.name}.{module}"):
                import_module(f"{self.name}.{module}")
