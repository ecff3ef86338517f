"""Building blocks of requests and answers: strict about what comes in, so that a typo is not silently ignored."""

import re
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils import timezone
from rest_framework import serializers

from billingos.api.pagination import DEFAULT_LIMIT, MAX_LIMIT

MAX_AMOUNT = 99_999_999  # minor units; Stripe's own limit
MAX_QUANTITY = 1_000_000


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses parameters that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) or hasattr(data, "keys"):
            for name in data:
                if name not in self.fields:
                    raise serializers.ValidationError(
                        {name: [serializers.ErrorDetail(f"Unknown parameter: {name}.", code="unknown")]}
                    )
        return super().to_internal_value(data)


class IntegerField(serializers.IntegerField):
    """An integer and nothing that looks like one: no floats, no booleans, no text in JSON."""

    def to_internal_value(self, data: Any) -> int:
        is_query = isinstance(data, str) and getattr(self.root, "from_query", False)
        if isinstance(data, bool) or not (isinstance(data, int) or is_query):
            self.fail("invalid")
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """Text and nothing that could be turned into it."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("max_length", 500)
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class DecimalTextField(TextField):
    """An exact number as text, such as "0.05": not negative, without exponent, and at most so many `places`."""

    def __init__(self, *, digits: int = 14, places: int = 12, **options: Any) -> None:
        self._shape = re.compile(rf"[0-9]{{1,{digits}}}(\.[0-9]{{1,{places}}})?")
        super().__init__(max_length=digits + places + 1, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not self._shape.fullmatch(text):
            raise serializers.ValidationError('An exact number as text, such as "0.05".')
        return text


class MetadataField(serializers.DictField):
    """Stripe's rules: up to 40 keys (ten are ours) of up to 40 characters, values up to 500 characters."""

    child = TextField(max_length=500, allow_blank=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().to_internal_value(data)
        if len(found) > 40:
            raise serializers.ValidationError("At most 40 keys.")
        for key in found:
            if not 0 < len(key) <= 40 or key.startswith("billingos_"):
                raise serializers.ValidationError("Keys have 1 to 40 characters and do not begin with billingos_.")
        return found


class CurrencyField(TextField):
    def __init__(self, **options: Any) -> None:
        super().__init__(min_length=3, max_length=3, **options)

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        if not (code.isascii() and code.isalpha()):
            raise serializers.ValidationError("An ISO 4217 code, such as usd.")
        return code.lower()


class InstantField(serializers.DateTimeField):
    """An instant: a date and time with its zone."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            raise serializers.ValidationError("Give the time zone too, such as Z at the end.")
        return super().enforce_timezone(value)


class NoBody(StrictSerializer):
    """No parameters."""


class QuerySerializer(StrictSerializer):
    """The parameters of a GET."""

    from_query = True


class ListQuery(QuerySerializer):
    limit = IntegerField(min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT, help_text="How many at most.")
    cursor = TextField(required=False, max_length=64, help_text="`next_cursor` of the page before.")


class DeletedSerializer(serializers.Serializer[Any]):
    """What is left of an object."""

    id = serializers.UUIDField()
    object = serializers.CharField()
    deleted = serializers.BooleanField()


class ErrorDetailSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    param = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()
    doc_url = serializers.CharField()
    invoice = serializers.UUIDField(required=False, help_text="The invoice that a declined payment has left open.")


class ErrorSerializer(serializers.Serializer[Any]):
    """Every answer of 400 and above."""

    error = ErrorDetailSerializer()


def valid_query(query: type[QuerySerializer], params: Any) -> dict[str, Any]:
    """The validated parameters of a GET. Raises ValidationError, which names the parameter."""
    for name, value in params.items():
        if "\x00" in value or "\x00" in name:
            raise serializers.ValidationError({name: ["Text may not hold NUL characters."]})
    serializer = query(data={name: params[name] for name in params})
    serializer.is_valid(raise_exception=True)
    found: dict[str, Any] = serializer.validated_data
    return found


def valid_body(serializer_class: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """The validated body of a POST. Raises ValidationError, which names the parameter."""
    serializer = serializer_class(data=data)
    try:
        serializer.is_valid(raise_exception=True)
    except DjangoValidationError as error:  # a model's validator, spoken of in Django's words
        raise serializers.ValidationError(error.messages) from error
    found: dict[str, Any] = serializer.validated_data
    return found
