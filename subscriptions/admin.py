"""Ops page: subscriptions of all merchants."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join

from billingos.common.money import Money
from billingos.common.ops_admin import (
    InfinitePaginator,
    MerchantFilter,
    OpsModelAdmin,
    pretty,
    status_column,
    two_lines,
)
from subscriptions import dispute_admin  # noqa: F401  (registers its page)
from subscriptions.models import Subscription


@admin.register(Subscription)
class SubscriptionAdmin(OpsModelAdmin[Subscription]):
    list_display = ("subscription", "merchant", "shown_status", "shown_mrr", "current_period_end", "stripe_created_at")
    list_filter = ("status", "cancel_at_period_end", MerchantFilter)
    search_fields = ("stripe_id__exact", "customer__stripe_id__exact", "customer__name__icontains")
    search_help_text = "The whole id of the subscription or customer, or a part of the customer's name"
    ordering = ("-id",)
    paginator = InfinitePaginator  # counting them all would cost more than the page
    fields = (
        "stripe_id", "customer", "merchant", "shown_status", "items", "shown_mrr", "started_at", "current_period_start",
        "current_period_end", "trial_end", "cancel_at_period_end", "cancel_at", "canceled_at", "ended_at",
        "collection_paused", "next_billing_at", "billing_anchor_day", "source", "latest_invoice_id", "shown_metadata",
        "last_event_at", "stripe_written_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("merchant", "customer")

    @two_lines(description="subscription", ordering="customer__name")
    def subscription(self, subscription: Subscription) -> tuple[str, str]:
        return str(subscription.customer), subscription.stripe_id

    @status_column(
        colours={
            "active": "success",
            "trialing": "info",
            "past_due": "warning",
            "incomplete": "warning",
            "unpaid": "danger",
        }
    )
    def shown_status(self, subscription: Subscription) -> str:
        return subscription.status

    @admin.display(description="MRR", ordering="mrr")
    def shown_mrr(self, subscription: Subscription) -> str:
        return str(Money(subscription.mrr, subscription.currency))

    @admin.display(description="items")
    def items(self, subscription: Subscription) -> str:
        rows = subscription.items.select_related("price", "version__product")
        return format_html_join(
            ", ", "{} × {} ({})", ((row.quantity, row.version.product.name, row.price.stripe_id) for row in rows)
        )

    @admin.display(description="metadata")
    def shown_metadata(self, subscription: Subscription) -> str:
        return pretty(subscription.metadata)
