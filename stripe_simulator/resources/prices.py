"""Prices: one-off and recurring, per unit or in tiers."""

from typing import Any

from stripe_simulator import catalog
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, missing_param
from stripe_simulator.events import emit, updating
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Integer,
    Metadata,
    Named,
    Range,
    Sequenced,
    Text,
    Unsimulated,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

_PRODUCT_DATA: Fields = {
    "active": Flag(),
    "id": Text(),
    "metadata": Metadata(),
    "name": Text(required=True),
    "statement_descriptor": Text(),
    "tax_code": Text(),
    "unit_label": Text(),
}
_OPTIONS = Named(
    of=Hash(
        fields={
            "custom_unit_amount": Unsimulated(),
            "tax_behavior": Text(choices=catalog.TAX_BEHAVIORS),
            "tiers": Unsimulated(),
            "unit_amount": Integer(least=0),
            "unit_amount_decimal": Unsimulated(),
        }
    )
)


@endpoint(
    "POST",
    "/v1/prices",
    catalog.PRICE
    | {
        "active": Flag(),
        "currency_options": _OPTIONS,
        "lookup_key": Text(longest=200),
        "product": Text(),
        "product_data": Hash(fields=_PRODUCT_DATA),
        "transfer_lookup_key": Flag(),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A price of an existing product, or of one made along with it."""
    if not values.get("product"):
        if not values.get("product_data"):
            raise missing_param("product")
        values["product"] = catalog.add_product(work, values["product_data"])["id"]
    price = catalog.add_price(work, values)
    price["_currency_options"] = _options(price, values.get("currency_options"))
    emit(work, "price.created", price)
    return render(work, price)


@endpoint("GET", "/v1/prices/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A price."""
    return render(work, work.get("price", id))


@endpoint(
    "POST",
    "/v1/prices/<id>",
    {
        "active": Flag(),
        "lookup_key": Text(longest=200),
        "metadata": Metadata(),
        "nickname": Text(),
        "tax_behavior": Text(choices=catalog.TAX_BEHAVIORS),
        "transfer_lookup_key": Flag(),
    },
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what may change: never the amount, the currency or the interval."""
    price = work.get("price", id)
    if values.get("active") is False and work.get("product", price["product"])["default_price"] == id:
        raise invalid("This price cannot be archived because it is the default price of its product.")
    transfer = values.pop("transfer_lookup_key", False)
    if values.get("lookup_key") and values["lookup_key"] != price["lookup_key"]:
        catalog.free_lookup_key(work, values["lookup_key"], transfer)
    with updating(work, price):
        for name, value in values.items():
            price[name] = merged_metadata(price["metadata"], value) if name == "metadata" else value
    return render(work, price)


@endpoint(
    "GET",
    "/v1/prices",
    LISTING
    | {
        "active": Flag(),
        "created": Range(),
        "currency": Text(),
        "lookup_keys": Sequenced(of=Text(required=True), most=10),
        "product": Text(),
        "recurring": Hash(fields={"interval": Text(), "meter": Text(), "usage_type": Text()}),
        "type": Text(choices=("one_time", "recurring")),
    },
)
def list_prices(work: Work, values: dict[str, Any]) -> Json:
    """Prices."""
    exact = {name: values[name] for name in ("active", "currency", "product", "type") if name in values}
    keys, wanted = values.get("lookup_keys"), values.get("recurring") or {}
    found = (
        price
        for price in work.all("price")
        if all(price[name] == value for name, value in exact.items())
        and (keys is None or price["lookup_key"] in keys)
        and all((price["recurring"] or {}).get(name) == value for name, value in wanted.items())
        and within(values.get("created"), price["created"])
    )
    return page(work, found, values, "/v1/prices")


def _options(price: Record, sent: Json | None) -> Json:
    """The price in other currencies: shown, not billed."""
    return {
        name.lower(): {
            "custom_unit_amount": None,
            "tax_behavior": option.get("tax_behavior", price["tax_behavior"]),
            "unit_amount": option.get("unit_amount"),
            "unit_amount_decimal": None if option.get("unit_amount") is None else str(option["unit_amount"]),
        }
        for name, option in (sent or {}).items()
    }
