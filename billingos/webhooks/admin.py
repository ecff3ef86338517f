"""Ops page: the inbox, with replay."""

from typing import cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from billingos.common.ops_admin import (
    InfinitePaginator,
    MerchantFilter,
    OpsModelAdmin,
    TextFilter,
    mode_of,
    pretty,
    status_column,
    two_lines,
)
from billingos.merchants.models import User
from billingos.webhooks import services
from billingos.webhooks.models import WebhookEvent


class TypeFilter(TextFilter):
    title = "type (begins with)"
    parameter_name = "type"

    def queryset(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> QuerySet[WebhookEvent]:
        begins = self.value()
        return queryset.filter(type__startswith=begins) if begins else queryset


@admin.register(WebhookEvent)
class WebhookEventAdmin(OpsModelAdmin[WebhookEvent]):
    list_display = ("event", "object_id", "merchant", "shown_status", "attempts", "received_at")
    list_filter = ("status", TypeFilter, MerchantFilter)
    search_fields = ("stripe_event_id__exact", "object_id__exact", "customer_stripe_id__exact")
    search_help_text = "The whole id of an event, an object or a customer"
    ordering = ("-id",)
    actions = ("replay",)
    paginator = InfinitePaginator  # counting the inbox would cost more than the page
    list_disable_select_all = True
    fields = (
        "type", "stripe_event_id", "merchant", "account", "mode", "api_version", "object_type", "object_id",
        "customer_stripe_id", "created", "shown_status", "reason", "attempts", "received_at", "next_attempt_at",
        "leased_until", "processed_at", "shown_payload",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEvent]:
        rows = super().get_queryset(request).select_related("merchant")
        listing = bool(request.resolver_match and "object_id" not in request.resolver_match.kwargs)
        return rows.defer("payload") if listing else rows

    @admin.display(description="mode")
    def mode(self, event: WebhookEvent) -> str:
        return mode_of(event.livemode)

    @two_lines(description="event", ordering="type")
    def event(self, event: WebhookEvent) -> tuple[str, str]:
        return event.type, event.stripe_event_id

    @status_column(colours={"pending": "info", "processed": "success", "failed": "danger"})
    def shown_status(self, event: WebhookEvent) -> str:
        return event.status

    @admin.display(description="payload")
    def shown_payload(self, event: WebhookEvent) -> str:
        return pretty(event.payload)

    @admin.action(description="Replay: apply the selected events again")
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookEvent]) -> None:
        chosen = list(queryset.values_list("id", flat=True))
        count = services.replay(event_ids=chosen, by=cast(User, request.user))
        waiting = len(chosen) - count
        self.message_user(
            request,
            f"{count} to be applied again." + (f" {waiting} were waiting already." if waiting else ""),
        )
