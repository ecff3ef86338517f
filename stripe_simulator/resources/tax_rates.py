"""Tax rates that merchants make themselves: a percentage on top of the price or inside of it."""

from decimal import Decimal
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.lists import page, within
from stripe_simulator.money import decimal_text
from stripe_simulator.params import LISTING, Fields, Flag, Metadata, Number, Range, Text, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

_TYPES = (
    "amusement_tax", "communications_tax", "gst", "hst", "igst", "jct", "lease_tax", "mass_transit_parking_tax",
    "parking_tax", "pst", "qst", "retail_delivery_fee", "rst", "sales_tax", "service_tax", "vat",
)  # fmt: skip
_TEXTS = ("country", "description", "jurisdiction", "state")
_FIELDS: Fields = {
    **{name: Text() for name in _TEXTS},
    "active": Flag(),
    "metadata": Metadata(),
    "tax_type": Text(choices=_TYPES),
}


@endpoint(
    "POST",
    "/v1/tax_rates",
    _FIELDS
    | {
        "display_name": Text(required=True, longest=50),
        "inclusive": Flag(required=True),
        "percentage": Number(required=True),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A tax rate of at most four decimals."""
    percentage: Decimal = values["percentage"]
    if not 0 <= percentage <= 100 or percentage != round(percentage, 4):
        raise invalid("Invalid percentage: must be between 0 and 100, with at most four decimals.", "percentage")
    body: Record = {
        **{name: values.get(name) for name in _TEXTS},
        "active": values.get("active", True),
        "created": work.now(),
        "display_name": values["display_name"],
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": values["inclusive"],
        "jurisdiction_level": None,
        "metadata": merged_metadata({}, values.get("metadata") or {}),
        "percentage": decimal_text(percentage),
        "rate_type": "percentage",
        "tax_type": values.get("tax_type"),
    }
    rate = work.insert("tax_rate", body)
    emit(work, "tax_rate.created", rate)
    return render(work, rate)


@endpoint("GET", "/v1/tax_rates/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A tax rate."""
    return render(work, work.get("tax_rate", id))


@endpoint("POST", "/v1/tax_rates/<id>", _FIELDS | {"display_name": Text(longest=50)})
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change anything but the rate itself; inactive rates can't be used anew."""
    rate = work.get("tax_rate", id)
    with updating(work, rate):
        for name, value in values.items():
            rate[name] = merged_metadata(rate["metadata"], value) if name == "metadata" else value
    return render(work, rate)


@endpoint("GET", "/v1/tax_rates", LISTING | {"active": Flag(), "created": Range(), "inclusive": Flag()})
def list_rates(work: Work, values: dict[str, Any]) -> Json:
    """Tax rates."""
    found = [
        rate
        for rate in work.all("tax_rate")
        if values.get("active") in (None, rate["active"])
        and values.get("inclusive") in (None, rate["inclusive"])
        and within(values.get("created"), rate["created"])
    ]
    return page(work, found, values, "/v1/tax_rates")
