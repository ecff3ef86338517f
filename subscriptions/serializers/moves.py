"""Bodies of requests and answers about moving subscribers to another version."""

from typing import Any

from rest_framework import serializers

from billingos.api.serializers import IntegerField, ListQuery, StrictSerializer, TextField
from billingos.merchants.models import Proration
from subscriptions.models import VersionMigration, VersionMigrationStep
from subscriptions.move_selectors import MigrationPreview, Outlook, progress
from subscriptions.moving import PRORATIONS, REASONS


class CreateMigration(StrictSerializer):
    target_version = IntegerField(min_value=1, max_value=2**31 - 1, required=False, help_text="The present one.")
    from_versions = serializers.ListField(
        child=IntegerField(min_value=1, max_value=2**31 - 1), required=False, min_length=1, max_length=100
    )
    subscriptions = serializers.ListField(
        child=TextField(max_length=255), required=False, min_length=1, max_length=1000, help_text="Only these."
    )
    when = serializers.ChoiceField(VersionMigration.When.choices, default=VersionMigration.When.RENEWAL)
    proration = serializers.ChoiceField(
        PRORATIONS,
        default=Proration.NONE.value,
        help_text="Of moves now: how the rest of the period is billed.",
    )


class MigrationSerializer(serializers.ModelSerializer[VersionMigration]):
    """`steps` is how many are in each state."""

    object = serializers.SerializerMethodField()
    product = serializers.UUIDField(source="product_id", read_only=True)
    target_version = serializers.IntegerField(source="target.number", read_only=True)
    steps = serializers.SerializerMethodField()

    class Meta:
        model = VersionMigration
        fields = (
            "id", "object", "product", "target_version", "when", "proration", "status", "steps", "created_at",
            "finished_at",
        )  # fmt: skip

    def get_object(self, migration: VersionMigration) -> str:
        return "version_migration"

    def get_steps(self, migration: VersionMigration) -> dict[str, int]:
        return progress(migration)


class MigrationStepSerializer(serializers.ModelSerializer[VersionMigrationStep]):
    """One subscription's move; MRR in minor units of `currency`. `reason` is why it was skipped or has failed."""

    object = serializers.SerializerMethodField()
    subscription = serializers.UUIDField(source="subscription_id", read_only=True)
    customer = serializers.UUIDField(source="subscription.customer_id", read_only=True)

    class Meta:
        model = VersionMigrationStep
        fields = (
            "id", "object", "subscription", "customer", "status", "reason", "currency", "mrr_before", "mrr_after",
            "finished_at",
        )  # fmt: skip

    def get_object(self, step: VersionMigrationStep) -> str:
        return "version_migration_step"


class StepListQuery(ListQuery):
    status = serializers.ChoiceField(VersionMigrationStep.Status.choices, required=False)


class SumsSerializer(serializers.Serializer[Any]):
    mrr_before = serializers.IntegerField()
    mrr_after = serializers.IntegerField()
    due_now = serializers.IntegerField(help_text="Of those of whom it is known.")
    due_now_unknown = serializers.IntegerField(source="unknown", help_text="Of how many it is not.")


class LimitChangeSerializer(serializers.Serializer[Any]):
    """A limit before and after; null: no limit. True where a feature has become, or was, one without a number."""

    feature = serializers.CharField()
    to = serializers.JSONField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": serializers.JSONField(allow_null=True)}


class DifferenceSerializer(serializers.Serializer[Any]):
    added = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField())
    changed = LimitChangeSerializer(many=True)


class LeftVersionSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    subscriptions = serializers.IntegerField()
    features = DifferenceSerializer()


class OutlookSerializer(serializers.Serializer[Outlook]):
    """What moving means for one subscription. `due_now` null: Stripe was not asked, or did not say."""

    subscription = serializers.UUIDField(source="subscription.id")
    customer = serializers.UUIDField(source="subscription.customer_id")
    currency = serializers.CharField(source="subscription.currency")
    mrr_before = serializers.IntegerField(source="subscription.mrr")
    mrr_after = serializers.IntegerField(allow_null=True)
    due_now = serializers.IntegerField(allow_null=True)
    skipped = serializers.ChoiceField(sorted(REASONS), source="reason", allow_blank=True)


class MigrationPreviewSerializer(serializers.Serializer[MigrationPreview]):
    """Sums over all who would be moved; `subscribers` are the first hundred, with those that would be skipped."""

    object = serializers.SerializerMethodField()
    product = serializers.UUIDField(source="choice.target.product_id")
    target_version = serializers.IntegerField(source="choice.target.number")
    when = serializers.ChoiceField(VersionMigration.When.choices, source="choice.when")
    proration = serializers.CharField(source="choice.proration")
    moving = serializers.IntegerField(source="movable", help_text="How many subscriptions would be moved.")
    skipped = serializers.SerializerMethodField()
    sums = serializers.DictField(child=SumsSerializer())
    versions = LeftVersionSerializer(many=True)
    subscribers = OutlookSerializer(many=True, source="shown")
    has_more = serializers.SerializerMethodField()

    def get_object(self, preview: MigrationPreview) -> str:
        return "version_migration_preview"

    def get_skipped(self, preview: MigrationPreview) -> int:
        return len(preview.outlooks) - preview.movable

    def get_has_more(self, preview: MigrationPreview) -> bool:
        return len(preview.outlooks) > len(preview.shown)
