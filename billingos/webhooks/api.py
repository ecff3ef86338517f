"""/api/webhooks/events: the merchant's view of the inbox."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.schema import page_of, reads
from billingos.api.serializers import ListQuery, TextField
from billingos.api.views import MerchantView, list_query, list_response, merchant_of
from billingos.webhooks import selectors
from billingos.webhooks.models import WebhookEvent


class WebhookEventSerializer(serializers.ModelSerializer[WebhookEvent]):
    """`created` is Stripe's time; `received_at` and `processed_at` are ours."""

    object = serializers.SerializerMethodField()

    class Meta:
        model = WebhookEvent
        fields = (
            "id", "object", "stripe_event_id", "type", "object_type", "object_id", "status", "reason", "attempts",
            "created", "received_at", "processed_at",
        )  # fmt: skip

    def get_object(self, event: WebhookEvent) -> str:
        return "webhook_event"


class WebhookEventQuery(ListQuery):
    object_id = TextField(required=False, max_length=255, help_text="The Stripe id of the event's object.")
    type = TextField(required=False, max_length=100)
    status = serializers.ChoiceField(WebhookEvent.Status.choices, required=False)


class WebhookEventsView(MerchantView):
    area = "webhooks"

    @reads("List received Stripe events", page_of(WebhookEventSerializer), WebhookEventQuery)
    def get(self, request: Request) -> Response:
        query: dict[str, Any] = list_query(request, WebhookEventQuery)
        filters: dict[str, Any] = {name: query.get(name) for name in ("object_id", "type", "status")}
        rows = selectors.events(merchant_of(request).id, **filters)
        return list_response(request, rows, WebhookEventSerializer, query)
