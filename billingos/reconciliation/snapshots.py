"""What PostgreSQL says of Stripe's objects, as plain values that can be compared: the row, and what hangs on it.

Which columns those are follows from the models; what Stripe has for them the projections alone know (`@projects`).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import ForeignKey, Model

from billingos.common.mirrored import reference
from billingos.common.models import StripeMirrored
from billingos.common.registries import StripeObject, mirrored_model
from billingos.merchants.selectors import settings_of
from entitlements.models import Entitlement, ProductFeature
from subscriptions.models import (
    Discount,
    InvoiceLine,
    InvoicePayment,
    ProductVersion,
    Subscription,
    SubscriptionItem,
)
from usage.models import Meter

# Columns that say nothing of Stripe's object. (Whether a row is marked deleted is compared, not when.)
OURS = frozenset(
    {
        "id", "created_at", "updated_at", "merchant", "stripe_id", "stripe_created_at", "last_event_at",
        "stripe_written_at", "revision", "deleted_at", "removed_at",
    }
)  # fmt: skip
OURS_OF: Mapping[type[Model], frozenset[str]] = {
    Entitlement: frozenset({"granted_at", "ended_at"}),
    ProductVersion: frozenset({"published", "refreshed_through"}),
    Subscription: frozenset({"source"}),
}
# A foreign key is told by what the row that it points to is called: in Stripe, unless it stands here.
CALLED: Mapping[Any, str] = {ProductVersion: "number", Meter: "key"}
MARKS = {"deleted_at": "deleted", "removed_at": "removed"}

Values = dict[str, Any]


class Key(NamedTuple):
    """A part of an object: what kind of row, and which. Both empty: the object's own row."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()


Snapshot = dict[Key, Values]
ITSELF = Key("", "")


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that a projection writes beside the object's own. `owner` leads from a row to the Stripe id of what it hangs
    on: the object, or what `of` (a field of the object) names. `name` are the columns that tell the rows apart."""

    kind: str
    model: type[Model]
    owner: str = "stripe_id"
    of: str = "id"
    name: Sequence[str] = ("stripe_id",)


PARTS: Mapping[str, Sequence[Part]] = {
    "customer": (Part("discount", Discount, "customer__stripe_id"),),
    "product": (
        Part("product_version", ProductVersion, "product__stripe_id", name=("number",)),
        Part(
            "product_feature",
            ProductFeature,
            "version__product__stripe_id",
            name=("version__number", "feature__lookup_key"),
        ),
    ),
    "subscription": (
        Part("subscription_item", SubscriptionItem, "subscription__stripe_id"),
        Part("discount", Discount, "customer__stripe_id", of="customer"),
        Part("entitlement", Entitlement, "customer__stripe_id", of="customer", name=("feature__lookup_key", "source")),
        Part(
            "included",
            ProductFeature,
            "version__items__subscription__stripe_id",
            name=("version_id", "feature__lookup_key"),
        ),
    ),
    "invoice": (
        Part("invoice_line", InvoiceLine, "invoice__stripe_id"),
        Part("invoice_payment", InvoicePayment, "invoice__stripe_id"),
    ),
}
# What a projection reads and does not write: it bears on whether the outcome would be the same, and is no difference.
READ_ONLY = frozenset({"included"})


@cache
def columns_of(model: type[Model]) -> Mapping[str, str]:
    """Our name → the path to its value, for the columns that are compared."""
    ours = OURS | OURS_OF.get(model, frozenset())
    fields = [field for field in model._meta.concrete_fields if field.name not in ours]
    return {field.name: _path(field) for field in fields} | {
        mark: column for column, mark in MARKS.items() if any(field.name == column for field in model._meta.fields)
    }


def _path(field: Any) -> str:
    if not isinstance(field, ForeignKey):
        return str(field.name)
    return f"{field.name}__{CALLED.get(field.related_model, 'stripe_id')}"


def snapshots(merchant_id: UUID, object_type: str, objects: Sequence[StripeObject]) -> dict[str, Snapshot]:
    """What we have of each of the objects, by Stripe id; an empty one for what is not here. One statement for their
    rows and one for each kind of part. Inside the merchant's scope."""
    found: dict[str, Snapshot] = {one["id"]: {} for one in objects}
    model = mirrored_model(object_type)
    if model is None:
        return found
    for part in (Part("", model, name=()), *PARTS.get(object_type, ())):
        owners: dict[str, list[str]] = defaultdict(list)
        for one in objects:
            owners[reference(one.get(part.of))].append(one["id"])
        for owner, name, values in _rows(merchant_id, part, sorted(owners)):
            for stripe_id in owners[owner]:
                found[stripe_id][Key(part.kind, name)] = values
    return found


def _rows(merchant_id: UUID, part: Part, owners: list[str]) -> Iterator[tuple[str, str, Values]]:
    columns = columns_of(part.model)
    rows = part.model._default_manager.filter(merchant_id=merchant_id, **{f"{part.owner}__in": owners})
    after = 1 + len(part.name)
    for row in rows.values_list(part.owner, *part.name, *columns.values()):
        values = {column: plain(value) for column, value in zip(columns, row[after:], strict=True)}
        for mark in MARKS.values():
            if mark in values:
                values[mark] = values[mark] is not None
        yield row[0], " ".join(str(name) for name in row[1:after]), values


def plain(value: Any) -> Any:
    """As JSON can hold it, and as people read it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value) if isinstance(value, UUID) else value


def digest(value: Any) -> str:
    """The same for the same value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def digest_of(snapshot: Snapshot, rules: Iterable[Any]) -> str:
    """Of what we have of an object, under the rules (`rules_of`) that a projection applies."""
    return digest([sorted((*key, values) for key, values in snapshot.items()), list(rules)])


def rules_of(merchant_id: UUID) -> tuple[bool, bool]:
    """The merchant's settings that projections read. Inside its scope."""
    found = settings_of(merchant_id)
    return found.paused_counts, found.past_due_keeps_access


class Stamp(NamedTuple):
    """When and how often our row of an object was written."""

    revision: int
    updated_at: datetime
    written_at: datetime | None


def stamps(merchant_id: UUID, object_type: str, stripe_ids: Iterable[str]) -> dict[str, Stamp]:
    """By Stripe id, for those that have a row. Inside the merchant's scope."""
    model: type[StripeMirrored] | None = mirrored_model(object_type)
    if model is None:
        return {}
    rows = model.objects.for_merchant(merchant_id).filter(stripe_id__in=list(stripe_ids))
    found = rows.values_list("stripe_id", "revision", "updated_at", "stripe_written_at")
    return {row[0]: Stamp(*row[1:]) for row in found}
