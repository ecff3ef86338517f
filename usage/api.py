"""/api/meters, /api/usage/track"""

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotent_here
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import ListQuery, valid_body
from billingos.api.views import MerchantView, list_query, list_response, merchant_of
from usage import selectors, services
from usage.serializers import CreateMeter, MeterSerializer, TrackedSerializer, TrackUsage


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
