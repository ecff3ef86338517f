"""The calls that BillingOS makes, by name: a name is what a write intent can store and a later process can repeat."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import stripe

from billingos.common.errors import InvalidRequest
from billingos.stripe_gateway.client import call, calling, client, options_for

if TYPE_CHECKING:
    from billingos.merchants.models import Merchant

V1 = stripe.V1Services
Send = Callable[[V1, str, Any, stripe.RequestOptions], Any]
Retrieve = Callable[[V1, str, stripe.RequestOptions], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One change to ask of Stripe: a name out of WRITES, its exact parameters, and the id it is about."""

    operation: str
    params: dict[str, Any] = field(default_factory=dict)
    target: str = ""


WRITES: dict[str, Send] = {
    "customers.create": lambda v1, _, params, options: v1.customers.create(params, options),
    "customers.update": lambda v1, target, params, options: v1.customers.update(target, params, options),
    "products.create": lambda v1, _, params, options: v1.products.create(params, options),
    "products.features.create": lambda v1, target, params, options: v1.products.features.create(
        target, params, options
    ),
    "prices.create": lambda v1, _, params, options: v1.prices.create(params, options),
    "features.create": lambda v1, _, params, options: v1.entitlements.features.create(params, options),
    "subscriptions.create": lambda v1, _, params, options: v1.subscriptions.create(params, options),
    "subscriptions.update": lambda v1, target, params, options: v1.subscriptions.update(target, params, options),
    "subscriptions.cancel": lambda v1, target, params, options: v1.subscriptions.cancel(target, params, options),
    "invoices.pay": lambda v1, target, params, options: v1.invoices.pay(target, params, options),
    "checkout.sessions.create": lambda v1, _, params, options: v1.checkout.sessions.create(params, options),
}

READS: dict[str, Retrieve] = {
    "account": lambda v1, _, options: v1.accounts.retrieve_current(None, options),  # the one that the call is about
    "customer": lambda v1, stripe_id, options: v1.customers.retrieve(stripe_id, None, options),
    "product": lambda v1, stripe_id, options: v1.products.retrieve(stripe_id, None, options),
    "price": lambda v1, stripe_id, options: v1.prices.retrieve(stripe_id, {"expand": ["tiers"]}, options),
    "subscription": lambda v1, stripe_id, options: v1.subscriptions.retrieve(stripe_id, None, options),
    "invoice": lambda v1, stripe_id, options: v1.invoices.retrieve(stripe_id, None, options),
    "payment_method": lambda v1, stripe_id, options: v1.payment_methods.retrieve(stripe_id, None, options),
    "checkout.session": lambda v1, stripe_id, options: v1.checkout.sessions.retrieve(
        stripe_id, {"expand": ["setup_intent"]}, options
    ),
    "entitlements.feature": lambda v1, stripe_id, options: v1.entitlements.features.retrieve(stripe_id, None, options),
    "test_helpers.test_clock": lambda v1, stripe_id, options: v1.test_helpers.test_clocks.retrieve(
        stripe_id, None, options
    ),
}


# Where to look for what an intent may have made, once Stripe has forgotten its idempotency key: a list, and its filters
# out of the create's own parameters. (Plain lists leave out what lives on a test clock, and canceled subscriptions.)
Search = tuple[Callable[[V1, Any, stripe.RequestOptions], Any], Callable[[dict[str, Any], int], dict[str, Any]]]
SEARCHES: dict[str, Search] = {
    "customers.create": (
        lambda v1, filters, options: v1.customers.list(filters, options),
        lambda params, since: (
            {"test_clock": params["test_clock"]} if "test_clock" in params else {"created": {"gte": since}}
        ),
    ),
    "products.create": (
        lambda v1, filters, options: v1.products.list(filters, options),
        lambda params, since: {"ids": [params["id"]]},
    ),
    "prices.create": (
        lambda v1, filters, options: v1.prices.list(filters, options),
        lambda params, since: {"product": params["product"]},
    ),
    "features.create": (
        lambda v1, filters, options: v1.entitlements.features.list(filters, options),
        lambda params, since: {"lookup_key": params["lookup_key"]},
    ),
    "subscriptions.create": (
        lambda v1, filters, options: v1.subscriptions.list(filters, options),
        lambda params, since: {"customer": params["customer"], "status": "all"},
    ),
}


def send(merchant: "Merchant", request: Call, idempotency_key: str) -> dict[str, Any]:
    """Makes one change. Raises a BillingError."""
    write = WRITES[request.operation]
    options = options_for(merchant, idempotency_key)
    return call(lambda: write(client().v1, request.target, request.params, options))


def retrieve(merchant: "Merchant", object_type: str, stripe_id: str, *, hurried: bool = False) -> dict[str, Any]:
    """The object as Stripe has it now, whole; a tombstone `{"deleted": true}` for one that is gone. `hurried`: better
    no answer than a late one."""
    options = options_for(merchant)
    v1 = client(hurried=True).v1 if hurried else client().v1
    try:
        found = call(lambda: READS[object_type](v1, stripe_id, options))
    except InvalidRequest as error:
        if error.code == "resource_missing":
            return {"id": stripe_id, "object": object_type, "deleted": True}
        raise
    return _complete(found, options)


def is_whole(found: dict[str, Any]) -> bool:
    """False for a subscription that comes with only the first of its items."""
    return found.get("object") != "subscription" or not (found.get("items") or {}).get("has_more")


def _complete(found: dict[str, Any], options: stripe.RequestOptions) -> dict[str, Any]:
    """Lists embedded in objects are cut off at ten or twenty: fetches the rest of those we project."""
    v1 = client().v1
    with calling():
        if not is_whole(found):
            whole = v1.subscription_items.list({"subscription": found["id"], "limit": 100}, options)
            found["items"]["data"] = [item.to_dict(for_json=True) for item in whole.auto_paging_iter()]
        if found["object"] == "invoice" and found["lines"]["has_more"]:
            lines = v1.invoices.line_items.list(found["id"], {"limit": 100}, options)
            found["lines"]["data"] = [line.to_dict(for_json=True) for line in lines.auto_paging_iter()]
    return found


def made_by_intent(
    merchant: "Merchant", operation: str, params: dict[str, Any], intent_id: str, since: int
) -> dict[str, Any] | None:
    """The object that carries the intent's id in its metadata, if the intent has made one. `since` (Unix seconds)
    bounds the search where nothing better does."""
    if operation not in SEARCHES:
        return None
    options = options_for(merchant)
    find, filters = SEARCHES[operation]
    with calling():
        pages = find(client().v1, {**filters(params, since), "limit": 100}, options)
        for row in pages.auto_paging_iter():
            found: dict[str, Any] = row.to_dict(for_json=True)
            if (found.get("metadata") or {}).get("billingos_intent") == intent_id:
                return found
    return None
