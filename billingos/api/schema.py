"""What OpenAPI says beyond the views: the security scheme, the paging envelope, the error answers."""

from collections.abc import Callable
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import serializers

from billingos.api.serializers import ErrorSerializer, QuerySerializer

F = TypeVar("F", bound=Callable[..., Any])

ERRORS = {
    400: "A parameter is missing, unknown or wrong; `param` names it.",
    401: "No API key, or one that is unknown, revoked or expired.",
    402: "Stripe declined the payment.",
    403: "The key lacks the scope.",
    404: "No such object for this merchant.",
    409: "In conflict with what exists, or an Idempotency-Key used otherwise.",
    413: "The body is too large.",
    429: "Too many requests; wait as long as `Retry-After` says.",
    503: "Stripe or the database does not answer; try again with the same Idempotency-Key.",
}
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="1 to 255 visible ASCII characters. The same key with the same body gets the same answer for 24 hours.",
)


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registry is untyped
    target_class = "billingos.api.authentication.ApiKeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A secret key: `bos_sk_test_…`."}


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    return {status: OpenApiResponse(ErrorSerializer, ERRORS[status]) for status in statuses}


def page_of(item: type[serializers.Serializer[Any]]) -> Any:
    """The envelope of a list."""
    return inline_serializer(
        f"{item.__name__.removesuffix('Serializer')}List",
        {
            "data": item(many=True),
            "has_more": serializers.BooleanField(),
            "next_cursor": serializers.CharField(allow_null=True),
        },
    )


def _operation_id(summary: str) -> str:
    """The name that generated clients call it by: "Retrieve a customer" is `retrieve_customer`."""
    return "_".join(word for word in summary.lower().split() if word not in {"a", "an", "one"})


def reads(
    summary: str, answer: Any, query: type[QuerySerializer] | None = None, *, not_found: bool = False
) -> Callable[[F], F]:
    """Documents a GET."""
    statuses = (400, 401, 403, 404, 429, 503) if not_found else (400, 401, 403, 429, 503)
    return extend_schema(
        operation_id=_operation_id(summary),
        summary=summary,
        parameters=[query] if query else [],
        responses={200: answer, **errors(*statuses)},
    )


def reads_file(summary: str, media_type: str, query: type[QuerySerializer] | None = None) -> Callable[[F], F]:
    """Documents a GET whose answer is no JSON."""
    return extend_schema(
        operation_id=_operation_id(summary),
        summary=summary,
        parameters=[query] if query else [],
        responses={(200, media_type): OpenApiTypes.BINARY, **errors(400, 401, 403, 404, 409, 429, 503)},
    )


def writes(
    summary: str, body: Any, answer: Any, *, status: int = 201, idempotency_key: bool = True
) -> Callable[[F], F]:
    """Documents a POST; most take an Idempotency-Key."""
    return extend_schema(
        operation_id=_operation_id(summary),
        summary=summary,
        request=body,
        parameters=[IDEMPOTENCY] if idempotency_key else [],
        responses={status: answer, **errors(400, 401, 402, 403, 404, 409, 413, 429, 503)},
    )


def changes(summary: str, body: Any, answer: Any) -> Callable[[F], F]:
    """Documents a PATCH or a DELETE. It takes no Idempotency-Key: sent again, it changes nothing more."""
    return writes(summary, body, answer, status=200, idempotency_key=False)
