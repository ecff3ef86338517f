"""Ops page: disputes of all merchants' payments."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from billingos.common.money import Money
from billingos.common.ops_admin import InfinitePaginator, MerchantFilter, OpsModelAdmin, status_column, two_lines
from subscriptions.models import Dispute


@admin.register(Dispute)
class DisputeAdmin(OpsModelAdmin[Dispute]):
    list_display = ("dispute", "merchant", "shown_status", "shown_amount", "evidence_due_at", "stripe_created_at")
    list_filter = ("status", MerchantFilter)
    search_fields = ("stripe_id__exact", "payment__stripe_id__exact", "charge_id__exact")
    search_help_text = "The whole id of the dispute, the payment or the charge"
    ordering = ("-id",)
    paginator = InfinitePaginator
    fields = (
        "stripe_id", "merchant", "payment_id_in_stripe", "charge_id", "shown_status", "shown_amount", "reason",
        "evidence_due_at", "evidence_past_due", "submission_count", "last_event_at", "stripe_written_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("merchant", "payment")

    @two_lines(description="dispute", ordering="reason")
    def dispute(self, dispute: Dispute) -> tuple[str, str]:
        return dispute.reason.replace("_", " ").capitalize() or "Dispute", dispute.stripe_id

    @status_column(
        colours={
            "won": "success",
            "prevented": "success",
            "under_review": "info",
            "warning_needs_response": "warning",
            "needs_response": "danger",
            "lost": "danger",
        }
    )
    def shown_status(self, dispute: Dispute) -> str:
        return dispute.status

    @admin.display(description="amount", ordering="amount")
    def shown_amount(self, dispute: Dispute) -> str:
        return str(Money(dispute.amount, dispute.currency))

    @admin.display(description="payment")
    def payment_id_in_stripe(self, dispute: Dispute) -> str:
        return dispute.payment.stripe_id if dispute.payment else "none"
