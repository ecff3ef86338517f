from typing import Any

from django.conf import settings
from rest_framework import serializers

from billingos.api.serializers import ListQuery, MetadataField, StrictSerializer, TextField
from customers.models import Customer


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    """`balance` is in minor units of `currency`; negative is a credit."""

    object = serializers.SerializerMethodField()
    address = serializers.DictField(read_only=True, allow_null=True)
    test_clock = serializers.SerializerMethodField()

    class Meta:
        model = Customer
        fields = (
            "id", "object", "external_id", "stripe_id", "email", "name", "currency", "balance", "delinquent",
            "default_payment_method_id", "address", "tax_exempt", "metadata", "test_clock", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, customer: Customer) -> str:
        return "customer"

    def get_test_clock(self, customer: Customer) -> str | None:
        return customer.test_clock.stripe_id if customer.test_clock else None


class CreateCustomer(StrictSerializer):
    external_id = TextField(required=False, allow_null=True, max_length=255, help_text="Your own id. Not `cus_…`.")
    email = serializers.EmailField(required=False, allow_null=True, max_length=320)
    name = TextField(required=False, allow_null=True, max_length=250)
    payment_method = TextField(required=False, max_length=255, help_text="A Stripe payment method to charge.")
    test_clock = TextField(required=False, max_length=255, help_text="A Stripe test clock; test mode only.")
    metadata = MetadataField(required=False)

    def validate_test_clock(self, value: str) -> str:
        if settings.STRIPE_LIVE_MODE:
            raise serializers.ValidationError("Test clocks exist in test mode only.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not any(attrs.get(name) for name in ("external_id", "email", "name")):
            raise serializers.ValidationError(
                {"external_id": ["Give an external_id, an email or a name."]}, code="required"
            )
        return attrs


class AddressField(StrictSerializer):
    line1 = TextField(required=False, allow_blank=True, max_length=200)
    line2 = TextField(required=False, allow_blank=True, max_length=200)
    city = TextField(required=False, allow_blank=True, max_length=100)
    state = TextField(required=False, allow_blank=True, max_length=100)
    postal_code = TextField(required=False, allow_blank=True, max_length=20)
    country = serializers.RegexField(r"^[A-Z]{2}\Z", required=False, help_text="Two letters, such as DE.")


class UpdateCustomer(StrictSerializer):
    """What is not sent stays; null takes away."""

    external_id = TextField(required=False, allow_null=True, max_length=255, help_text="Your own id. Not `cus_…`.")
    email = serializers.EmailField(required=False, allow_null=True, max_length=320)
    name = TextField(required=False, allow_null=True, max_length=250)
    address = AddressField(required=False, allow_null=True)
    tax_exempt = serializers.ChoiceField(["none", "exempt", "reverse"], required=False)
    default_payment_method = TextField(
        required=False, allow_null=True, max_length=255, help_text="A Stripe payment method; attached if it is not yet."
    )
    metadata = MetadataField(required=False, help_text="Keys that are sent are set; an empty text takes one away.")


class CustomerListQuery(ListQuery):
    email = TextField(required=False, max_length=320)
