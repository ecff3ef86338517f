"""Ops pages: runs and drifts of all merchants."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from billingos.common.ops_admin import (
    InfinitePaginator,
    MerchantFilter,
    OpsModelAdmin,
    pretty,
    status_column,
    two_lines,
)
from billingos.reconciliation.models import Drift, ReconciliationRun


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(OpsModelAdmin[ReconciliationRun]):
    list_display = ("run", "merchant", "shown_status", "drift_count", "alert", "started_at")
    list_filter = ("status", "kind", "alert", MerchantFilter)
    ordering = ("-id",)
    paginator = InfinitePaginator
    fields = (
        "merchant", "kind", "dry_run", "shown_status", "shown_checked", "drift_count", "alert", "error", "since",
        "started_at", "finished_at", "shown_cursor",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReconciliationRun]:
        return super().get_queryset(request).select_related("merchant")

    @two_lines(description="run", ordering="kind")
    def run(self, run: ReconciliationRun) -> tuple[str, str]:
        return run.get_kind_display(), "dry run" if run.dry_run else ""

    @status_column(colours={"running": "info", "finished": "success", "failed": "danger"})
    def shown_status(self, run: ReconciliationRun) -> str:
        return run.status

    @admin.display(description="checked")
    def shown_checked(self, run: ReconciliationRun) -> str:
        return pretty(run.checked)

    @admin.display(description="cursor")
    def shown_cursor(self, run: ReconciliationRun) -> str:
        return pretty(run.cursor)


@admin.register(Drift)
class DriftAdmin(OpsModelAdmin[Drift]):
    list_display = ("drift", "merchant", "kind", "cause", "found_at", "repaired_at")
    list_filter = ("kind", "cause", "object_type", MerchantFilter)
    search_fields = ("stripe_id__exact",)
    search_help_text = "The whole id of Stripe's object or event"
    ordering = ("-id",)
    paginator = InfinitePaginator
    fields = (
        "merchant", "object_type", "stripe_id", "part", "field", "shown_ours", "shown_stripes", "kind", "cause",
        "object_created_at", "since", "found_at", "repaired_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Drift]:
        return super().get_queryset(request).select_related("merchant")

    @two_lines(description="difference", ordering="object_type")
    def drift(self, drift: Drift) -> tuple[str, str]:
        return " ".join(filter(None, (drift.object_type, drift.part, drift.field))), drift.stripe_id

    @admin.display(description="ours")
    def shown_ours(self, drift: Drift) -> str:
        return pretty(drift.ours)

    @admin.display(description="Stripe's")
    def shown_stripes(self, drift: Drift) -> str:
        return pretty(drift.stripes)
