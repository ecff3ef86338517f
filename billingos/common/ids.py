"""Identifiers: UUIDv7, so that keys sort by the time they were made and indexes stay dense."""

import uuid
from datetime import datetime

from uuid_utils import compat


def uuid7() -> uuid.UUID:
    """A new time-ordered id, as the standard library's type."""
    return compat.uuid7()


def first_id_at(at: datetime) -> uuid.UUID:
    """No id made at `at` or later is smaller: rows by age, without an index of their time."""
    milliseconds = int(at.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62)


def parse_uuid(text: str) -> uuid.UUID | None:
    """The id that `text` spells in canonical form, or None; never raises, for text that comes from outside."""
    try:
        value = uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        return None
    return value if str(value) == text.lower() else None
