from datetime import date, timedelta
from typing import Any

from rest_framework import serializers

from billingos.api.serializers import CurrencyField, ListQuery, QuerySerializer, TextField
from insights.models import Insight

MAX_DAYS = 1100  # three years by the day
FIRST_YEAR, LAST_YEAR = 2000, 2100


class InsightSerializer(serializers.ModelSerializer[Insight]):
    object = serializers.SerializerMethodField()
    customer = serializers.UUIDField(source="customer_id", allow_null=True, read_only=True)

    class Meta:
        model = Insight
        fields = (
            "id", "object", "kind", "severity", "status", "customer", "title", "body", "evidence", "detected_at",
            "closed_at", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, insight: Insight) -> str:
        return "insight"


class InsightQuery(ListQuery):
    status = serializers.ChoiceField(Insight.Status.choices, required=False)
    kind = serializers.ChoiceField(Insight.Kind.choices, required=False)
    customer_id = TextField(required=False, max_length=255)


class DayField(serializers.DateField):
    """A day on which there can have been a subscription."""

    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise serializers.ValidationError(f"Between the years {FIRST_YEAR} and {LAST_YEAR}.")
        return day


class MrrQuery(QuerySerializer):
    currency = CurrencyField(required=False, help_text="Default: the merchant's.")

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["from"] = DayField(required=False, help_text="First day; default: 30 days before `to`.")
        fields["to"] = DayField(required=False, help_text="Last day; default: today (UTC).")
        return fields

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        start, end = attrs.get("from"), attrs.get("to")
        if start and end and start > end:
            raise serializers.ValidationError({"from": ["Must not lie after `to`."]})
        if start and end and end - start > timedelta(days=MAX_DAYS):
            raise serializers.ValidationError({"from": [f"At most {MAX_DAYS} days at a time."]})
        return attrs


class DefinitionSerializer(serializers.Serializer[Any]):
    metric = serializers.CharField()
    text = serializers.CharField()
    settings = serializers.DictField()
    doc_url = serializers.CharField()


class DaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    mrr = serializers.IntegerField(help_text="Minor units.")
    customers = serializers.IntegerField()


class MrrSerializer(serializers.Serializer[Any]):
    currency = serializers.CharField()
    definition = DefinitionSerializer()
    data = DaySerializer(many=True)  # type: ignore[assignment]  # the answer's field is called data, as in every list
