"""Declared parameters: what an endpoint takes, read from a form's strings, with Stripe's complaints."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from stripe_simulator.errors import invalid, missing_param, not_simulated, unknown_param

_INTEGER = re.compile(r"^-?\d{1,18}$")


@dataclass(frozen=True, kw_only=True)
class Param(ABC):
    """One parameter. Subclasses read a raw value and complain under the given name."""

    required: bool = False

    @abstractmethod
    def read(self, raw: Any, name: str) -> Any:
        """The typed value of what was sent."""


Fields = dict[str, Param]


def read_fields(fields: Fields, raw: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Typed values of what was sent. Unknown names, absent required ones, bad values: a StripeError."""
    for name in raw:
        if name not in fields:
            raise unknown_param(_name(prefix, name))
    values: dict[str, Any] = {}
    for name, param in fields.items():
        if name in raw:
            values[name] = param.read(raw[name], _name(prefix, name))
        elif param.required:
            raise missing_param(_name(prefix, name))
    return values


def _name(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


@dataclass(frozen=True, kw_only=True)
class Text(Param):
    """A string. An empty one unsets (None), unless it is required, or one of ``choices`` and not ``clearable``."""

    choices: Sequence[str] = ()
    longest: int = 5000
    clearable: bool = False

    def read(self, raw: Any, name: str) -> str | None:
        """The string, or None for an empty one."""
        if not isinstance(raw, str):
            raise invalid(f"Invalid string: {raw}", name)
        if not raw:
            if self.required or (self.choices and not self.clearable):
                raise invalid(
                    f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
                    f"unset a parameter; however '{name}' cannot be unset. You should remove '{name}' from "
                    "your request or supply a non-empty value.",
                    name,
                    "parameter_invalid_empty",
                )
            return None
        if self.choices and raw not in self.choices:
            raise invalid(f"Invalid {name}: must be one of {_or(self.choices)}", name)
        if len(raw) > self.longest:
            raise invalid(f"Invalid string: {raw[:20]}…; must be at most {self.longest} characters", name)
        return raw


def _or(choices: Sequence[str]) -> str:
    return choices[0] if len(choices) == 1 else ", ".join(choices[:-1]) + f", or {choices[-1]}"


@dataclass(frozen=True, kw_only=True)
class Integer(Param):
    """A whole number. With ``words``, some strings are taken too (``trial_end=now``)."""

    least: int | None = None
    most: int | None = None
    words: Sequence[str] = ()
    clearable: bool = False

    def read(self, raw: Any, name: str) -> int | str | None:
        """The number, one of the words, or None for an empty string where that unsets."""
        if raw in self.words and isinstance(raw, str):
            return raw
        if raw == "" and self.clearable:
            return None
        if not isinstance(raw, str) or not _INTEGER.match(raw):
            raise invalid(f"Invalid integer: {raw}", name, "parameter_invalid_integer")
        number = int(raw)
        if self.least is not None and number < self.least:
            message = f"This value must be greater than or equal to {self.least}."
            raise invalid(message, name, "parameter_invalid_integer")
        if self.most is not None and number > self.most:
            message = f"This value must be less than or equal to {self.most}."
            raise invalid(message, name, "parameter_invalid_integer")
        return number


@dataclass(frozen=True, kw_only=True)
class Number(Param):
    """A decimal with at most twelve places, kept exact (``unit_amount_decimal``)."""

    def read(self, raw: Any, name: str) -> Decimal:
        """The exact number."""
        try:
            number = Decimal(raw)
        except (InvalidOperation, TypeError, ValueError) as bad:
            raise invalid(f"Invalid decimal: {raw}", name) from bad
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -12 or not number.is_finite():
            raise invalid("Invalid decimal: must contain at maximum twelve decimal places.", name)
        return number


@dataclass(frozen=True, kw_only=True)
class Flag(Param):
    """``true`` or ``false``."""

    def read(self, raw: Any, name: str) -> bool:
        """The truth value."""
        if raw not in ("true", "false", "True", "False"):
            raise invalid(f"Invalid boolean: {raw}", name)
        return str(raw).lower() == "true"


@dataclass(frozen=True, kw_only=True)
class Metadata(Param):
    """Strings by name. An empty value removes its name; an empty string instead of a hash removes all."""

    def read(self, raw: Any, name: str) -> dict[str, str] | None:
        """Names and values as sent, or None to remove all."""
        if raw == "":
            return None
        if isinstance(raw, list):
            raw = {str(index): value for index, value in enumerate(raw)}
        if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
            raise invalid("Invalid hash", name, "parameter_invalid_hash")
        for key, value in raw.items():
            if len(key) > 40 or len(value) > 500:
                raise invalid("Metadata keys can be up to 40 characters, values up to 500.", f"{name}[{key}]")
        return dict(raw)


@dataclass(frozen=True, kw_only=True)
class Hash(Param):
    """Named parameters under one name. An empty string unsets."""

    fields: Fields = field(default_factory=dict)

    def read(self, raw: Any, name: str) -> dict[str, Any] | None:
        """The typed values."""
        if raw == "":
            return None
        if not isinstance(raw, dict):
            raise invalid("Invalid object", name)
        return read_fields(self.fields, raw, name)


@dataclass(frozen=True, kw_only=True)
class Named(Param):
    """Values of one kind by names that the caller chooses (``currency_options[eur][…]``). An empty string: none."""

    of: Param = field(default_factory=Text)

    def read(self, raw: Any, name: str) -> dict[str, Any]:
        """The typed values by name."""
        if raw == "":
            return {}
        if not isinstance(raw, dict):
            raise invalid("Invalid object", name)
        return {key: self.of.read(value, f"{name}[{key}]") for key, value in raw.items()}


@dataclass(frozen=True, kw_only=True)
class Sequenced(Param):
    """A list. An empty string is the empty list."""

    of: Param = field(default_factory=Text)
    most: int = 100

    def read(self, raw: Any, name: str) -> list[Any]:
        """The typed members."""
        if raw == "":
            return []
        if not isinstance(raw, list):
            raise invalid("Invalid array", name)
        if len(raw) > self.most:
            raise invalid(f"Array {name} exceeded maximum {self.most} allowed elements.", name)
        return [self.of.read(member, f"{name}[{index}]") for index, member in enumerate(raw)]


@dataclass(frozen=True, kw_only=True)
class Range(Param):
    """A time in Unix seconds, or bounds ``gt``, ``gte``, ``lt``, ``lte``."""

    def read(self, raw: Any, name: str) -> dict[str, int]:
        """Bounds by name; an exact time is ``gte`` and ``lte``."""
        bound = Integer()
        if isinstance(raw, dict):
            bounds: Fields = dict.fromkeys(("gt", "gte", "lt", "lte"), bound)
            return read_fields(bounds, raw, name)
        exact = bound.read(raw, name)
        return {"gte": int(exact or 0), "lte": int(exact or 0)}


@dataclass(frozen=True, kw_only=True)
class Unsimulated(Param):
    """What Stripe takes and the simulator does not: a 400 that says so."""

    def read(self, raw: Any, name: str) -> None:
        """Never a value."""
        raise not_simulated(name, name)


EXPAND: Fields = {"expand": Sequenced(of=Text(required=True))}
LISTING: Fields = EXPAND | {
    "limit": Integer(least=1, most=100),
    "starting_after": Text(required=False),
    "ending_before": Text(required=False),
}


def merged_metadata(current: dict[str, str], sent: dict[str, str] | None) -> dict[str, str]:
    """Metadata after an update, by Stripe's rules of removal."""
    if sent is None:
        return {}
    merged = current | sent
    return {key: value for key, value in merged.items() if value != ""}
