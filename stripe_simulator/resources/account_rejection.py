"""Accounts that the platform wants to have nothing to do with."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.params import Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.accounts import changing, reachable
from stripe_simulator.work import Work


@endpoint(
    "POST",
    "/v1/accounts/<id>/reject",
    {"reason": Text(required=True, choices=("fraud", "other", "terms_of_service"))},
)
def reject(work: Work, values: dict[str, Any], id: str) -> Json:
    """A rejected account can neither charge nor be paid out."""
    if id == work.platform:
        raise invalid("You cannot reject your own account.", "account")
    account = reachable(work, id)
    with changing(work, account) as inside:
        account |= {"charges_enabled": False, "payouts_enabled": False}
        account["capabilities"] = dict.fromkeys(account["capabilities"], "inactive")
        account["requirements"] = account["requirements"] | {"disabled_reason": f"rejected.{values['reason']}"}
    return render(inside, account)
