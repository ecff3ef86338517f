"""All that is mirrored of a merchant, by Stripe's ids: to compare two merchants who mirror the same account."""

from collections.abc import Callable
from typing import Any

from django.apps import apps

from billingos.common.models import StripeMirrored
from billingos.common.tenancy import scope
from billingos.merchants.models import ConnectedAccount, Merchant
from entitlements.models import Entitlement, ProductFeature
from insights.models import Insight
from subscriptions.models import Discount, InvoiceLine, ProductVersion, SubscriptionItem
from tests.mirrored.fields import OURS

Rows = dict[str, dict[str, Any]]
# When we have come to know of something says nothing of Stripe.
MOMENTS = {"granted_at", "detected_at", "closed_at", "removed_at"}
UNTOLD = {"times_redeemed"}  # no event tells of a coupon's redemption: here the import knows better
KEYS: dict[Any, Callable[[Any], str]] = {
    ProductVersion: lambda row: f"{row.product.stripe_id} {row.number}",
    ProductFeature: lambda row: f"{row.version} {row.feature.lookup_key}",
    Entitlement: lambda row: f"{row.customer.stripe_id} {row.feature.lookup_key} {row.source}",
    InvoiceLine: lambda row: f"{row.invoice.stripe_id} {row.stripe_id}",
    Insight: lambda row: f"{row.customer.stripe_id} {row.kind} {row.status}",
}
PARTS = [SubscriptionItem, Discount, *KEYS]
MIRRORED = [model for model in apps.get_models() if issubclass(model, StripeMirrored)]


def rows_of(merchant: Merchant) -> dict[str, Rows]:
    """Table → Stripe's id → columns. What is deleted in Stripe is left out: no list has it."""
    with scope(merchant.id):
        found = {model._meta.db_table: _rows(model, merchant) for model in [*MIRRORED, *PARTS]}
    found.pop(ConnectedAccount._meta.db_table)
    return found


def _rows(model: Any, merchant: Merchant) -> Rows:
    rows = model.objects.for_merchant(merchant.id)
    if issubclass(model, StripeMirrored):
        rows = rows.filter(deleted_at=None)
    if model is Insight:
        rows = rows.filter(status="open")
    if model is Entitlement:
        rows = rows.filter(active=True)
    if model is Discount:
        rows = rows.filter(removed_at=None)
    return {_key(row): _columns(model, row) for row in rows}


def _key(row: Any) -> str:
    return KEYS[type(row)](row) if type(row) in KEYS else str(row.stripe_id)


def _columns(model: Any, row: Any) -> dict[str, Any]:
    columns = {}
    for column in model._meta.concrete_fields:
        if column.name in (OURS - {"stripe_created_at"}) | MOMENTS | UNTOLD or model is Insight:
            continue
        value = getattr(row, column.name)
        if column.is_relation and value is not None:
            value = _key(value)
        columns[column.name] = value
    return columns


def differences(lived: dict[str, Rows], imported: dict[str, Rows]) -> list[str]:
    """Readable: table, id, column, both values."""
    found = []
    for table in lived.keys() | imported.keys():
        ours, theirs = lived.get(table, {}), imported.get(table, {})
        found += [f"{table} {key}: only lived" for key in ours.keys() - theirs.keys()]
        found += [f"{table} {key}: only imported" for key in theirs.keys() - ours.keys()]
        for key in ours.keys() & theirs.keys():
            found += [
                f"{table} {key} {name}: lived {ours[key][name]!r}, imported {theirs[key][name]!r}"
                for name in ours[key]
                if ours[key][name] != theirs[key][name]
            ]
    return sorted(found)
