"""Products and the features attached to them."""

from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, not_found
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Metadata,
    Range,
    Sequenced,
    Text,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources import prices
from stripe_simulator.work import Work

_PLAIN: Fields = {
    "active": Flag(),
    "description": Text(),
    "images": Sequenced(of=Text(required=True), most=8),
    "marketing_features": Sequenced(of=Hash(fields={"name": Text(required=True)}), most=15),
    "shippable": Flag(),
    "statement_descriptor": Text(longest=22),
    "tax_code": Text(),
    "unit_label": Text(),
    "url": Text(),
}


@endpoint(
    "POST",
    "/v1/products",
    _PLAIN
    | {
        "name": Text(required=True),
        "id": Text(),
        "metadata": Metadata(),
        "type": Text(choices=("good", "service")),
        "default_price_data": Hash(fields=prices.CREATE),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A product; its id may be chosen, and is unique within the account."""
    id = values.get("id") or new_id("product")
    if work.find("product", id) is not None:
        raise invalid("Product already exists.", "id", "resource_already_exists")
    now = work.now()
    body: Record = {
        "active": True,
        "created": now,
        "default_price": None,
        "description": None,
        "images": [],
        "marketing_features": [],
        "metadata": merged_metadata({}, values.get("metadata", {})),
        "name": values["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": values.get("type", "service"),
        "unit_label": None,
        "updated": now,
        "url": None,
    }
    body |= {name: value for name, value in values.items() if name in _PLAIN}
    product = work.insert("product", body, id=id)
    price = None
    if values.get("default_price_data"):
        price = prices.add(work, values["default_price_data"] | {"product": id}, "default_price_data")
        product["default_price"] = price["id"]
    emit(work, "product.created", product)
    if price is not None:
        emit(work, "price.created", price)
    return render(work, product)


@endpoint("GET", "/v1/products/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A product."""
    return render(work, work.get("product", id))


@endpoint(
    "POST", "/v1/products/<id>", _PLAIN | {"name": Text(), "metadata": Metadata(), "default_price": Text()}
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what is sent."""
    product = work.get("product", id)
    wanted = values.get("default_price")
    if wanted and work.get("price", wanted, "default_price")["product"] != id:
        raise invalid(f"Price '{wanted}' does not belong to product '{id}'.", "default_price")
    with updating(work, product):
        for name, value in values.items():
            product[name] = merged_metadata(product["metadata"], value) if name == "metadata" else value
        product["updated"] = work.now()
    return render(work, product)


@endpoint("DELETE", "/v1/products/<id>")
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Delete a product that has no prices."""
    product = work.get("product", id)
    if work.related("price", "product", id):
        raise invalid(
            "This product cannot be deleted because it has one or more user-created prices. To archive this product, "
            "set its active property to false."
        )
    emit(work, "product.deleted", product)
    work.delete(product)
    return {"id": id, "object": "product", "deleted": True}


@endpoint(
    "GET",
    "/v1/products",
    LISTING
    | {
        "active": Flag(),
        "created": Range(),
        "ids": Sequenced(of=Text(required=True)),
        "shippable": Flag(),
        "type": Text(),
        "url": Text(),
    },
)
def list_products(work: Work, values: dict[str, Any]) -> Json:
    """Products."""
    exact = {name: values[name] for name in ("active", "shippable", "type", "url") if name in values}
    ids = values.get("ids")
    found = (
        product
        for product in work.all("product")
        if all(product[name] == value for name, value in exact.items())
        and (ids is None or product["id"] in ids)
        and within(values.get("created"), product["created"])
    )
    return page(work, found, values, "/v1/products")


@endpoint("POST", "/v1/products/<id>/features", {"entitlement_feature": Text(required=True)})
def attach_feature(work: Work, values: dict[str, Any], id: str) -> Json:
    """Attach a feature; customers who already subscribe get it with their next period."""
    work.get("product", id)
    feature = work.get("entitlements.feature", values["entitlement_feature"], "entitlement_feature")
    for attached in work.related("product_feature", "product", id):
        if attached["_feature"] == feature["id"]:
            raise invalid("This feature is already attached to this product.", "entitlement_feature")
    made = work.insert("product_feature", {}, product=id, feature=feature["id"])
    return render(work, made)


@endpoint("GET", "/v1/products/<id>/features", LISTING)
def list_features(work: Work, values: dict[str, Any], id: str) -> Json:
    """The features attached to a product."""
    work.get("product", id)
    return page(work, work.related("product_feature", "product", id), values, f"/v1/products/{id}/features")


@endpoint("GET", "/v1/products/<id>/features/<feature>")
def retrieve_feature(work: Work, values: dict[str, Any], id: str, feature: str) -> Json:
    """One attachment."""
    return render(work, _attached(work, id, feature))


@endpoint("DELETE", "/v1/products/<id>/features/<feature>")
def detach_feature(work: Work, values: dict[str, Any], id: str, feature: str) -> Json:
    """Detach a feature."""
    work.delete(_attached(work, id, feature))
    return {"id": feature, "object": "product_feature", "deleted": True}


def _attached(work: Work, product: str, id: str) -> Record:
    attached = work.get("product_feature", id)
    if attached["_product"] != product:
        raise not_found("product_feature", id, "id")
    return attached
