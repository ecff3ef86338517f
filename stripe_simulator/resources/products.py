"""Products and the features attached to them."""

from typing import Any

from stripe_simulator import catalog
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, not_found
from stripe_simulator.events import emit, updating
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Flag,
    Hash,
    Metadata,
    Range,
    Sequenced,
    Text,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


@endpoint(
    "POST",
    "/v1/products",
    catalog.PRODUCT
    | {
        "name": Text(required=True),
        "id": Text(),
        "metadata": Metadata(),
        "type": Text(choices=("good", "service")),
        "default_price_data": Hash(fields=catalog.PRICE),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A product; its id may be chosen, and is unique within the account."""
    return render(work, catalog.add_product(work, values))


@endpoint("GET", "/v1/products/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A product."""
    return render(work, work.get("product", id))


@endpoint(
    "POST",
    "/v1/products/<id>",
    catalog.PRODUCT | {"name": Text(), "metadata": Metadata(), "default_price": Text()},
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
            "This product cannot be deleted because it has one or more user-created prices. To archive this "
            "product, set its active property to false."
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
