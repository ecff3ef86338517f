"""All that an account holds, page by page, in an order in which nothing points to what comes later."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import stripe
from django.conf import settings

from billingos.stripe_gateway.client import calling, client, options_for
from billingos.stripe_gateway.operations import V1, WHOLE, complete

if TYPE_CHECKING:
    from billingos.merchants.models import Merchant

PAGE = 100  # Stripe's most
CLOCK = "test_helpers.test_clock"
ListCall = Callable[[V1, Any, stripe.RequestOptions], Any]

# In the order of a walk: what is pointed to comes first. A payment method has a list of its own for each customer.
LISTS: dict[str, ListCall] = {
    "entitlements.feature": lambda v1, params, options: v1.entitlements.features.list(params, options),
    "tax_rate": lambda v1, params, options: v1.tax_rates.list(params, options),
    "product": lambda v1, params, options: v1.products.list(params, options),
    "price": lambda v1, params, options: v1.prices.list(params, options),
    "coupon": lambda v1, params, options: v1.coupons.list(params, options),
    CLOCK: lambda v1, params, options: v1.test_helpers.test_clocks.list(params, options),
    "customer": lambda v1, params, options: v1.customers.list(params, options),
    "promotion_code": lambda v1, params, options: v1.promotion_codes.list(params, options),
    "payment_method": lambda v1, params, options: v1.payment_methods.list(params, options),
    "subscription": lambda v1, params, options: v1.subscriptions.list(params, options),
    "subscription_schedule": lambda v1, params, options: v1.subscription_schedules.list(params, options),
    "payment_intent": lambda v1, params, options: v1.payment_intents.list(params, options),
    "invoice": lambda v1, params, options: v1.invoices.list(params, options),
    "refund": lambda v1, params, options: v1.refunds.list(params, options),
    "dispute": lambda v1, params, options: v1.disputes.list(params, options),
    "credit_note": lambda v1, params, options: v1.credit_notes.list(params, options),
    "event": lambda v1, params, options: v1.events.list(params, options),
}
# Without these a list leaves out what it holds: subscriptions that have ended.
ALWAYS: dict[str, dict[str, Any]] = {"subscription": {"status": "all"}}
IN_PARTS: dict[str, Sequence[Mapping[str, str]]] = {"price": ({"active": "true"}, {"active": "false"})}
# Of these a plain list leaves out what lives on a test clock, unless the clock is named.
HIDDEN_BY_CLOCKS = frozenset({"customer", "subscription"})
UNTRIED = frozenset({"requires_payment_method", "requires_confirmation"})


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first, as Stripe lists; `more` says whether older ones follow after the last of `objects`."""

    objects: list[dict[str, Any]]
    more: bool


@dataclass(frozen=True, slots=True)
class Leg:
    """One list of a walk. `name` tells it from the others, also to a later process: `customer test_clock=clock_1`."""

    object_type: str
    filters: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return " ".join([self.object_type, *(f"{key}={value}" for key, value in sorted(self.filters.items()))])


def list_page(
    merchant: "Merchant",
    object_type: str,
    filters: Mapping[str, Any] | None = None,
    *,
    after: str = "",
    limit: int = PAGE,
    expand: Sequence[str] = (),
) -> Page:
    """One page of a list, each object whole, with what `expand` names besides. `after` is the Stripe id of the last one
    of the page before. Raises a BillingError: InvalidRequest for an `after` that is gone."""
    options = options_for(merchant)
    params: dict[str, Any] = {**ALWAYS.get(object_type, {}), **(filters or {}), "limit": limit}
    if wanted := [*WHOLE.get(object_type, ()), *expand]:
        params["expand"] = [f"data.{path}" for path in wanted]
    if after:
        params["starting_after"] = after
    with calling():
        found = LISTS[object_type](client().v1, params, options)
        objects = [row.to_dict(for_json=True) for row in found.data]
    return Page([complete(row, options) for row in objects], found.has_more)


def pages(
    merchant: "Merchant", leg: Leg, *, after: str = "", extra: Mapping[str, Any] | None = None
) -> Iterator[list[dict[str, Any]]]:
    """The pages of a leg, from `after` on; `extra` filters narrow it, such as `{"created": {"gte": …}}`."""
    more = True
    while more:
        page = list_page(merchant, leg.object_type, {**leg.filters, **(extra or {})}, after=after)
        more = page.more and bool(page.objects)
        after = page.objects[-1]["id"] if page.objects else after
        if page.objects:
            yield page.objects


def plain_legs(object_type: str) -> Iterator[Leg]:
    """The lists of a type that need nothing else to be asked for: for prices two, as Stripe lists active ones alone."""
    yield from (Leg(object_type, filters) for filters in IN_PARTS.get(object_type, ({},)))


def legs(merchant: "Merchant", object_types: tuple[str, ...]) -> Iterator[Leg]:
    """The lists that together hold all objects of these types, in the order of LISTS. In test mode those of each test
    clock are among them, which Stripe is asked for on the way."""
    for object_type in LISTS:
        if object_type not in object_types or (object_type == CLOCK and settings.STRIPE_LIVE_MODE):
            continue
        yield from plain_legs(object_type)
        if object_type in HIDDEN_BY_CLOCKS:
            for clock in clocks(merchant):
                yield Leg(object_type, {"test_clock": clock})


def clocks(merchant: "Merchant") -> list[str]:
    """The ids of the account's test clocks; none in live mode."""
    if settings.STRIPE_LIVE_MODE:
        return []
    return sorted(clock["id"] for page in pages(merchant, Leg(CLOCK)) for clock in page)


def is_told_of(found: Mapping[str, Any]) -> bool:
    """Whether events tell of the object. Stripe makes a payment for each invoice, and tells of it once it was tried."""
    if found["object"] != "payment_intent" or found["status"] not in UNTRIED:
        return True
    return bool(found.get("latest_charge") or found.get("last_payment_error"))
