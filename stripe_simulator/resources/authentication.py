"""The simulator's own endpoint for 3-D Secure: what the holder of the card would do in a browser."""

from typing import Any

from stripe_simulator.billing import intents, setups
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import not_found
from stripe_simulator.params import Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


@endpoint(
    "POST",
    "/v1/test_helpers/3ds/<id>",
    {"outcome": Text(choices=("fail", "succeed"))},
)
def answer(work: Work, values: dict[str, Any], id: str) -> Json:
    """Complete or fail the authentication of a payment or setup intent; the intent as it then is."""
    return authenticate(work, id, succeeds=values.get("outcome", "succeed") == "succeed")


def authenticate(work: Work, id: str, *, succeeds: bool) -> Json:
    """The same for a page: the payment or setup intent after its holder's answer."""
    payment, setup = work.find("payment_intent", id), work.find("setup_intent", id)
    if payment is not None:
        intents.authenticate(work, payment, succeeds=succeeds)
        return render(work, payment)
    if setup is not None:
        setups.authenticate(work, setup, succeeds=succeeds)
        return render(work, setup)
    raise not_found("payment_intent", id, "id")
