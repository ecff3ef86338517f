"""/api/meters, /api/usage/track, /api/usage/events"""

from collections import Counter
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.errors import as_billing_error
from billingos.api.idempotency import idempotent_here
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import ListQuery, valid_body
from billingos.api.views import MerchantView, list_query, list_response, merchant_of
from billingos.common.errors import BillingError, InvalidRequest
from usage import selectors, services
from usage.serializers import (
    CreateMeter,
    MeterSerializer,
    TrackedEventsSerializer,
    TrackedSerializer,
    TrackEvents,
    TrackUsage,
)


class MetersView(MerchantView):
    area = "usage"

    @reads("List meters", page_of(MeterSerializer), ListQuery)
    def get(self, request: Request) -> Response:
        return list_response(request, selectors.meters(merchant_of(request).id), MeterSerializer, list_query(request))

    @writes("Create a meter", CreateMeter, MeterSerializer)
    @idempotent_here
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateMeter, request.data)
        meter = services.create_meter(merchant=merchant_of(request), **fields)
        return Response(MeterSerializer(meter).data, status=201)


class TrackUsageView(MerchantView):
    area = "usage"

    @writes("Track one usage event", TrackUsage, TrackedSerializer, status=200, idempotency_key=False)
    def post(self, request: Request) -> Response:
        fields = valid_body(TrackUsage, request.data)
        accepted = services.track(merchant=merchant_of(request), **fields)
        body = {
            "object": "usage_event",
            "event_id": fields["event_id"],
            "status": "accepted" if accepted else "duplicate",
        }
        return Response(body)


class UsageEventsView(MerchantView):
    area = "usage"

    @writes("Track many usage events", TrackEvents, TrackedEventsSerializer, status=200, idempotency_key=False)
    def post(self, request: Request) -> Response:
        sent = valid_body(TrackEvents, request.data)["events"]
        serializer = TrackUsage()
        read = [_read(serializer, event) for event in sent]
        outcomes = iter(
            services.track_many(
                merchant=merchant_of(request), events=[event for event in read if not isinstance(event, BillingError)]
            )
        )
        results = [
            _result(index, event, one if isinstance(one, BillingError) else next(outcomes))
            for index, (event, one) in enumerate(zip(sent, read, strict=True))
        ]
        counts = Counter(result["status"] for result in results)
        totals = {status: counts[status] for status in ("accepted", "duplicate", "rejected")}
        return Response({"object": "usage_batch", **totals, "results": results})


def _read(serializer: TrackUsage, event: Any) -> dict[str, Any] | BillingError:
    """The event's fields, or why they are none."""
    try:
        fields: dict[str, Any] = serializer.run_validation(event)
    except ValidationError as refused:
        return as_billing_error(refused) or InvalidRequest("This is not an event.")
    return fields


def _result(index: int, event: Any, outcome: bool | BillingError) -> dict[str, Any]:
    event_id = event.get("event_id") if isinstance(event, dict) else None
    known = event_id if isinstance(event_id, str) else None
    if not isinstance(outcome, BillingError):
        return {"event_id": known, "status": "accepted" if outcome else "duplicate", "error": None}
    name, bracket, inner = (outcome.param or "").partition("[")
    param = f"events[{index}]" + (f"[{name}]" if name else "") + bracket + inner
    error = {"code": outcome.code, "message": outcome.message, "param": param}
    return {"event_id": known, "status": "rejected", "error": error}
