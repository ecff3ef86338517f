"""The one place where an error becomes an answer: `{"error": {code, message, param, request_id, doc_url}}`."""

from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

from billingos.common.errors import BillingError, BodyTooLarge, Forbidden, InvalidRequest, NotFound, Unavailable

log = structlog.get_logger(__name__)


def error_body(error: BillingError, request_id: str) -> dict[str, Any]:
    return {
        "error": {
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "request_id": request_id,
            "doc_url": f"{settings.BASE_URL}/docs/api#codes",
            **error.extra,
        }
    }


def exception_handler(raised: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's hook. None for what nobody foresaw: that is a 500, logged with its traceback."""
    error = as_billing_error(raised)
    if error is None:
        return None
    request = context["request"]
    response = Response(error_body(error, getattr(request, "request_id", "")), status=error.status)
    if error.retry_after:
        response["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="billingos"'
    return response


def as_billing_error(raised: Exception) -> BillingError | None:
    match raised:
        case BillingError():
            return raised
        case exceptions.ValidationError():
            return _validation_error(raised)
        case exceptions.Throttled():
            refused = BillingError(
                "Too many requests. Wait as long as Retry-After says.",
                code="rate_limited",
                retry_after=int(getattr(raised, "wait", None) or 1),
            )
            refused.status = 429
            return refused
        case exceptions.APIException():
            refused = BillingError(str(raised.detail), code=str(raised.default_code))
            refused.status = raised.status_code
            return refused
        case Http404():
            return NotFound("There is nothing at this address.")
        case PermissionDenied():
            return Forbidden("Not allowed.")
        case RequestDataTooBig():
            return BodyTooLarge("The body is larger than 5 MB.")
        case OperationalError() | InterfaceError():
            log.error("database_unavailable", error=str(raised).splitlines()[0])
            return Unavailable("The database does not answer. Try again shortly.", retry_after=2)
        case _:
            return None


def _validation_error(raised: exceptions.ValidationError) -> BillingError:
    """The first complaint, with the parameter's path as it would be written: `items[0][quantity]`."""
    param, detail = _first(raised.detail, "")
    code = {"required": "parameter_missing", "unknown": "parameter_unknown"}.get(detail.code or "", "parameter_invalid")
    return InvalidRequest(str(detail), code=code, param=param or None)


def _first(detail: Any, path: str) -> tuple[str, exceptions.ErrorDetail]:
    if isinstance(detail, dict):
        name, inner = next((key, value) for key, value in detail.items() if value)
        name = "" if name == "non_field_errors" else str(name)
        return _first(inner, f"{path}[{name}]" if path and name else path or name)
    if isinstance(detail, list):
        index, inner = next((index, value) for index, value in enumerate(detail) if value)
        return _first(inner, path if isinstance(inner, str) else f"{path}[{index}]")
    return path, detail


def json_error(request: HttpRequest, error: BillingError) -> JsonResponse:
    """For answers outside DRF: unknown addresses and unforeseen failures under /api."""
    response = JsonResponse(error_body(error, getattr(request, "request_id", "")), status=error.status)
    if error.retry_after:
        response["Retry-After"] = str(error.retry_after)
    return response
