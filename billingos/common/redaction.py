"""Secrets have no place on a page: masks them in what Stripe sent before anyone sees it."""

import json
import re
from typing import Any

MASK = "••••"
# Stripe's and our own keys, and signing secrets, wherever they stand in a text.
SECRET_TEXT = re.compile(
    r"(?:bos_)?[sr]k_(?:test|live)_\w+|\b[sr]k_\w+|bos_pk_\w+|whsec_\w+|\bek_(?:test|live)_\w+|\b(?:pi|seti)_\w+_secret_\w+"
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


def readable_json(value: Any) -> str:
    return json.dumps(redacted(value), indent=2, ensure_ascii=False, default=str)
