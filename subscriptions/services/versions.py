"""Changing what is sold. A version that somebody is on stays as it was sold: the change makes the next one.

Stripe is told in an order in which nothing half-done is for sale: the new prices are made inactive, activated when all
of them are there, then the product names its version, then the old prices are archived. All calls are committed before
the first is made, so that a process that dies leaves nothing open (`stripe_gateway.intents`).
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from billingos.common.errors import Conflict
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import (
    Call,
    active_meter,
    attached_features,
    made_by,
    retrieve,
    target_made_by,
)
from subscriptions.features import Features
from subscriptions.models import Price, Product, ProductVersion
from subscriptions.selectors import version_in_use
from subscriptions.services.catalog import Metering, described, metered
from subscriptions.services.terms import Params, amount_params, copied, price_params, same_amount
from subscriptions.sync import current_version

NOT_SOLD = "This price is not sold any more: change the one that is."


@dataclass(frozen=True, slots=True)
class Addition:
    """A price to sell besides: fields as in `CreatePrice`."""

    fields: Mapping[str, Any]
    metering: Metering | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be different about a product.

    `fields` are its own, with Stripe's names. `features` is all that it is to include, None for what it includes now;
    `feature_ids` are their Stripe ids. `changed` says by Stripe id what is to be different about a price; `dropped`
    are the Stripe ids of prices that are no longer sold.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    features: Features | None = None
    feature_ids: Sequence[str] = ()
    changed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    added: Sequence[Addition] = ()
    dropped: Sequence[str] = ()


class _NothingToDo(Exception):
    """The product is as it is to be."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What Stripe says, before a plan is made: the prices that may have to be copied by their ids, the features that
    are attached to the product with the ids of the attachments, and the meters by their keys."""

    number: int
    prices: Mapping[str, Mapping[str, Any]]
    attached: Mapping[str, str]
    meters: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the plan rests on."""

    product: Product
    version: ProductVersion
    prices: Sequence[Price]
    in_use: bool


def edit_product(*, merchant: Merchant, product: Product, edit: Edit, key: str | None = None) -> ProductVersion:
    """Makes the product as `edit` says, and returns its present version: the next one if a limit, a feature or an
    amount has changed and somebody is on the one until now. Raises Conflict if somebody else is changing it too."""
    known = _look_up(merchant, product, edit)

    def calls() -> list[Call]:
        planned = _Plan(_read(merchant.id, product), edit, known).calls
        if not planned:
            raise _NothingToDo
        return planned

    def check() -> None:
        if _read(merchant.id, product).version.number != known.number:
            raise Conflict("This product has just changed. Look at it and try again.", code="in_flight")

    with contextlib.suppress(_NothingToDo):
        execute(merchant=merchant, calls=calls, key=key, claim=f"publish {product.stripe_id}", check=check)
    return _standing(merchant, product).version


def _look_up(merchant: Merchant, product: Product, edit: Edit) -> "_Known":
    standing = _standing(merchant, product)
    copies = edit.features is not None or edit.changed
    sold = [price.stripe_id for price in standing.prices if price.active] if copies else []
    return _Known(
        number=standing.version.number,
        prices={stripe_id: retrieve(merchant, "price", stripe_id) for stripe_id in sold},
        attached={} if edit.features is None else attached_features(merchant, product.stripe_id),
        meters={
            addition.metering.key: active_meter(merchant, addition.metering.key)
            for addition in edit.added
            if addition.metering
        },
    )


def update_price(*, merchant: Merchant, price: Price, fields: Mapping[str, Any]) -> Price:
    """The price as `fields` say. Stripe's prices keep their amount: with another one this is a price of its own, which
    takes the place of the old one, in the next version if somebody is on this one. Raises Conflict for the amount of a
    price that is not sold."""
    rest = {name: value for name, value in fields.items() if name not in amount_params(fields)}
    if len(rest) < len(fields):
        found = retrieve(merchant, "price", price.stripe_id)
        if not same_amount(found, fields):
            return _replace(merchant, price, fields)
    if not rest:
        return price
    params = {**rest, **({"lookup_key": rest["lookup_key"] or ""} if "lookup_key" in rest else {})}
    updated: Price = execute(merchant=merchant, calls=[Call("prices.update", params, target=price.stripe_id)])[0]
    return updated


def _replace(merchant: Merchant, price: Price, fields: Mapping[str, Any]) -> Price:
    product = price.version.product
    standing = _standing(merchant, product)
    successor = _successor(standing, price)
    if successor is None or (successor.id != price.id and not _costs(merchant, successor, fields)):
        raise Conflict(NOT_SOLD, code="price_not_sold")
    if successor.id != price.id:  # the same request was carried out before
        return successor
    edit_product(merchant=merchant, product=product, edit=Edit(changed={price.stripe_id: fields}))
    made = _successor(_standing(merchant, product), price)
    if made is None:
        raise Conflict(NOT_SOLD, code="price_not_sold")
    return made


def _costs(merchant: Merchant, price: Price, fields: Mapping[str, Any]) -> bool:
    return same_amount(retrieve(merchant, "price", price.stripe_id), fields)


def _successor(standing: _Standing, price: Price) -> Price | None:
    """What is sold in the place of `price` now: itself, or the newest of its line."""
    line = price.origin_id or price.stripe_id
    sold = [other for other in standing.prices if other.active and line in (other.stripe_id, other.origin_id)]
    return price if price in sold else next(iter(sorted(sold, key=lambda other: other.id, reverse=True)), None)


def _standing(merchant: Merchant, product: Product) -> _Standing:
    with scope(merchant.id):
        return _read(merchant.id, product)


def _read(merchant_id: UUID, product: Product) -> _Standing:
    fresh = Product.objects.for_merchant(merchant_id).get(id=product.id)
    version = current_version(fresh)
    if version is None:  # no product is written without one
        raise Conflict("This product is being made. Try again.", code="in_flight")
    prices = Price.objects.for_merchant(merchant_id).filter(version=version, deleted_at=None).order_by("id")
    return _Standing(fresh, version, list(prices), version_in_use(version))


class _Plan:
    """The calls that an edit takes, in their order."""

    def __init__(self, standing: _Standing, edit: Edit, known: _Known) -> None:
        self.calls: list[Call] = []
        self._meters: dict[str, Any] = {}
        self._added: list[int] = []
        self._standing, self._edit, self._known = standing, edit, known
        sold = {price.stripe_id for price in standing.prices if price.active}
        if not sold.issuperset({*edit.changed, *edit.dropped}):
            raise Conflict(NOT_SOLD, code="price_not_sold")
        before = standing.version.includes
        self._features = before if edit.features is None else edit.features
        self._refeatured = self._features != before
        changed = [name for name, change in edit.changed.items() if not same_amount(self._price(name), change)]
        if standing.in_use and (changed or self._refeatured):
            self._publish()
        else:
            self._edit_in_place(changed)

    def _price(self, stripe_id: str) -> Mapping[str, Any]:
        found = self._known.prices.get(stripe_id)
        if found is None:
            raise Conflict("This product has just changed. Look at it and try again.", code="in_flight")
        return found

    def _call(self, operation: str, params: Params, target: str = "") -> int:
        self.calls.append(Call(operation, params, target))
        return len(self.calls) - 1

    def _publish(self) -> None:
        version, number = self._standing.version, self._standing.version.number + 1
        stamp = described(number, self._features)
        sold = [price.stripe_id for price in self._standing.prices if price.active]
        kept = [stripe_id for stripe_id in sold if stripe_id not in self._edit.dropped]
        lookup_keys: dict[int, str] = {}
        made: dict[str, int] = {}
        for stripe_id in kept:
            price = self._price(stripe_id)
            change = self._edit.changed.get(stripe_id, {})
            made[stripe_id] = self._create(copied(price, change), stamp, active=False)
            lookup_keys[made[stripe_id]] = change.get("lookup_key", price.get("lookup_key")) or ""
        for addition in self._edit.added:
            step = self._add(addition, stamp, active=False)
            lookup_keys[step] = addition.fields.get("lookup_key", "")
        self._attach(detach=False)
        for step, lookup_key in lookup_keys.items():
            moved = {"lookup_key": lookup_key, "transfer_lookup_key": True} if lookup_key else {}
            self._call("prices.update", {"active": True, **moved}, target_made_by(step))
        self._update_product(described(number, self._features, version.includes), made)
        stamp = described(version.number, version.includes)
        for old in self._standing.prices:
            self._call("prices.update", {**({"active": False} if old.active else {}), "metadata": stamp}, old.stripe_id)

    def _edit_in_place(self, changed: Sequence[str]) -> None:
        version = self._standing.version
        stamp = described(version.number, self._features)
        made = {}
        for stripe_id in changed:
            price, change = self._price(stripe_id), self._edit.changed[stripe_id]
            lookup_key = change.get("lookup_key", price.get("lookup_key"))
            moved = {"lookup_key": lookup_key, "transfer_lookup_key": True} if lookup_key else {}
            made[stripe_id] = self._create({**copied(price, change), **moved}, stamp, active=True)
        for addition in self._edit.added:
            self._add(addition, stamp, active=True)
        if self._refeatured:
            self._attach(detach=True)
        new = described(version.number, self._features, version.includes) if self._refeatured else {}
        self._update_product(new, made)
        for stripe_id in (*changed, *self._edit.dropped):
            self._call("prices.update", {"active": False}, stripe_id)

    def _other_default(self, made: Mapping[str, int]) -> Any:
        """A price that is sold on, in the place of one that is dropped: a new one before one that stays as it is."""
        if steps := [*made.values(), *self._added]:
            return made_by(steps[0])
        for price in self._standing.prices:
            if price.active and price.stripe_id not in self._edit.dropped:
                return price.stripe_id
        raise Conflict("A product that is sold needs a price: add one, or archive the product.", code="price_needed")

    def _create(self, params: Params, stamp: dict[str, str], *, active: bool) -> int:
        metadata = {**params.get("metadata", {}), **stamp}
        return self._call("prices.create", {**params, "active": active, "metadata": metadata})

    def _add(self, addition: Addition, stamp: dict[str, str], *, active: bool) -> int:
        params = {"product": self._standing.product.stripe_id, **price_params(addition.fields)}
        if not active:
            params.pop("lookup_key", None)
            params.pop("transfer_lookup_key", None)
        if metering := addition.metering:
            known = self._known.meters[metering.key]
            calls, meter = metered(metering, step=len(self.calls), known=known)
            params["recurring"]["meter"] = self._meters.setdefault(metering.key, meter)
            self.calls += calls if self._meters[metering.key] is meter else []
        self._added.append(self._create(params, stamp, active=active))
        return self._added[-1]

    def _attach(self, *, detach: bool) -> None:
        """Stripe's own entitlements know no versions: what somebody still has by an earlier one stays attached."""
        if not self._refeatured:
            return
        product, attached = self._standing.product.stripe_id, self._known.attached
        for feature in self._edit.feature_ids:
            if feature not in attached:
                self._call("products.features.create", {"entitlement_feature": feature}, product)
        for feature in attached.keys() - set(self._edit.feature_ids) if detach else ():
            self._call("products.features.delete", {}, f"{product}/{attached[feature]}")

    def _update_product(self, metadata: dict[str, str], made: Mapping[str, int]) -> None:
        product = self._standing.product
        params = dict(self._edit.fields)
        if metadata:
            params["metadata"] = {**params.get("metadata", {}), **metadata}
        if product.default_price_id in made:
            params["default_price"] = made_by(made[product.default_price_id])
        elif product.default_price_id in self._edit.dropped:  # Stripe archives no price that is the default
            params["default_price"] = self._other_default(made)
        if params:
            self._call("products.update", params, product.stripe_id)
