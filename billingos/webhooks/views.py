"""`POST /api/webhooks/stripe`: a plain view, without sessions or parsers between Stripe and the inbox."""

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from billingos.api.errors import json_error
from billingos.common.errors import BillingError, BodyTooLarge, InvalidRequest, Unavailable
from billingos.webhooks.intake import store, verified
from billingos.webhooks.wakeup import wake_drainer

MAX_BODY = 2 * 1024 * 1024  # bytes; Stripe's events are far smaller


@csrf_exempt
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """200 once the event is stored, also when it was before; 400 for a bad signature; 503 asks Stripe to come again."""
    try:
        _refuse_other_methods(request)
        body = _read(request)
        if len(body) > MAX_BODY:
            raise BodyTooLarge("The body is too large.")
        event, text = verified(body, request.headers.get("Stripe-Signature", ""), settings.STRIPE_WEBHOOK_SECRETS)
        fresh = store(event, text)
    except BillingError as error:
        return json_error(request, error)
    except (OperationalError, InterfaceError):
        return json_error(request, Unavailable("The inbox cannot be reached. Deliver again.", retry_after=5))
    if fresh:
        wake_drainer()
    return JsonResponse({"received": True, "duplicate": not fresh})


def _read(request: HttpRequest) -> bytes:
    try:
        return request.read(MAX_BODY + 1)
    except UnreadablePostError as error:  # the sender has hung up
        raise InvalidRequest("The body did not come to its end.", code="invalid_body") from error


def _refuse_other_methods(request: HttpRequest) -> None:
    if request.method != "POST":
        refused = BillingError("Stripe delivers with POST.", code="method_not_allowed")
        refused.status = 405
        raise refused
