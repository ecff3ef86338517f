"""Secrets have no place on a page: masks them in what Stripe sent before anyone sees it."""

import json
import re
from collections.abc import MutableMapping
from typing import Any

MASK = "••••"
# Stripe's and our own keys and tokens, and signing secrets, wherever they stand in a text. (Ours have hyphens too.)
SECRET_TEXT = re.compile(
    r"bos_(?:sk|pk|ct)_[\w-]+|(?<=/portal/s/)[\w-]+"
    r"|\b[sr]k_\w+|whsec_\w+|\bek_(?:test|live)_\w+|\b(?:pi|seti)_\w+_secret_\w+"
)
SECRET_NAME = re.compile(r"secret|password|token|api_?key|authorization", re.IGNORECASE)


def redacted(value: Any) -> Any:
    """The same value, with secrets masked: by the name they have, or by how they begin."""
    if isinstance(value, dict):
        return {redacted(name): _redacted_field(str(name), field) for name, field in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(entry) for entry in value]
    return SECRET_TEXT.sub(MASK, value) if isinstance(value, str) else value


def _redacted_field(name: str, value: Any) -> Any:
    if value and isinstance(value, str) and SECRET_NAME.search(name):
        return MASK
    return redacted(value)


def redact_log(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: no secret reaches a log, whoever puts it into a message."""
    found: dict[str, Any] = redacted(dict(event))
    return found


def readable_json(value: Any) -> str:
    return json.dumps(redacted(value), indent=2, ensure_ascii=False, default=str)
