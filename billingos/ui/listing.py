"""Lists that people search, narrow, sort, page through and take away as CSV, all by the address alone.

A `Listing` reads the query string (`q`, `sort`, `cursor`, one parameter a filter); what it can't read counts as not
given, so that an old or mistyped address still shows a list. Pages follow the sort key and the id (keyset), so that the
thousandth page costs what the first one does and nothing is shown twice while rows come in.
"""

import base64
import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, QueryDict, StreamingHttpResponse

M = TypeVar("M", bound=Model)
PAGE = 25
CHUNK = 1000  # rows of a CSV file read at once
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what spreadsheets would run


@dataclass(frozen=True, slots=True)
class Order:
    """One way to sort. `field` is a column without NULLs, read as text, integer or instant; the id breaks ties."""

    key: str
    label: str
    field: str = "id"
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Filter:
    """One way to narrow: a parameter with its choices (value, label). `unchosen` is what is shown without a choice."""

    key: str
    label: str
    choices: Sequence[tuple[str, str]]
    unchosen: str = "all"


NEWEST = Order("newest", "Newest first")


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    rows: list[M]
    next_cursor: str | None


@dataclass(slots=True)
class Listing:
    """What one request asks of a list. Templates use it too: components/list_form.html, list_pager.html."""

    request: HttpRequest
    orders: Sequence[Order] = (NEWEST,)
    filters: Sequence[Filter] = ()
    size: int = PAGE
    search: str = field(init=False)
    order: Order = field(init=False)
    cursor: str = field(init=False)
    chosen: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        asked = self.request.GET
        self.search = asked.get("q", "").replace("\x00", "").strip()[:100]
        self.order = next((order for order in self.orders if order.key == asked.get("sort")), self.orders[0])
        cursor = asked.get("cursor", "")
        self.cursor = cursor if decode(cursor) else ""
        self.chosen = {
            one.key: value
            for one in self.filters
            if (value := asked.get(one.key, "")) in {choice for choice, _ in one.choices} - {""}
        }

    def value(self, key: str) -> str | None:
        """The chosen value of a filter, or None."""
        return self.chosen.get(key)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.search or self.chosen)

    @property
    def at_start(self) -> bool:
        return not self.cursor

    @property
    def wants_csv(self) -> bool:
        return self.request.GET.get("format") == "csv"

    @property
    def fields(self) -> list[tuple[Filter, str]]:
        """Each filter with its chosen value, for the form."""
        return [(one, self.chosen.get(one.key, "")) for one in self.filters]

    def address(self, **changes: str | None) -> str:
        """The query string that shows this list with something changed; None takes a parameter out."""
        query = QueryDict(mutable=True)
        now = {"q": self.search, **self.chosen, "sort": "" if self.order is self.orders[0] else self.order.key}
        for key, value in {**now, "cursor": self.cursor, **changes}.items():
            if value:
                query[key] = value
        return f"?{query.urlencode()}"

    @property
    def start_address(self) -> str:
        return self.address(cursor=None)

    @property
    def csv_address(self) -> str:
        return self.address(cursor=None, format="csv")

    def page(self, rows: QuerySet[M]) -> Page[M]:
        """The asked page; the first one for a cursor that is not ours. Evaluates the query: call it inside a scope."""
        return keyset_page(rows, self.order, size=self.size, cursor=self.cursor)

    def csv(
        self,
        name: str,
        rows: Callable[[], QuerySet[M]],
        columns: Mapping[str, Callable[[M], Any]],
        scope: Callable[[], AbstractContextManager[None]],
    ) -> StreamingHttpResponse:
        """All rows as a CSV file, read in pieces, each in a scope of its own while the answer is on its way."""

        def chunks() -> Iterator[list[M]]:
            cursor: str | None = ""
            while cursor is not None:
                with scope():
                    page = keyset_page(rows(), self.order, size=CHUNK, cursor=cursor)
                yield page.rows
                cursor = page.next_cursor

        lines = ([column(row) for column in columns.values()] for chunk in chunks() for row in chunk)
        return csv_response(name, list(columns), lines)


def keyset_page(rows: QuerySet[M], order: Order, *, size: int, cursor: str | None) -> Page[M]:
    sign = "-" if order.descending else ""
    ordered = rows.order_by(*dict.fromkeys([f"{sign}{order.field}", f"{sign}id"]))
    if after := decode(cursor or ""):
        with suppress(ValueError, TypeError, ValidationError):  # a cursor of another sort order
            ordered = ordered.filter(_beyond(order, *after))
    found = list(ordered[: size + 1])
    more = len(found) > size
    return Page(found[:size], encode(order, found[size - 1]) if more else None)


def _beyond(order: Order, value: Any, row_id: UUID) -> Q:
    side = "lt" if order.descending else "gt"
    if order.field == "id":
        return Q(**{f"id__{side}": row_id})
    return Q(**{f"{order.field}__{side}": value}) | Q(**{order.field: value, f"id__{side}": row_id})


def encode(order: Order, row: Model) -> str:
    value: Any = row
    for part in order.field.split("__"):
        value = getattr(value, part)
    if isinstance(value, datetime):
        value = {"at": value.isoformat()}
    body = [None if order.field == "id" else value, str(row.serializable_value("id"))]
    return base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")


def decode(cursor: str) -> tuple[Any, UUID] | None:
    """(value, id), or None for anything that no list has handed out."""
    try:
        value, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=="))
        if isinstance(value, dict):
            value = datetime.fromisoformat(value["at"])
        if not isinstance(value, str | int | datetime | None) or "\x00" in str(value):
            return None
        return value, UUID(row_id)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def csv_response(name: str, header: Sequence[str], lines: Iterator[Sequence[Any]]) -> StreamingHttpResponse:
    """A file `name`.csv. Cells that a spreadsheet would run as formulas are made text with an apostrophe."""

    def stream() -> Iterator[str]:
        yield "\N{ZERO WIDTH NO-BREAK SPACE}" + _line(header)  # by this mark spreadsheets know UTF-8
        for line in lines:
            yield _line([_cell(value) for value in line])

    response = StreamingHttpResponse(stream(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _line(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()
