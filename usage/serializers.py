from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billingos.api.serializers import InstantField, StrictSerializer, TextField
from usage.models import Meter

MAX_TEXT = 500
MAX_EVENTS = 10_000  # of one batch
KEY = r"^[a-z][a-z0-9_.]{0,62}$"


class MeterSerializer(serializers.ModelSerializer[Meter]):
    object = serializers.SerializerMethodField()

    class Meta:
        model = Meter
        fields = ("id", "object", "key", "name", "aggregation", "created_at", "updated_at")

    def get_object(self, meter: Meter) -> str:
        return "meter"


class CreateMeter(StrictSerializer):
    key = serializers.RegexField(KEY, max_length=63, help_text="Lower case letters, digits, `_` and `.`.")
    name = TextField(max_length=200)
    aggregation = serializers.ChoiceField(Meter.Aggregation.choices)


class ExactNumber(serializers.DecimalField):
    """A number that is kept exactly: JSON's integers and decimals, as written."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=25, decimal_places=10, **options)

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, (int, Decimal, str)):
            self.fail("invalid")
        number = super().to_internal_value(data)
        if not number.is_finite():
            self.fail("invalid")
        return number


class TrackUsage(StrictSerializer):
    customer_id = TextField(max_length=255, help_text="Our id, Stripe's id, or your external_id.")
    meter = TextField(max_length=63)
    event_id = TextField(max_length=255, help_text="Yours, unique for ever: the same id counts once.")
    value = ExactNumber(default=Decimal(1), min_value=Decimal(0))
    timestamp = InstantField(required=False, help_text="With a time zone; default: now.")
    properties = serializers.DictField(required=False)

    def validate_properties(self, value: dict[str, Any]) -> dict[str, Any]:
        if len(value) > 50 or any(isinstance(inner, (dict, list)) for inner in value.values()):
            raise serializers.ValidationError("At most 50 properties, each a text, a number or a boolean.")
        if any(isinstance(inner, str) and len(inner) > MAX_TEXT for inner in value.values()):
            raise serializers.ValidationError(f"Texts have at most {MAX_TEXT} characters.")
        return {name: float(inner) if isinstance(inner, Decimal) else inner for name, inner in value.items()}


class TrackedSerializer(serializers.Serializer[Any]):
    object = serializers.CharField(default="usage_event")
    event_id = serializers.CharField()
    status = serializers.ChoiceField(["accepted", "duplicate"])


@extend_schema_field(TrackUsage(many=True))
class EventsField(serializers.ListField):
    """Events that are looked at one by one: whatever one of them is, it spoils no other."""

    child = serializers.JSONField(allow_null=True)


class TrackEvents(StrictSerializer):
    events = EventsField(min_length=1, max_length=MAX_EVENTS)


class RefusalSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    param = serializers.CharField(allow_null=True)


class EventResultSerializer(serializers.Serializer[Any]):
    """`event_id` is null where none was sent that could be read; `error` is null unless rejected."""

    event_id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(["accepted", "duplicate", "rejected"])
    error = RefusalSerializer(allow_null=True)


class TrackedEventsSerializer(serializers.Serializer[Any]):
    """`results` has one entry for each event, in the order in which they were sent."""

    object = serializers.CharField(default="usage_batch")
    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField()
    results = EventResultSerializer(many=True)
