"""What intents of cards can never do: bank debits are verified, customer balances applied, holds raised elsewhere."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import StripeError, invalid
from stripe_simulator.params import Integer, Metadata, Sequenced, Text, Unsimulated
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

_DEPOSITS = {
    "amounts": Sequenced(of=Integer(required=True), most=2),
    "client_secret": Text(),
    "descriptor_code": Text(),
}


@endpoint("POST", "/v1/payment_intents/<id>/verify_microdeposits", _DEPOSITS)
def verify_payment(work: Work, values: dict[str, Any], id: str) -> Json:
    """Only bank debits wait for this."""
    raise _unexpected(work, "payment_intent", id, "verify microdeposits of")


@endpoint("POST", "/v1/setup_intents/<id>/verify_microdeposits", _DEPOSITS)
def verify_setup(work: Work, values: dict[str, Any], id: str) -> Json:
    """Only bank debits wait for this."""
    raise _unexpected(work, "setup_intent", id, "verify microdeposits of")


@endpoint("POST", "/v1/payment_intents/<id>/apply_customer_balance", {"amount": Integer(least=1), "currency": Text()})
def apply_balance(work: Work, values: dict[str, Any], id: str) -> Json:
    """Only bank transfers are paid from a cash balance."""
    raise _unexpected(work, "payment_intent", id, "apply a customer balance to")


@endpoint(
    "POST",
    "/v1/payment_intents/<id>/increment_authorization",
    {
        "amount": Integer(required=True, least=1),
        "amount_details": Unsimulated(),
        "application_fee_amount": Unsimulated(),
        "description": Text(),
        "hooks": Unsimulated(),
        "metadata": Metadata(),
        "payment_details": Unsimulated(),
        "statement_descriptor": Text(),
        "transfer_data": Unsimulated(),
    },
)
def increment(work: Work, values: dict[str, Any], id: str) -> Json:
    """Test cards here say that their authorisations can't be raised."""
    raise _unexpected(work, "payment_intent", id, "increment the authorization of")


def _unexpected(work: Work, kind: str, id: str, verb: str) -> StripeError:
    intent = work.get(kind, id)
    name = "PaymentIntent" if kind == "payment_intent" else "SetupIntent"
    message = f"You cannot {verb} this {name}: its status is {intent['status']}, and its payment method is a card."
    return invalid(message, None, f"{kind}_unexpected_state")
