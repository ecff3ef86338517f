"""Stripe's truth of one object into our row: fetched without locks, applied only if the row has not moved meanwhile."""

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from billingos.common.errors import InvalidRequest, MissingReference, Unavailable
from billingos.common.locks import lock, lock_key
from billingos.common.registries import StripeObject, mirrored_model, project
from billingos.common.tenancy import scope
from billingos.stripe_gateway.operations import is_whole, retrieve

if TYPE_CHECKING:
    from billingos.merchants.models import Merchant

TRIES = 6


class Settled(NamedTuple):
    """Our row, and Stripe's object that it now says the same as."""

    row: Any
    object: StripeObject


def revision_of(merchant_id: UUID, object_type: str, stripe_id: str) -> int | None:
    """How often our row of this object was written; None where there is no row. Inside the merchant's scope."""
    model = mirrored_model(object_type)
    if model is None:
        return None
    rows = model.objects.filter(merchant_id=merchant_id, stripe_id=stripe_id)
    revision: int | None = rows.values_list("revision", flat=True).first()
    return revision


def settle(
    merchant: "Merchant",
    object_type: str,
    stripe_id: str,
    *,
    answer: StripeObject | None = None,
    seen: int | None = None,
) -> Settled:
    """The row, after Stripe's present state was applied to it.

    `answer` is what Stripe has just said, `seen` the row's revision before it was asked. If a webhook has moved the row
    since, the answer may be older than the row: Stripe is asked again, as it is for the rest of an answer that is cut
    off. Raises Unavailable if that never ends.
    """
    if not stripe_id:
        raise InvalidRequest(f"It points to a {object_type} without saying to which.")
    if answer is not None and not is_whole(answer):
        answer = None
    for _ in range(TRIES):
        if answer is None:
            with scope(merchant.id):
                seen = revision_of(merchant.id, object_type, stripe_id)
            answer = retrieve(merchant, object_type, stripe_id)
        try:
            with scope(merchant.id):
                lock([lock_key(merchant.stripe_account_id, answer)])
                if revision_of(merchant.id, object_type, stripe_id) == seen:
                    return Settled(project(merchant.id, answer), answer)
            answer = None
        except MissingReference as missing:
            settle(merchant, missing.object_type, missing.stripe_id)
    raise Unavailable("This object is changing too fast. Try again.", retry_after=1)
