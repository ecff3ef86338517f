"""Lists come newest first, by cursor. Ids are UUIDv7, so that the id is the order and the cursor."""

import base64
import binascii
import uuid
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from billingos.common.errors import InvalidRequest

M = TypeVar("M", bound=Model)
DEFAULT_LIMIT = 20
MAX_LIMIT = 100


def encode_cursor(last_id: uuid.UUID) -> str:
    return base64.urlsafe_b64encode(last_id.bytes).decode().rstrip("=")


def decode_cursor(cursor: str) -> uuid.UUID:
    """Raises InvalidRequest for anything that no list has handed out."""
    try:
        return uuid.UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error) as error:
        raise InvalidRequest("This cursor is not one of ours.", param="cursor") from error


def paginate(rows: QuerySet[M], *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> tuple[list[M], str | None]:
    """One page, and the cursor of the next one if there is more. Evaluates the query: call it inside a scope."""
    ordered = rows.order_by("-id")
    if cursor:
        ordered = ordered.filter(id__lt=decode_cursor(cursor))
    page = list(ordered[: limit + 1])
    more = len(page) > limit
    return page[:limit], encode_cursor(page[limit - 1].pk) if more else None


def page_body(data: list[Any], next_cursor: str | None) -> dict[str, Any]:
    return {"data": data, "has_more": next_cursor is not None, "next_cursor": next_cursor}
