"""The base of the API's views: parse, call a service or a selector, serialise."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from billingos.api.authentication import merchant_of
from billingos.api.pagination import page_body, paginate
from billingos.api.serializers import ListQuery, QuerySerializer, valid_query
from billingos.common.errors import NotFound
from billingos.common.ids import parse_uuid
from billingos.common.tenancy import scope

M = TypeVar("M", bound=Model)


class MerchantView(APIView):
    """A view of one merchant's data. `area` is the part of the API that a key needs a scope for."""

    area: ClassVar[str]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if any("\x00" in str(value) for value in kwargs.values()):  # nothing that PostgreSQL holds has such a name
            raise NotFound("No such object.", param="id")

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        found: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        rate = getattr(request, "rate_limit", None)
        if rate:
            for name, value in zip(("Limit", "Remaining", "Reset"), rate, strict=True):
                found[f"RateLimit-{name}"] = str(value)
        found["Cache-Control"] = "no-store"
        return found


def list_response(
    request: Request,
    rows: QuerySet[M],
    serializer: type[Serializer[Any]],
    query: dict[str, Any],
) -> Response:
    """A page of `rows`, read inside the merchant's scope."""
    with scope(merchant_of(request).id):
        page, next_cursor = paginate(rows, limit=query["limit"], cursor=query.get("cursor"))
        return Response(page_body(list(serializer(page, many=True).data), next_cursor))


def list_query(request: Request, query: type[QuerySerializer] = ListQuery) -> dict[str, Any]:
    return valid_query(query, request.query_params)


def find(rows: QuerySet[M], reference: str, *, param: str = "id", noun: str = "object") -> M:
    """The row with our id or, of what mirrors Stripe, Stripe's id `reference`. Raises NotFound; another merchant's row
    is not found either."""
    key: UUID | None = parse_uuid(reference)
    named = {"id": key} if key or not hasattr(rows.model, "stripe_id") else {"stripe_id": reference}
    found = rows.filter(**named).first()
    if found is None:
        raise NotFound(f"No such {noun}: {reference[:100]}.", param=param)
    return found


def find_all(rows: QuerySet[M], references: Sequence[str], *, param: str, noun: str) -> list[M]:
    """The row of each reference, as `find` finds it, in one statement. `{}` in `param` is the place in the list. Raises
    NotFound for the first that is not there."""
    keys = {reference: parse_uuid(reference) for reference in references}
    ids = [key for key in keys.values() if key]
    by_name: dict[Any, M] = {}
    for row in rows.filter(Q(id__in=ids) | Q(stripe_id__in=[name for name, key in keys.items() if not key])):
        by_name[row.pk] = by_name[row.stripe_id] = row  # type: ignore[attr-defined]  # every such table has one
    for index, name in enumerate(references):
        if (keys[name] or name) not in by_name:
            raise NotFound(f"No such {noun}: {name[:100]}.", param=param.format(index))
    return [by_name[keys[name] or name] for name in references]


__all__ = ["MerchantView", "find", "find_all", "list_query", "list_response", "merchant_of"]
