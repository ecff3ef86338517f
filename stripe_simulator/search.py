"""Stripe's search query language: ``status:"active" AND metadata["plan"]:"pro" AND -created>1700000000``.

Clauses are joined by AND or by OR, not by both. ``:`` is exact (without case for text), ``~`` finds a part of at
least three letters, ``<``, ``<=``, ``>`` and ``>=`` compare numbers, a leading ``-`` negates, ``null`` as value asks
for a metadata key that is not there.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.errors import invalid

_SHORTEST_PART = 3
_CLAUSE = re.compile(
    r"""\s*(?P<negated>-?)(?P<field>[a-z_0-9.]+)(\[(?P<k>["'])(?P<key>.*?)(?P=k)\])?\s*"""
    r"""(?P<operator>:|~|<=|>=|<|>)\s*((?P<q>["'])(?P<text>(\\.|(?!(?P=q)).)*)(?P=q)|(?P<bare>[\w.-]+))\s*"""
)
_JOINT = re.compile(r"\s*(AND|OR|and|or)\b\s*")


@dataclass(frozen=True)
class Clause:
    """One condition on one field."""

    field: str
    key: str | None
    operator: str
    value: str | None
    negated: bool

    def holds(self, record: Record) -> bool:
        """Whether a record fulfils it."""
        found = any(self._matches(value) for value in _values(record, self.field, self.key))
        return found != self.negated

    def _matches(self, value: Any) -> bool:
        if value is None or self.value is None:
            return value is None and self.value is None
        if self.operator == ":":
            return _text(value) == self.value.lower()
        if self.operator == "~":
            return self.value.lower() in _text(value)
        return isinstance(value, int) and _COMPARE[self.operator](value, int(self.value))


_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}


def _text(value: Any) -> str:
    return str(value).lower()


def _values(record: Record, field: str, key: str | None) -> list[Any]:
    """What a field holds; a dotted one is a path through hashes."""
    if key is not None:
        return [(record["metadata"] or {}).get(key)]
    value: Any = record
    for part in ("_subscription" if field == "subscription" else field).split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return [value]


@dataclass(frozen=True)
class Query:
    """Clauses, all or any of which must hold."""

    clauses: list[Clause]
    any_of: bool

    def holds(self, record: Record) -> bool:
        """Whether a record is found."""
        results = (clause.holds(record) for clause in self.clauses)
        return any(results) if self.any_of else all(results)


def parse(query: str, fields: dict[str, str]) -> Query:
    """A query on ``fields`` (name → ``text``, ``token`` or ``number``); a StripeError where it can't be read."""
    clauses, joints, at = [], set[str](), 0
    while True:
        match = _CLAUSE.match(query, at)
        if match is None:
            raise invalid(f"We were unable to parse your search query: {query[at:]}", "query")
        clauses.append(_clause(match, fields))
        at = match.end()
        if at == len(query):
            break
        joint = _JOINT.match(query, at)
        # clauses that merely follow each other are joined by AND
        joints.add(joint[1].upper() if joint else "AND")
        at = joint.end() if joint else at
    if len(joints) > 1:
        raise invalid("You cannot combine AND and OR in the same search query.", "query")
    return Query(clauses, joints == {"OR"})


def _clause(match: re.Match[str], fields: dict[str, str]) -> Clause:
    field, key, operator = match["field"], match["key"], match["operator"]
    kind = "token" if field == "metadata" and key is not None else fields.get(field)
    if kind is None or (key is not None and field != "metadata"):
        raise invalid(f"Field `{field}` is an unsupported search field for this resource.", "query")
    value = match["bare"] if match["text"] is None else re.sub(r"\\(.)", r"\1", match["text"])
    _check(field, kind, operator, value)
    absent = match["bare"] is not None and value == "null"
    return Clause(field, key, operator, None if absent else value, match["negated"] == "-")


def _check(field: str, kind: str, operator: str, value: str) -> None:
    if operator in _COMPARE and kind != "number":
        raise invalid(f"Field `{field}` does not support the operator `{operator}`.", "query")
    if kind == "number" and operator != "~" and not re.fullmatch(r"-?\d{1,18}|null", value):
        raise invalid(f"Field `{field}` takes a number, not {value}.", "query")
    if operator == "~" and kind == "number":
        raise invalid(f"Field `{field}` does not support the operator `~`.", "query")
    if operator == "~" and len(value) < _SHORTEST_PART:
        raise invalid("Substring search requires at least 3 characters.", "query")
