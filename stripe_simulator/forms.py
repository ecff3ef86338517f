"""Bracketed forms (``items[0][price]=…``) ⇄ nested values, as the ``stripe`` libraries send them."""

import re
from typing import Any

from stripe_simulator.errors import invalid

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Nested dictionaries and lists of strings. Numbered keys become lists in the order of their numbers."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        _put(root, _path(key), value)
    return {name: _lists(value) for name, value in root.items()}


def _path(key: str) -> list[str]:
    match = _KEY.match(key)
    if match is None:
        raise invalid(f"Invalid parameter name: {key}", key)
    return [match[1], *_PART.findall(match[2])]


def _put(node: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        child = node.setdefault(part or str(len(node)), {})
        if not isinstance(child, dict):
            raise invalid(f"Invalid parameter name: {path[0]}", path[0])
        node = child
    node[path[-1] or str(len(node))] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(child) for key, child in value.items()}
