"""Identifiers: UUIDv7, so that keys sort by the time they were made and indexes stay dense."""

import uuid

from uuid_utils import compat


def uuid7() -> uuid.UUID:
    """A new time-ordered id, as the standard library's type."""
    return compat.uuid7()


def parse_uuid(text: str) -> uuid.UUID | None:
    """The id that `text` spells in canonical form, or None; never raises, for text that comes from outside."""
    try:
        value = uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        return None
    return value if str(value) == text.lower() else None
