"""Setup intents: cards saved for later payments."""

from typing import Any

from stripe_simulator import cards
from stripe_simulator.billing import setups
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Integer,
    Metadata,
    Range,
    Sequenced,
    Text,
    Unsimulated,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources import payment_methods
from stripe_simulator.resources.payment_intents import check_types, chosen
from stripe_simulator.work import Work

_METHOD: Fields = {
    "allowed_payment_method_types": Sequenced(of=Text(required=True)),
    "payment_method": Text(),
    "payment_method_data": Hash(fields=payment_methods.INLINE),
    "payment_method_options": Hash(
        fields={"card": Hash(fields={"request_three_d_secure": Text(choices=("automatic",))})}
    ),
    "payment_method_types": Sequenced(of=Text(required=True)),
}
_FIELDS: Fields = _METHOD | {
    "allowed_payment_method_types": Sequenced(of=Text(required=True, choices=("card",))),
    "customer": Text(),
    "description": Text(),
    "metadata": Metadata(),
}
_CONFIRMING: Fields = {"return_url": Text(), "use_stripe_sdk": Flag()}
_UNSIMULATED: Fields = dict.fromkeys(
    (
        "attach_to_self", "confirmation_token", "customer_account",
        "excluded_payment_method_types", "flow_directions", "mandate_data", "on_behalf_of",
        "payment_method_configuration", "single_use",
    ),
    Unsimulated(),
)  # fmt: skip


@endpoint(
    "POST",
    "/v1/setup_intents",
    _UNSIMULATED
    | _FIELDS
    | _CONFIRMING
    | {
        "automatic_payment_methods": Hash(
            fields={"allow_redirects": Text(choices=("always", "never")), "enabled": Flag(required=True)}
        ),
        "confirm": Flag(),
        "usage": Text(choices=("off_session", "on_session")),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A setup intent; with ``confirm`` it is tried at once."""
    customer = work.get("customer", values["customer"], "customer") if values.get("customer") else None
    shown = _shown(values) | {"usage": values.get("usage", "off_session")}
    if (values.get("automatic_payment_methods") or {}).get("enabled"):
        redirects = values["automatic_payment_methods"].get("allow_redirects", "always")
        shown["automatic_payment_methods"] = {"allow_redirects": redirects, "enabled": True}
    intent = setups.create(work, customer, **shown)
    _choose(work, intent, values)
    return _confirm(work, intent, values, None) if values.get("confirm") else render(work, intent)


@endpoint("GET", "/v1/setup_intents/<id>", {"client_secret": Text()})
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A setup intent."""
    return render(work, work.get("setup_intent", id))


@endpoint("POST", "/v1/setup_intents/<id>", _UNSIMULATED | _FIELDS)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what is not decided yet."""
    intent = work.get("setup_intent", id)
    if set(values) - {"metadata", "description"} and intent["status"] not in setups.CONFIRMABLE:
        raise setups.unexpected(intent, "update")
    with work.edit(intent):
        intent |= _shown(values, intent)
        if values.get("customer"):
            intent["customer"] = work.get("customer", values["customer"], "customer")["id"]
    _choose(work, intent, values)
    return render(work, intent)


@endpoint("POST", "/v1/setup_intents/<id>/confirm", _UNSIMULATED | _METHOD | _CONFIRMING | {"client_secret": Text()})
def confirm(work: Work, values: dict[str, Any], id: str) -> Json:
    """Set the card up; ``requires_action`` where its holder must authenticate."""
    return _confirm(work, work.get("setup_intent", id), values, chosen(work, values))


@endpoint(
    "POST",
    "/v1/setup_intents/<id>/cancel",
    {"cancellation_reason": Text(choices=("abandoned", "duplicate", "requested_by_customer"))},
)
def cancel(work: Work, values: dict[str, Any], id: str) -> Json:
    """Give it up."""
    intent = work.get("setup_intent", id)
    setups.cancel(work, intent, values.get("cancellation_reason"))
    return render(work, intent)


@endpoint(
    "POST",
    "/v1/setup_intents/<id>/verify_microdeposits",
    {"amounts": Sequenced(of=Integer()), "client_secret": Text(), "descriptor_code": Text()},
)
def verify(work: Work, values: dict[str, Any], id: str) -> Json:
    """Of bank accounts, which are not simulated: no intent is in the state for it."""
    raise setups.unexpected(work.get("setup_intent", id), "verify")


@endpoint(
    "GET",
    "/v1/setup_intents",
    LISTING | {"attach_to_self": Unsimulated(), "created": Range(), "customer": Text(), "payment_method": Text()},
)
def list_intents(work: Work, values: dict[str, Any]) -> Json:
    """Setup intents, by customer or payment method."""
    customer, method = values.get("customer"), values.get("payment_method")
    found = work.all("setup_intent") if customer is None else work.related("setup_intent", "customer", customer)
    chosen_ones = (
        intent
        for intent in found
        if method in (None, intent["payment_method"]) and within(values.get("created"), intent["created"])
    )
    return page(work, chosen_ones, values, "/v1/setup_intents")


def _shown(values: dict[str, Any], intent: Record | None = None) -> Json:
    shown: Json = {"description": values["description"]} if "description" in values else {}
    if "metadata" in values:
        shown["metadata"] = merged_metadata(intent["metadata"] if intent else {}, values["metadata"])
    check_types(values)
    if "allowed_payment_method_types" in values:
        shown["allowed_payment_method_types"] = values["allowed_payment_method_types"]
    return shown


def _choose(work: Work, intent: Record, values: dict[str, Any]) -> None:
    method = chosen(work, values)
    if method is not None:
        with work.edit(intent):
            intent |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}


def _confirm(work: Work, intent: Record, values: dict[str, Any], method: Record | None) -> Json:
    with work.edit(intent):
        intent["_return_url"] = values.get("return_url")
    decline = setups.confirm(work, intent, method)
    if decline is None or intent["status"] == "requires_action":
        return render(work, intent)
    raise cards.declined(decline, setup_intent=render(work, intent))
