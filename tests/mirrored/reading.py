"""How Stripe's objects are read for the table of mirrored fields."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Convert = Callable[[Any], Any]


def text(value: Any) -> str:
    return value or ""


def same(value: Any) -> Any:
    return value


def number(value: Any) -> int:
    return value or 0


def instant(value: Any) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, tz=UTC)


def id_of(value: Any) -> str:
    return str(value["id"]) if isinstance(value, dict) else value or ""


def ids_of(value: Any) -> list[str]:
    return [id_of(entry) for entry in value or []]


def present(value: Any) -> bool:
    return bool(value)


def exact(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def total(value: Any) -> int:
    return sum(entry["amount"] for entry in value or [])


def listed(value: Any) -> list[Any]:
    return value or []


def own(value: Any) -> dict[str, str]:
    return {key: entry for key, entry in (value or {}).items() if not key.startswith("billingos_")}


def rates(value: Any) -> list[dict[str, Any]]:
    return [
        {"id": rate["id"], "percentage": str(rate["percentage"]), "inclusive": rate["inclusive"]}
        for rate in value or []
    ]


def shares_of_tax(value: Any) -> list[dict[str, Any]]:
    return [
        {
            "rate": tax["tax_rate_details"]["tax_rate"],
            "amount": tax["amount"],
            "taxable_amount": tax["taxable_amount"],
            "behavior": tax["tax_behavior"],
        }
        for tax in value or []
    ]


@dataclass(frozen=True, slots=True)
class Field:
    """`column` of a row is `path` of Stripe's object, as `convert` reads it. A path has dots; `*` is the kind's own
    name (a card's details are under `card`)."""

    column: str
    path: str
    convert: Convert = same

    def expected(self, stripe_object: dict[str, Any]) -> Any:
        found: Any = stripe_object
        for step in self.path.split("."):
            if not isinstance(found, dict):
                return self.convert(None)
            found = found.get(stripe_object["type"] if step == "*" else step)
        return self.convert(found)


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A model and its fields. `calculated` are columns of ours that follow from several of Stripe's, with the place
    that says how; `pointers` are foreign keys, with the path of the id they stand for."""

    fields: tuple[Field, ...]
    pointers: dict[str, str]
    calculated: dict[str, str]
