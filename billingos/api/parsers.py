"""Request bodies: JSON, strictly. What is not JSON, or cannot be stored, is refused here, by name."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.parsers import BaseParser

from billingos.common.errors import BodyTooLarge, InvalidRequest

MAX_DEPTH = 20
MAX_DIGITS = 30


class StrictJSONParser(BaseParser):
    """Numbers with a fraction become Decimal.

    Refuses duplicate keys, NaN and Infinity, numbers beyond all use, NUL characters and deep nesting.
    """

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        content = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(content) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BodyTooLarge("The body is larger than 5 MB.")
        try:
            parsed = json.loads(
                content,
                object_pairs_hook=_object,
                parse_constant=_constant,
                parse_int=_integer,
                parse_float=_decimal,
            )
        except (ValueError, RecursionError) as error:
            raise InvalidRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from error
        if not isinstance(parsed, dict):
            raise InvalidRequest("The body must be a JSON object.", code="invalid_json")
        for path, text in _strings(parsed, ""):
            if "\x00" in text or any("\ud800" <= char <= "\udfff" for char in text):
                raise InvalidRequest("Text may not hold NUL characters or lone surrogates.", param=path or None)
        return parsed


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _integer(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


def _decimal(digits: str) -> Decimal:
    """Exactly what was written: a float would round it."""
    value = Decimal(digits)
    if len(digits) > MAX_DIGITS + 10 or abs(value.adjusted()) > MAX_DIGITS:
        raise ValueError("a number is beyond all use")
    return value


def _strings(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > MAX_DEPTH:
        raise InvalidRequest("The body is nested too deeply.", code="invalid_json")
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield path, key
            yield from _strings(inner, f"{path}[{key}]" if path else key, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _strings(inner, f"{path}[{index}]", depth + 1)
