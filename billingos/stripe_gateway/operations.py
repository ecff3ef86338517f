"""The calls that BillingOS makes, by name: a name is what a write intent can store and a later process can repeat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import stripe

from billingos.common.errors import InvalidRequest
from billingos.stripe_gateway.client import call, calling, client, options_for

if TYPE_CHECKING:
    from billingos.merchants.models import Merchant

V1 = stripe.V1Services
Send = Callable[[V1, str, Any, stripe.RequestOptions], Any]
Retrieve = Callable[[V1, str, Any, stripe.RequestOptions], Any]


# What answers and retrievals bring along that Stripe leaves out unless it is asked for.
WHOLE: dict[str, list[str]] = {
    "price": ["tiers", "currency_options"],
    "coupon": ["applies_to"],
    "subscription": ["discounts", "items.data.discounts"],
    "invoice": ["payments"],
    "checkout.session": ["setup_intent"],
}
MADE_BY, DISCOUNTS_OF = "$made_by", "$discounts_of"


def made_by(step: int) -> dict[str, int]:
    """Stands, in the parameters of a call, for the Stripe id of what an earlier call of the same request has made."""
    return {MADE_BY: step}


def target_made_by(step: int) -> str:
    """The same, where a call is about what an earlier one has made."""
    return f"{MADE_BY}:{step}"


def discounts_of(step: int) -> dict[str, int]:
    """Stands, in the parameters of a call, for the discounts that what an earlier one has made or changed has then."""
    return {DISCOUNTS_OF: step}


def resolved(value: Any, made: Mapping[int, str], discounts: Callable[[int], Sequence[str]]) -> Any:
    """`value` with ids in the places of `made_by`, and with Stripe's `discounts` in those of `discounts_of`."""
    if isinstance(value, dict):
        if value.keys() == {MADE_BY}:
            return made[value[MADE_BY]]
        if value.keys() == {DISCOUNTS_OF}:
            return [{"discount": discount} for discount in discounts(value[DISCOUNTS_OF])]
        return {key: resolved(inner, made, discounts) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner, made, discounts) for inner in value]
    return value


def resolved_target(target: str, made: Mapping[int, str]) -> str:
    prefix, _, step = target.partition(":")
    return made[int(step)] if prefix == MADE_BY else target


@dataclass(frozen=True, slots=True)
class Call:
    """One change to ask of Stripe: a name out of WRITES, its exact parameters, and the id it is about. What an earlier
    call of the same request makes is named by `made_by`, `target_made_by` and `discounts_of`."""

    operation: str
    params: dict[str, Any] = field(default_factory=dict)
    target: str = ""


def _create(service: Callable[[V1], Any]) -> Send:
    return lambda v1, _, params, options: service(v1).create(params, options)


def _update(service: Callable[[V1], Any]) -> Send:
    return lambda v1, target, params, options: service(v1).update(target, params, options)


def _delete(service: Callable[[V1], Any]) -> Send:
    return lambda v1, target, params, options: service(v1).delete(target, params, options)


def _parted(target: str) -> tuple[str, str]:
    """The id of what the call is about and, after a slash, of what is taken off it."""
    holder, _, part = target.partition("/")
    return holder, part


WRITES: dict[str, Send] = {
    "customers.create": _create(lambda v1: v1.customers),
    "customers.update": _update(lambda v1: v1.customers),
    "customers.delete": _delete(lambda v1: v1.customers),
    "customers.balance_transactions.create": lambda v1, target, params, options: (
        v1.customers.balance_transactions.create(target, params, options)
    ),
    "payment_methods.attach": lambda v1, target, params, options: v1.payment_methods.attach(target, params, options),
    "payment_methods.detach": lambda v1, target, params, options: v1.payment_methods.detach(target, params, options),
    "products.create": _create(lambda v1: v1.products),
    "products.update": _update(lambda v1: v1.products),
    "products.features.create": lambda v1, target, params, options: v1.products.features.create(
        target, params, options
    ),
    "products.features.delete": lambda v1, target, params, options: v1.products.features.delete(
        *_parted(target), params, options
    ),
    "meters.create": _create(lambda v1: v1.billing.meters),
    "prices.create": _create(lambda v1: v1.prices),
    "prices.update": _update(lambda v1: v1.prices),
    "coupons.create": _create(lambda v1: v1.coupons),
    "coupons.update": _update(lambda v1: v1.coupons),
    "coupons.delete": _delete(lambda v1: v1.coupons),
    "promotion_codes.create": _create(lambda v1: v1.promotion_codes),
    "promotion_codes.update": _update(lambda v1: v1.promotion_codes),
    "features.create": _create(lambda v1: v1.entitlements.features),
    "subscriptions.create": _create(lambda v1: v1.subscriptions),
    "subscriptions.update": _update(lambda v1: v1.subscriptions),
    "subscriptions.cancel": lambda v1, target, params, options: v1.subscriptions.cancel(target, params, options),
    "subscriptions.resume": lambda v1, target, params, options: v1.subscriptions.resume(target, params, options),
    "subscription_schedules.create": _create(lambda v1: v1.subscription_schedules),
    "subscription_schedules.update": _update(lambda v1: v1.subscription_schedules),
    "subscription_schedules.release": lambda v1, target, params, options: v1.subscription_schedules.release(
        target, params, options
    ),
    "invoiceitems.create": _create(lambda v1: v1.invoice_items),
    "invoices.create": _create(lambda v1: v1.invoices),
    "invoices.delete": _delete(lambda v1: v1.invoices),
    "invoices.finalize": lambda v1, target, params, options: v1.invoices.finalize_invoice(target, params, options),
    "invoices.pay": lambda v1, target, params, options: v1.invoices.pay(target, params, options),
    "invoices.send": lambda v1, target, params, options: v1.invoices.send_invoice(target, params, options),
    "invoices.void": lambda v1, target, params, options: v1.invoices.void_invoice(target, params, options),
    "refunds.create": _create(lambda v1: v1.refunds),
    "credit_notes.create": _create(lambda v1: v1.credit_notes),
    "credit_notes.void": lambda v1, target, params, options: v1.credit_notes.void_credit_note(target, params, options),
    "checkout.sessions.create": _create(lambda v1: v1.checkout.sessions),
    "checkout.sessions.expire": lambda v1, target, params, options: v1.checkout.sessions.expire(
        target, params, options
    ),
}
# What the first word of a name is about.
OBJECTS = {
    "customers": "customer",
    "payment_methods": "payment_method",
    "products": "product",
    "prices": "price",
    "coupons": "coupon",
    "promotion_codes": "promotion_code",
    "subscriptions": "subscription",
    "subscription_schedules": "subscription_schedule",
    "invoices": "invoice",
    "credit_notes": "credit_note",
}
# What is of no use by itself: it is made for the calls after it, and if Stripe refuses one of these, taken back.
TAKEN_BACK_BY = {"subscription_schedules.create": "subscription_schedules.release"}
READS: dict[str, Retrieve] = {
    "account": lambda v1, _, params, options: v1.accounts.retrieve_current(params, options),  # the call's own
    "customer": lambda v1, stripe_id, params, options: v1.customers.retrieve(stripe_id, params, options),
    "product": lambda v1, stripe_id, params, options: v1.products.retrieve(stripe_id, params, options),
    "price": lambda v1, stripe_id, params, options: v1.prices.retrieve(stripe_id, params, options),
    "coupon": lambda v1, stripe_id, params, options: v1.coupons.retrieve(stripe_id, params, options),
    "promotion_code": lambda v1, stripe_id, params, options: v1.promotion_codes.retrieve(stripe_id, params, options),
    "subscription": lambda v1, stripe_id, params, options: v1.subscriptions.retrieve(stripe_id, params, options),
    "subscription_schedule": lambda v1, stripe_id, params, options: v1.subscription_schedules.retrieve(
        stripe_id, params, options
    ),
    "invoice": lambda v1, stripe_id, params, options: v1.invoices.retrieve(stripe_id, params, options),
    "invoice_payment": lambda v1, stripe_id, params, options: v1.invoice_payments.retrieve(stripe_id, params, options),
    "payment_intent": lambda v1, stripe_id, params, options: v1.payment_intents.retrieve(stripe_id, params, options),
    "payment_method": lambda v1, stripe_id, params, options: v1.payment_methods.retrieve(stripe_id, params, options),
    "refund": lambda v1, stripe_id, params, options: v1.refunds.retrieve(stripe_id, params, options),
    "dispute": lambda v1, stripe_id, params, options: v1.disputes.retrieve(stripe_id, params, options),
    "credit_note": lambda v1, stripe_id, params, options: v1.credit_notes.retrieve(stripe_id, params, options),
    "tax_rate": lambda v1, stripe_id, params, options: v1.tax_rates.retrieve(stripe_id, params, options),
    "checkout.session": lambda v1, stripe_id, params, options: v1.checkout.sessions.retrieve(
        stripe_id, params, options
    ),
    "entitlements.feature": lambda v1, stripe_id, params, options: v1.entitlements.features.retrieve(
        stripe_id, params, options
    ),
    "test_helpers.test_clock": lambda v1, stripe_id, params, options: v1.test_helpers.test_clocks.retrieve(
        stripe_id, params, options
    ),
}


# Where to look for what an intent may have made, once Stripe has forgotten its idempotency key: a list, and its filters
# out of the create's own parameters and its `target`. (Plain lists leave out what lives on a test clock, and canceled
# subscriptions.)
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
    "coupons.create": (
        lambda v1, filters, options: v1.coupons.list(filters, options),
        lambda params, since: {"created": {"gte": since}},
    ),
    "promotion_codes.create": (
        lambda v1, filters, options: v1.promotion_codes.list(filters, options),
        lambda params, since: {"coupon": params["promotion"]["coupon"]},
    ),
    "features.create": (
        lambda v1, filters, options: v1.entitlements.features.list(filters, options),
        lambda params, since: {"lookup_key": params["lookup_key"]},
    ),
    "subscriptions.create": (
        lambda v1, filters, options: v1.subscriptions.list(filters, options),
        lambda params, since: {"customer": params["customer"], "status": "all"},
    ),
    "invoices.create": (
        lambda v1, filters, options: v1.invoices.list(filters, options),
        lambda params, since: {"customer": params["customer"]},
    ),
    "invoiceitems.create": (
        lambda v1, filters, options: v1.invoice_items.list(filters, options),
        lambda params, since: {"customer": params["customer"]},
    ),
    "refunds.create": (
        lambda v1, filters, options: v1.refunds.list(filters, options),
        lambda params, since: {"payment_intent": params["payment_intent"]},
    ),
    "customers.balance_transactions.create": (
        lambda v1, filters, options: v1.customers.balance_transactions.list(filters.pop("customer"), filters, options),
        lambda params, since: {"customer": params["target"]},
    ),
    "credit_notes.create": (
        lambda v1, filters, options: v1.credit_notes.list(filters, options),
        lambda params, since: {"invoice": params["invoice"]},
    ),
}


def send(merchant: "Merchant", request: Call, idempotency_key: str) -> dict[str, Any]:
    """Makes one change. Raises a BillingError."""
    write = WRITES[request.operation]
    options = options_for(merchant, idempotency_key)
    noun, _, verb = request.operation.partition(".")
    expand = WHOLE.get(OBJECTS.get(noun, "")) if verb != "delete" else None
    params = {**request.params, "expand": expand} if expand else request.params
    return call(lambda: write(client().v1, request.target, params, options))


def retrieve(merchant: "Merchant", object_type: str, stripe_id: str, *, hurried: bool = False) -> dict[str, Any]:
    """The object as Stripe has it now, whole; a tombstone `{"deleted": true}` for one that is gone. `hurried`: better
    no answer than a late one."""
    options = options_for(merchant)
    v1 = client(hurried=True).v1 if hurried else client().v1
    try:
        expand = {"expand": WHOLE[object_type]} if object_type in WHOLE else None
        found = call(lambda: READS[object_type](v1, stripe_id, expand, options))
    except InvalidRequest as error:
        if error.code == "resource_missing":
            return {"id": stripe_id, "object": object_type, "deleted": True}
        raise
    return complete(found, options)


def is_whole(found: dict[str, Any]) -> bool:
    """False for a subscription that comes with only the first of its items, an invoice with the first of its lines."""
    inner = {"subscription": "items", "invoice": "lines"}.get(found.get("object", ""))
    return inner is None or not (found.get(inner) or {}).get("has_more")


def complete(found: dict[str, Any], options: stripe.RequestOptions) -> dict[str, Any]:
    """The object with all that is in it: lists inside of objects are cut off at ten or twenty. Fetches the rest of
    those we project."""
    v1 = client().v1
    with calling():
        if found["object"] == "subscription" and not is_whole(found):
            whole = v1.subscription_items.list(
                {"subscription": found["id"], "limit": 100, "expand": ["data.discounts"]}, options
            )
            found["items"]["data"] = [item.to_dict(for_json=True) for item in whole.auto_paging_iter()]
        if found["object"] == "invoice" and not is_whole(found):
            lines = v1.invoices.line_items.list(found["id"], {"limit": 100}, options)
            found["lines"]["data"] = [line.to_dict(for_json=True) for line in lines.auto_paging_iter()]
    return found


def preview_invoice(merchant: "Merchant", params: dict[str, Any]) -> dict[str, Any]:
    """The invoice that would come, whole; nothing is kept of it. Raises a BillingError: code `invoice_upcoming_none`
    where none would come."""
    options = options_for(merchant)
    with calling():
        found = client().v1.invoices.create_preview(cast(Any, params), options)
        lines = [line.to_dict(for_json=True) for line in found.lines.auto_paging_iter()]
    shown = found.to_dict(for_json=True)
    shown["lines"] = {**shown["lines"], "data": lines, "has_more": False}
    return shown


def attached_features(merchant: "Merchant", product_stripe_id: str) -> dict[str, str]:
    """The Stripe features attached to a product: the id of each, and that of its attachment, which takes it off."""
    options = options_for(merchant)
    with calling():
        pages = client().v1.products.features.list(product_stripe_id, {"limit": 100}, options)
        return {row.entitlement_feature.id: row.id for row in pages.auto_paging_iter()}


def active_meter(merchant: "Merchant", event_name: str) -> str | None:
    """The Stripe id of the meter that counts events of a name; of one name there is one active meter at most."""
    options = options_for(merchant)
    with calling():
        pages = client().v1.billing.meters.list({"status": "active", "limit": 100}, options)
        return next((row.id for row in pages.auto_paging_iter() if row.event_name == event_name), None)


def payment_to_finish(merchant: "Merchant", invoice_id: str) -> dict[str, Any]:
    """`{status, client_secret, hosted_invoice_url}` of an invoice's payment, with which a browser finishes it; None for
    what there is not. The secret is for the moment: it is not to be kept. Better no answer than a late one."""
    options = options_for(merchant)
    expand = ["confirmation_secret", "payments.data.payment.payment_intent"]
    invoice = call(
        lambda: client(hurried=True).v1.invoices.retrieve(invoice_id, cast(Any, {"expand": expand}), options)
    )
    payments = [entry["payment"].get("payment_intent") for entry in (invoice.get("payments") or {}).get("data", [])]
    return {
        "status": next((payment["status"] for payment in reversed(payments) if isinstance(payment, dict)), None),
        "client_secret": (invoice.get("confirmation_secret") or {}).get("client_secret"),
        "hosted_invoice_url": invoice.get("hosted_invoice_url"),
    }


def preview_credit_note(merchant: "Merchant", params: dict[str, Any]) -> dict[str, Any]:
    """The credit note that `credit_notes.create` would make; nothing is kept of it. Raises a BillingError."""
    options = options_for(merchant)
    return call(lambda: client().v1.credit_notes.preview(cast(Any, params), options))


def list_balance_transactions(
    merchant: "Merchant", customer_stripe_id: str, *, limit: int, after: str | None = None
) -> tuple[list[dict[str, Any]], bool]:
    """A page of what has moved a customer's balance, newest first, and whether there is more. `after` is the Stripe id
    of the last one of the page before. Raises a BillingError."""
    params: dict[str, Any] = {"limit": limit, **({"starting_after": after} if after else {})}
    options = options_for(merchant)
    found = call(
        lambda: client().v1.customers.balance_transactions.list(customer_stripe_id, cast(Any, params), options)
    )
    return found["data"], found["has_more"]


def made_by_intent(merchant: "Merchant", request: Call, intent_id: str, since: int) -> dict[str, Any] | None:
    """The object that carries the intent's id in its metadata, if the intent has made one. `since` (Unix seconds)
    bounds the search where nothing better does."""
    if request.operation not in SEARCHES:
        return None
    options = options_for(merchant)
    find, filters = SEARCHES[request.operation]
    wanted = filters({**request.params, "target": request.target}, since)
    with calling():
        pages = find(client().v1, {**wanted, "limit": 100}, options)
        for row in pages.auto_paging_iter():
            found: dict[str, Any] = row.to_dict(for_json=True)
            if (found.get("metadata") or {}).get("billingos_intent") == intent_id:
                return found
    return None
