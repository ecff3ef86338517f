"""Payment intents: payments of one's own, and those that invoices make."""

from typing import Any

from stripe_simulator import cards
from stripe_simulator.billing import intents
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import StripeError, invalid, not_simulated
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
from stripe_simulator.resources.shapes import SHIPPING, shipping
from stripe_simulator.work import Work

_MOST = 99_999_999
_TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix", "transfer_group")
_CARD_OPTIONS = Hash(
    fields={
        "request_three_d_secure": Text(choices=("automatic",)),
        "setup_future_usage": Unsimulated(),
    }
)
_METHOD: Fields = {
    "allowed_payment_method_types": Sequenced(of=Text(required=True)),
    "payment_method": Text(),
    "payment_method_data": Hash(fields=payment_methods.INLINE),
    "payment_method_options": Hash(fields={"card": _CARD_OPTIONS}),
    "payment_method_types": Sequenced(of=Text(required=True)),
}
_CONFIRMING: Fields = {
    "error_on_requires_action": Flag(),
    "off_session": Text(choices=("true", "false", "one_off", "recurring")),
    "return_url": Text(),
    "use_stripe_sdk": Flag(),
}
_FIELDS: Fields = {
    **{name: Text() for name in _TEXTS},
    **_METHOD,
    "amount": Integer(least=1, most=_MOST),
    "capture_method": Text(choices=("automatic", "automatic_async", "manual")),
    "currency": Text(longest=3),
    "customer": Text(),
    "metadata": Metadata(),
    "setup_future_usage": Text(choices=("off_session", "on_session")),
    "shipping": Hash(fields=SHIPPING),
}
_UNSIMULATED: Fields = dict.fromkeys(
    (
        "amount_details", "application_fee_amount", "confirmation_token",
        "customer_account", "excluded_payment_method_types", "hooks", "mandate", "mandate_data", "on_behalf_of",
        "payment_details", "payment_method_configuration", "radar_options", "transfer_data",
    ),
    Unsimulated(),
)  # fmt: skip


@endpoint(
    "POST",
    "/v1/payment_intents",
    _UNSIMULATED
    | _FIELDS
    | _CONFIRMING
    | {
        "amount": Integer(required=True, least=1, most=_MOST),
        "automatic_payment_methods": Hash(
            fields={"allow_redirects": Text(choices=("always", "never")), "enabled": Flag(required=True)}
        ),
        "confirm": Flag(),
        "confirmation_method": Text(choices=("automatic",)),
        "currency": Text(required=True, longest=3),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A payment; with ``confirm`` it is tried at once."""
    customer = work.get("customer", values["customer"], "customer") if values.get("customer") else None
    intent = intents.create(work, values["amount"], values["currency"].lower(), customer, **_shown(values))
    _choose(work, intent, values)
    if values.get("confirm"):
        return _confirm(work, intent, values)
    for name in ("off_session", "error_on_requires_action", "return_url"):
        if name in values:
            raise invalid(f"The parameter `{name}` cannot be passed unless `confirm=true`.", name)
    return render(work, intent)


@endpoint("GET", "/v1/payment_intents/<id>", {"client_secret": Text()})
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A payment intent."""
    return render(work, work.get("payment_intent", id))


@endpoint("POST", "/v1/payment_intents/<id>", _UNSIMULATED | _FIELDS)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what is not decided yet."""
    intent = work.get("payment_intent", id)
    if set(values) - {"metadata", "description"} and intent["status"] not in intents.CONFIRMABLE:
        raise invalid(
            f"This PaymentIntent could not be updated because it has a status of {intent['status']}.",
            None,
            "payment_intent_unexpected_state",
        )
    if {"amount", "currency", "customer"} & values.keys() and intents.invoice_of(work, intent) is not None:
        raise invalid("The amount, currency and customer of a PaymentIntent that pays an invoice can't be changed.")
    if values.get("customer"):
        work.get("customer", values["customer"], "customer")
    with work.edit(intent):
        intent |= _shown(values, intent)
        for name in ("amount", "customer"):
            if name in values:
                intent[name] = values[name]
        if "currency" in values:
            intent["currency"] = values["currency"].lower()
    _choose(work, intent, values)
    return render(work, intent)


@endpoint(
    "POST",
    "/v1/payment_intents/<id>/confirm",
    _UNSIMULATED
    | _METHOD
    | _CONFIRMING
    | {
        "capture_method": _FIELDS["capture_method"],
        "client_secret": Text(),
        "receipt_email": Text(),
        "setup_future_usage": _FIELDS["setup_future_usage"],
        "shipping": _FIELDS["shipping"],
    },
)
def confirm(work: Work, values: dict[str, Any], id: str) -> Json:
    """Try to pay: paid, declined (402), or ``requires_action`` where the holder must authenticate."""
    intent = work.get("payment_intent", id)
    with work.edit(intent):
        intent |= _shown(values, intent)
    return _confirm(work, intent, values)


@endpoint(
    "POST",
    "/v1/payment_intents/<id>/capture",
    {
        "amount_details": Unsimulated(),
        "amount_to_capture": Integer(least=1),
        "application_fee_amount": Unsimulated(),
        "final_capture": Flag(),
        "hooks": Unsimulated(),
        "metadata": Metadata(),
        "payment_details": Unsimulated(),
        "statement_descriptor": Text(),
        "statement_descriptor_suffix": Text(),
        "transfer_data": Unsimulated(),
    },
)
def capture(work: Work, values: dict[str, Any], id: str) -> Json:
    """Take what ``capture_method=manual`` held."""
    if values.get("final_capture") is False:
        raise not_simulated("captures in several parts", "final_capture")
    intent = work.get("payment_intent", id)
    with work.edit(intent):
        intent |= _shown(values, intent)
    intents.capture(work, intent, values.get("amount_to_capture"))
    return render(work, intent)


@endpoint(
    "POST",
    "/v1/payment_intents/<id>/cancel",
    {"cancellation_reason": Text(choices=("abandoned", "duplicate", "fraudulent", "requested_by_customer"))},
)
def cancel(work: Work, values: dict[str, Any], id: str) -> Json:
    """Give a payment up."""
    intent = work.get("payment_intent", id)
    intents.cancel(work, intent, values.get("cancellation_reason"))
    return render(work, intent)


@endpoint("POST", "/v1/payment_intents/<id>/apply_customer_balance", {"amount": Integer(), "currency": Text()})
def apply_balance(work: Work, values: dict[str, Any], id: str) -> Json:
    """Of bank transfers, which are not simulated: no intent is in the state for it."""
    raise intents.unexpected(work.get("payment_intent", id), "apply the customer balance to", ("requires_action",))


@endpoint(
    "POST",
    "/v1/payment_intents/<id>/increment_authorization",
    {
        **dict.fromkeys(
            ("amount_details", "application_fee_amount", "hooks", "payment_details", "transfer_data"), Unsimulated()
        ),
        "amount": Integer(required=True, least=1),
        "description": Text(),
        "metadata": Metadata(),
        "statement_descriptor": Text(),
    },
)
def increment(work: Work, values: dict[str, Any], id: str) -> Json:
    """Hold more: for terminals and certain trades only, and not simulated for them."""
    intent = work.get("payment_intent", id)
    if intent["status"] != "requires_capture":
        raise intents.unexpected(intent, "increment", ("requires_capture",))
    raise not_simulated("incremental authorizations", "amount")


@endpoint(
    "POST",
    "/v1/payment_intents/<id>/verify_microdeposits",
    {"amounts": Sequenced(of=Integer()), "client_secret": Text(), "descriptor_code": Text()},
)
def verify(work: Work, values: dict[str, Any], id: str) -> Json:
    """Of bank accounts, which are not simulated: no intent is in the state for it."""
    raise intents.unexpected(work.get("payment_intent", id), "verify", ("requires_action",))


@endpoint("GET", "/v1/payment_intents", LISTING | {"created": Range(), "customer": Text()})
def list_intents(work: Work, values: dict[str, Any]) -> Json:
    """Payment intents."""
    customer = values.get("customer")
    found = work.all("payment_intent") if customer is None else work.related("payment_intent", "customer", customer)
    chosen = (intent for intent in found if within(values.get("created"), intent["created"]))
    return page(work, chosen, values, "/v1/payment_intents")


def _shown(values: dict[str, Any], intent: Record | None = None) -> Json:
    """What a request says of the attributes of an intent."""
    names = (*_TEXTS, "allowed_payment_method_types", "capture_method", "setup_future_usage")
    shown: Json = {name: values[name] for name in names if name in values}
    if "metadata" in values:
        shown["metadata"] = merged_metadata(intent["metadata"] if intent else {}, values["metadata"])
    if "shipping" in values:
        shown["shipping"] = shipping(values["shipping"])
    if intent is None:
        shown["automatic_payment_methods"] = _automatic(values)
    check_types(values)
    return shown


def check_types(values: dict[str, Any]) -> None:
    """Cards alone are known."""
    for name in ("allowed_payment_method_types", "payment_method_types"):
        if name in values and values[name] != ["card"]:
            raise not_simulated("payment methods other than cards", name)


def _automatic(values: dict[str, Any]) -> Json | None:
    if "payment_method_types" in values:
        return None
    sent = values.get("automatic_payment_methods")
    if sent is None:
        return {"allow_redirects": "always", "enabled": True}
    return {"allow_redirects": sent.get("allow_redirects", "always"), "enabled": True} if sent["enabled"] else None


def _choose(work: Work, intent: Record, values: dict[str, Any]) -> None:
    """Note the payment method that is named or described; ``requires_confirmation`` comes next."""
    method = chosen(work, values)
    if method is not None:
        with work.edit(intent):
            intent |= {"payment_method": method["id"], "status": "requires_confirmation", "next_action": None}


def chosen(work: Work, values: dict[str, Any]) -> Record | None:
    """The payment method that a request names or describes, or None."""
    if values.get("payment_method_data"):
        return payment_methods.make(work, values["payment_method_data"])
    if values.get("payment_method"):
        return payment_methods.resolve(work, values["payment_method"], "payment_method")
    return None


def _confirm(work: Work, intent: Record, values: dict[str, Any]) -> Json:
    _check_return(intent, values)
    # what was chosen at creation is kept on the intent
    method = None if values.get("confirm") else chosen(work, values)
    with work.edit(intent):
        intent["_return_url"] = values.get("return_url")
    alone = values.get("off_session", "false") != "false"
    decline = intents.confirm(work, intent, method, alone=alone)
    if decline is None:
        return render(work, intent)
    if intent["status"] == "requires_action":
        if not values.get("error_on_requires_action"):
            return render(work, intent)
        raise _refused(decline)
    raise cards.declined(decline, charge=intent["latest_charge"], payment_intent=render(work, intent))


def _check_return(intent: Record, values: dict[str, Any]) -> None:
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic["allow_redirects"] == "always" and not values.get("return_url"):
        raise invalid(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Some of these might "
            "redirect your customer off of your page: you must provide a `return_url`, or set "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating the PaymentIntent.",
            "return_url",
        )


def _refused(decline: str) -> StripeError:
    error = cards.declined(decline)
    error.keeps_changes = False
    return error
