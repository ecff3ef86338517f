from typing import Any

from rest_framework import serializers

from billingos.api.schema import page_of
from billingos.api.serializers import ListQuery, StrictSerializer
from billingos.reconciliation.models import Drift, ReconciliationRun


class RunListQuery(ListQuery):
    kind = serializers.ChoiceField(ReconciliationRun.Kind.choices, required=False)
    status = serializers.ChoiceField(ReconciliationRun.Status.choices, required=False)


class CreateRun(StrictSerializer):
    kind = serializers.ChoiceField(ReconciliationRun.Kind.choices, default=ReconciliationRun.Kind.FULL)
    dry_run = serializers.BooleanField(default=False, help_text="Only tell what differs, repair nothing.")


class DriftSerializer(serializers.ModelSerializer[Drift]):
    """`ours` and `stripes` are values of any kind, null where there is nothing; secrets are masked."""

    object = serializers.SerializerMethodField()

    class Meta:
        model = Drift
        fields = (
            "id", "object", "object_type", "stripe_id", "part", "field", "ours", "stripes", "kind", "cause",
            "object_created_at", "since", "found_at", "repaired_at",
        )  # fmt: skip

    def get_object(self, drift: Drift) -> str:
        return "drift"


class RunSerializer(serializers.ModelSerializer[ReconciliationRun]):
    """`checked` counts objects by Stripe's type; `since` is where an incremental run began."""

    object = serializers.SerializerMethodField()
    checked = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = ReconciliationRun
        fields = (
            "id", "object", "kind", "dry_run", "status", "checked", "drift_count", "alert", "error", "since",
            "started_at", "finished_at",
        )  # fmt: skip

    def get_object(self, run: ReconciliationRun) -> str:
        return "reconciliation_run"


class RunWithDriftsSerializer(RunSerializer):
    """With a page of its drifts, newest first, which `cursor` goes on with."""

    drifts: Any = page_of(DriftSerializer)

    class Meta(RunSerializer.Meta):
        fields = (*RunSerializer.Meta.fields, "drifts")  # type: ignore[assignment]  # one longer than the base's
