"""Stripe product, price, coupon, promotion code → rows."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from billingos.common.errors import MissingReference
from billingos.common.mirrored import instant, reference, write_mirrored
from billingos.common.readahead import mirrored_row
from billingos.common.registries import StripeObject, projects, publish
from customers.sync import customer_of
from subscriptions.events import VersionDescribed
from subscriptions.features import ORIGIN, VERSION, Features, from_metadata
from subscriptions.models import Coupon, Price, Product, ProductVersion, PromotionCode


def own_metadata(stripe_object: StripeObject) -> dict[str, str]:
    """The merchant's metadata, without ours."""
    metadata = stripe_object.get("metadata") or {}
    return {key: value for key, value in metadata.items() if not key.startswith("billingos_")}


@projects("product", Product)
def sync_product(merchant_id: UUID, product: StripeObject, event_at: datetime | None = None) -> Product | None:
    """Stripe product → row with its present version, whose features are published for the entitlements."""
    known = mirrored_row(Product, merchant_id, product["id"])
    if product.get("deleted"):
        if known and known.deleted_at is None:
            known.deleted_at, known.active = timezone.now(), False
            known.save(update_fields=["deleted_at", "active"])
        return known
    if known and known.deleted_at:
        return known
    row = write_mirrored(
        Product,
        merchant_id,
        product,
        event_at,
        {
            "name": product["name"],
            "description": product.get("description") or "",
            "active": product["active"],
            "default_price_id": reference(product.get("default_price")),
            "metadata": own_metadata(product),
        },
    )
    version = _version(row, product, names_present=True)
    _describe(version, from_metadata(product.get("metadata") or {}))
    return row


def current_version(product: Product) -> ProductVersion | None:
    """The version that new subscribers get."""
    return product.versions.filter(published=True).order_by("-number").first()


def _version(product: Product, described: StripeObject, *, names_present: bool = False) -> ProductVersion:
    """The version that the metadata of a product or price names; where it names none, the present one. A version later
    than the present one is published once the product itself names it."""
    named = str((described.get("metadata") or {}).get(VERSION, ""))
    current = current_version(product)
    if current and not named.isdecimal():
        return current
    number = int(named) if named.isdecimal() and 0 < int(named) < 2**31 else 1
    published = names_present or current is None or number <= current.number
    version, _ = ProductVersion.objects.get_or_create(
        merchant_id=product.merchant_id, product=product, number=number, defaults={"published": published}
    )
    if published and not version.published:
        version.published = True
        version.save(update_fields=["published"])
    return version


def _describe(version: ProductVersion, features: Features) -> None:
    if version.includes != features:
        version.includes = features
        version.save(update_fields=["includes"])
    publish(VersionDescribed(version.merchant_id, version.id, features))


@projects("price", Price)
def sync_price(merchant_id: UUID, price: StripeObject, event_at: datetime | None = None) -> Price | None:
    """Stripe price → row, on the version that it names, else on its product's present one. A price never changes its
    version."""
    known = mirrored_row(Price, merchant_id, price["id"])
    if price.get("deleted"):
        if known and known.deleted_at is None:
            known.deleted_at, known.active = timezone.now(), False
            known.save(update_fields=["deleted_at", "active"])
        return known
    columns = _price_columns(price)
    if price.get("billing_scheme") == "tiered" and price.get("tiers") is None and not (known and known.tiers):
        raise MissingReference("price", price["id"])  # to be retrieved with its tiers
    if known is None:
        columns["version"] = _version_of_price(merchant_id, price)
    elif price.get("tiers") is None:
        del columns["tiers"]  # Stripe leaves tiers out unless asked for them
    row = write_mirrored(Price, merchant_id, price, event_at, columns)
    _describe_earlier(row, price.get("metadata") or {})
    return row


def _describe_earlier(price: Price, metadata: dict[str, str]) -> None:
    """Of the present version the product says what it includes; of any other its prices do."""
    version = price.version
    current = current_version(version.product)
    if VERSION in metadata and (current is None or current.id != version.id):
        _describe(version, from_metadata(metadata))


def _price_columns(price: StripeObject) -> dict[str, Any]:
    recurring = price.get("recurring") or {}
    exact = price.get("unit_amount_decimal")
    return {
        "currency": price["currency"],
        "unit_amount": price.get("unit_amount"),
        "unit_amount_decimal": None if exact is None else Decimal(str(exact)),
        "billing_scheme": price.get("billing_scheme") or "per_unit",
        "tiers_mode": price.get("tiers_mode") or "",
        "tiers": price.get("tiers"),
        "interval": recurring.get("interval") or "",
        "interval_count": recurring.get("interval_count") or 1,
        "usage_type": recurring.get("usage_type") or Price.UsageType.LICENSED,
        "meter_id": recurring.get("meter") or "",
        "transform_quantity": price.get("transform_quantity"),
        "tax_behavior": price.get("tax_behavior") or "unspecified",
        "lookup_key": price.get("lookup_key") or "",
        "nickname": price.get("nickname") or "",
        "active": price["active"],
        "origin_id": str((price.get("metadata") or {}).get(ORIGIN, "")),
        "metadata": own_metadata(price),
    }


def _version_of_price(merchant_id: UUID, price: StripeObject) -> ProductVersion:
    """Made if the price comes before its product's news."""
    stripe_id = reference(price["product"])
    product = mirrored_row(Product, merchant_id, stripe_id)
    if product is None:
        raise MissingReference("product", stripe_id)
    return _version(product, price)


def price_of(merchant_id: UUID, value: Any) -> Price:
    """The row behind a field of a Stripe object that names a price. Raises MissingReference."""
    stripe_id = reference(value)
    found = mirrored_row(Price, merchant_id, stripe_id)
    if found is None:
        raise MissingReference("price", stripe_id)
    return found


@projects("coupon", Coupon)
def sync_coupon(merchant_id: UUID, coupon: StripeObject, event_at: datetime | None = None) -> Coupon | None:
    """Stripe coupon → row. A deleted one still holds for those who have redeemed it: also where it was gone before we
    knew of it there is a row, with the terms if whoever tells of it has them."""
    known = mirrored_row(Coupon, merchant_id, coupon["id"])
    if coupon.get("deleted"):
        if known is None:
            terms = _coupon_columns(coupon) if "duration" in coupon else {"duration": Coupon.Duration.FOREVER}
            ended = {**terms, "valid": False, "deleted_at": timezone.now()}
            return write_mirrored(Coupon, merchant_id, coupon, event_at, ended)
        if known.deleted_at is None:
            known.deleted_at, known.valid = timezone.now(), False
            known.save(update_fields=["deleted_at", "valid"])
        return known
    if known and known.deleted_at:
        return known
    columns = _coupon_columns(coupon)
    if "applies_to" in coupon:  # Stripe leaves it out unless asked for it
        columns["product_stripe_ids"] = (coupon["applies_to"] or {}).get("products") or []
    elif known is None:
        raise MissingReference("coupon", coupon["id"])
    return write_mirrored(Coupon, merchant_id, coupon, event_at, columns)


def _coupon_columns(coupon: StripeObject) -> dict[str, Any]:
    percent = coupon.get("percent_off")
    return {
        "name": coupon.get("name") or "",
        "percent_off": None if percent is None else Decimal(str(percent)),
        "amount_off": coupon.get("amount_off"),
        "currency": coupon.get("currency") or "",
        "duration": coupon["duration"],
        "duration_in_months": coupon.get("duration_in_months"),
        "max_redemptions": coupon.get("max_redemptions"),
        "times_redeemed": coupon.get("times_redeemed") or 0,
        "redeem_by_at": instant(coupon.get("redeem_by")),
        "valid": bool(coupon.get("valid")),
        "metadata": own_metadata(coupon),
    }


def coupon_of(merchant_id: UUID, value: Any) -> Coupon:
    """The row behind a field of a Stripe object that names a coupon. Raises MissingReference."""
    stripe_id = reference(value)
    found = mirrored_row(Coupon, merchant_id, stripe_id)
    if found is None:
        raise MissingReference("coupon", stripe_id)
    return found


@projects("promotion_code", PromotionCode)
def sync_promotion_code(
    merchant_id: UUID, promotion_code: StripeObject, event_at: datetime | None = None
) -> PromotionCode | None:
    if promotion_code.get("deleted"):
        return mirrored_row(PromotionCode, merchant_id, promotion_code["id"])
    customer = promotion_code.get("customer")
    restrictions = promotion_code.get("restrictions") or {}
    # Since clover the coupon stands in `promotion`; before, on the code.
    coupon = (promotion_code.get("promotion") or {}).get("coupon") or promotion_code.get("coupon")
    return write_mirrored(
        PromotionCode,
        merchant_id,
        promotion_code,
        event_at,
        {
            "coupon": coupon_of(merchant_id, coupon),
            "code": promotion_code["code"],
            "active": promotion_code["active"],
            "customer": customer_of(merchant_id, customer) if customer else None,
            "max_redemptions": promotion_code.get("max_redemptions"),
            "times_redeemed": promotion_code.get("times_redeemed") or 0,
            "expires_at": instant(promotion_code.get("expires_at")),
            "first_time_transaction": bool(restrictions.get("first_time_transaction")),
            "minimum_amount": restrictions.get("minimum_amount"),
            "minimum_amount_currency": restrictions.get("minimum_amount_currency") or "",
            "metadata": own_metadata(promotion_code),
        },
    )
