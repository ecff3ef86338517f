from decimal import Decimal
from typing import Any

from rest_framework import serializers

from billingos.api.serializers import (
    IntegerField,
    ListQuery,
    MetadataField,
    QuerySerializer,
    StrictSerializer,
    TextField,
)
from entitlements.balances import Balance
from entitlements.models import Feature, ProductFeature
from subscriptions.models import Product
from subscriptions.serializers.catalog import AmountSerializer, PriceSerializer, PriceTerms, costs

LOOKUP_KEY = r"^[a-z][a-z0-9_.-]{0,62}$"
MAX_LIMIT = 10**15


class FeatureSerializer(serializers.ModelSerializer[Feature]):
    object = serializers.SerializerMethodField()
    meter = serializers.SerializerMethodField()

    class Meta:
        model = Feature
        fields = (
            "id", "object", "stripe_id", "lookup_key", "name", "type", "meter", "active", "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, feature: Feature) -> str:
        return "feature"

    def get_meter(self, feature: Feature) -> str | None:
        return feature.meter.key if feature.meter else None


class CreateFeature(StrictSerializer):
    lookup_key = serializers.RegexField(
        LOOKUP_KEY, max_length=63, help_text="Lower case letters, digits, `_`, `.`, `-`."
    )
    name = TextField(max_length=80)
    type = serializers.ChoiceField(Feature.Type.choices, default=Feature.Type.BOOLEAN)
    meter = TextField(required=False, max_length=63, help_text="The key of the meter that counts a limit's use.")


class IncludedFeatureSerializer(serializers.ModelSerializer[ProductFeature]):
    feature = serializers.CharField(source="feature.lookup_key", read_only=True)
    type = serializers.CharField(source="feature.type", read_only=True)

    class Meta:
        model = ProductFeature
        fields = ("feature", "type", "limit")


class ProductSerializer(serializers.ModelSerializer[Product]):
    """`features` are those of the current version."""

    object = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField()
    features = serializers.SerializerMethodField()

    class Meta:
        model = Product
        fields = (
            "id", "object", "stripe_id", "name", "description", "active", "version", "features", "metadata",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, product: Product) -> str:
        return "product"

    def get_version(self, product: Product) -> int | None:
        versions = product.versions.all()
        return versions[0].number if versions else None

    def get_features(self, product: Product) -> list[dict[str, Any]]:
        versions = product.versions.all()
        return list(IncludedFeatureSerializer(versions[0].features.all(), many=True).data) if versions else []


class InclusionField(StrictSerializer):
    feature = TextField(max_length=63, help_text="A feature's lookup_key.")
    limit = IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MAX_LIMIT,
        help_text="Per billing period; null: no limit.",
    )


class CreateProduct(StrictSerializer):
    name = TextField(max_length=250)
    description = TextField(required=False, max_length=2000)
    features = serializers.ListField(child=InclusionField(), required=False, max_length=50)
    metadata = MetadataField(required=False)


class UpdateProduct(StrictSerializer):
    """What is not sent stays."""

    name = TextField(required=False, max_length=250)
    description = TextField(required=False, allow_blank=True, max_length=2000)
    active = serializers.BooleanField(required=False, help_text="false: archived, nobody can buy it any more.")
    features = serializers.ListField(
        child=InclusionField(), required=False, max_length=50, help_text="All that it is to include."
    )
    metadata = MetadataField(required=False, help_text="Keys that are sent are set; an empty text takes one away.")


class PriceChange(AmountSerializer):
    """Another amount for a price that is sold."""

    price = TextField(max_length=255, help_text="The price's id, ours or Stripe's.")
    nickname = TextField(required=False, max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not costs(super().validate(attrs)):
            raise serializers.ValidationError({"unit_amount": ["This field is required."]}, code="required")
        return attrs


class CreateVersion(StrictSerializer):
    """What the product is to be from now on; what is not sent stays."""

    features = serializers.ListField(
        child=InclusionField(), required=False, max_length=50, help_text="All that it is to include."
    )
    prices = serializers.ListField(child=PriceChange(), required=False, max_length=100)
    add_prices = serializers.ListField(child=PriceTerms(), required=False, max_length=20)
    drop_prices = serializers.ListField(
        child=TextField(max_length=255), required=False, max_length=100, help_text="No longer sold."
    )


class ProductVersionSerializer(serializers.Serializer[Any]):
    """A version with what was sold in it. `subscribers` are those on it now, trials too; `mrr` is theirs, in minor
    units by currency."""

    id = serializers.UUIDField(source="version.id")
    object = serializers.SerializerMethodField()
    product = serializers.UUIDField(source="version.product_id")
    number = serializers.IntegerField(source="version.number")
    current = serializers.BooleanField()
    features = IncludedFeatureSerializer(many=True)
    prices = PriceSerializer(many=True)
    subscribers = serializers.IntegerField(source="standing.subscriptions")
    mrr = serializers.DictField(child=serializers.IntegerField(), source="standing.mrr")
    created_at = serializers.DateTimeField()

    def get_object(self, described: Any) -> str:
        return "product_version"


class ProductListQuery(ListQuery):
    active = serializers.BooleanField(required=False, allow_null=True, default=None)


class CheckQuery(QuerySerializer):
    customer_id = TextField(max_length=255, help_text="Our id, Stripe's id, or your external_id.")
    feature = TextField(max_length=63, help_text="A feature's lookup_key.")


class BalanceSerializer(serializers.Serializer[Balance]):
    """Numbers are exact: integers where they are whole."""

    allowed = serializers.BooleanField()
    feature = serializers.CharField()
    type = serializers.ChoiceField(Feature.Type.choices)
    limit = serializers.IntegerField(allow_null=True)
    used = serializers.SerializerMethodField()
    remaining = serializers.SerializerMethodField()
    resets_at = serializers.DateTimeField(allow_null=True)
    sources = serializers.ListField(child=serializers.CharField())

    def get_used(self, balance: Balance) -> int | float | None:
        return exact_number(balance.used)

    def get_remaining(self, balance: Balance) -> int | float | None:
        return exact_number(balance.remaining)


def exact_number(value: Decimal | None) -> int | float | None:
    """A Decimal as a JSON number: an integer where it is whole, else the nearest double (usage, never money)."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
