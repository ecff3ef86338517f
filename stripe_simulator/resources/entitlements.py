"""Features, and the active entitlements that customers draw from their subscriptions."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.lists import page
from stripe_simulator.params import LISTING, Flag, Metadata, Text, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

_FEATURE = "entitlements.feature"
_ACTIVE = "entitlements.active_entitlement"


@endpoint(
    "POST",
    "/v1/entitlements/features",
    {
        "lookup_key": Text(required=True, longest=80),
        "metadata": Metadata(),
        "name": Text(required=True, longest=80),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A feature; its lookup key is unique among those that are not archived."""
    for feature in work.all(_FEATURE):
        if feature["active"] and feature["lookup_key"] == values["lookup_key"]:
            raise invalid(
                f"A feature with the lookup key '{values['lookup_key']}' already exists.",
                "lookup_key",
                "resource_already_exists",
            )
    body = values | {"active": True, "metadata": merged_metadata({}, values.get("metadata", {}))}
    return render(work, work.insert(_FEATURE, body, made=work.now()))


@endpoint("GET", "/v1/entitlements/features/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A feature."""
    return render(work, work.get(_FEATURE, id))


@endpoint(
    "POST",
    "/v1/entitlements/features/<id>",
    {"active": Flag(), "metadata": Metadata(), "name": Text(longest=80)},
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Rename or archive a feature."""
    feature = work.get(_FEATURE, id)
    with work.edit(feature):
        for name, value in values.items():
            feature[name] = merged_metadata(feature["metadata"], value) if name == "metadata" else value
    return render(work, feature)


@endpoint("GET", "/v1/entitlements/features", LISTING | {"archived": Flag(), "lookup_key": Text()})
def list_features(work: Work, values: dict[str, Any]) -> Json:
    """Features; archived ones only when asked for."""
    key, archived = values.get("lookup_key"), values.get("archived", False)
    found = (
        feature
        for feature in work.all(_FEATURE)
        if feature["active"] != archived and key in (None, feature["lookup_key"])
    )
    return page(work, found, values, "/v1/entitlements/features")


@endpoint("GET", "/v1/entitlements/active_entitlements/<id>")
def retrieve_active(work: Work, values: dict[str, Any], id: str) -> Json:
    """One active entitlement."""
    return render(work, work.get(_ACTIVE, id))


@endpoint("GET", "/v1/entitlements/active_entitlements", LISTING | {"customer": Text(required=True)})
def list_active(work: Work, values: dict[str, Any]) -> Json:
    """What a customer is entitled to now."""
    work.get("customer", values["customer"], "customer")
    found = work.related(_ACTIVE, "customer", values["customer"])
    return page(work, found, values, "/v1/entitlements/active_entitlements")
