"""Parameters that many resources share: addresses, shipping, paging by the same names."""

from stripe_simulator.params import Fields, Hash, Text
from stripe_simulator.rendering import Json

ADDRESS: Fields = {name: Text() for name in ("city", "country", "line1", "line2", "postal_code", "state")}
SHIPPING: Fields = {
    "address": Hash(fields=ADDRESS, required=True),
    "name": Text(required=True),
    "phone": Text(),
}


def address(values: Json | None) -> Json | None:
    """An address with every field, or None."""
    if values is None:
        return None
    return {name: values.get(name) for name in ADDRESS}


def shipping(values: Json | None) -> Json | None:
    """A shipping hash with every field, or None."""
    if values is None:
        return None
    return {"address": address(values["address"]), "name": values["name"], "phone": values.get("phone")}
