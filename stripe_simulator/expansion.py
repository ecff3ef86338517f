"""``expand[]``: ids replaced by objects, along paths such as ``data.latest_invoice.payments``."""

from collections.abc import Callable
from typing import Any

from stripe_simulator.checkout import lines as checkout_lines
from stripe_simulator.errors import invalid
from stripe_simulator.rendering import Json, list_object, render
from stripe_simulator.store import clone
from stripe_simulator.work import Work

DEEPEST = 4  # levels, as at Stripe

# object → field → the kind that its id names
_REFERENCES: dict[str, dict[str, str]] = {
    "charge": {"customer": "customer", "payment_intent": "payment_intent"},
    "checkout.session": {
        "customer": "customer",
        "invoice": "invoice",
        "payment_intent": "payment_intent",
        "setup_intent": "setup_intent",
        "subscription": "subscription",
    },
    "billing_portal.session": {"configuration": "billing_portal.configuration"},
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "credit_note": {
        "customer": "customer",
        "customer_balance_transaction": "customer_balance_transaction",
        "invoice": "invoice",
    },
    "customer": {"test_clock": "test_helpers.test_clock"},
    "customer_balance_transaction": {"credit_note": "credit_note", "customer": "customer", "invoice": "invoice"},
    "discount": {"customer": "customer", "promotion_code": "promotion_code"},
    "entitlements.active_entitlement": {"feature": "entitlements.feature"},
    "invoice": {
        "account_tax_ids": "tax_id",
        "customer": "customer",
        "default_payment_method": "payment_method",
        "discounts": "discount",
        "test_clock": "test_helpers.test_clock",
    },
    "invoice_payment": {"invoice": "invoice"},
    "invoiceitem": {"customer": "customer", "discounts": "discount", "invoice": "invoice"},
    "line_item": {"discounts": "discount", "subscription": "subscription"},
    "payment_intent": {
        "customer": "customer",
        "payment_method": "payment_method",
        "latest_charge": "charge",
    },
    "payment_method": {"customer": "customer"},
    "plan": {"product": "product"},
    "price": {"product": "product"},
    "product": {"default_price": "price"},
    "refund": {
        "charge": "charge",
        "customer": "customer",
        "payment_intent": "payment_intent",
        "payment_method": "payment_method",
    },
    "setup_intent": {"customer": "customer", "payment_method": "payment_method"},
    "subscription_schedule": {
        "customer": "customer",
        "subscription": "subscription",
        "test_clock": "test_helpers.test_clock",
    },
    "promotion_code": {"customer": "customer"},
    "subscription": {
        "customer": "customer",
        "default_payment_method": "payment_method",
        "discounts": "discount",
        "latest_invoice": "invoice",
        "pending_setup_intent": "setup_intent",
        "schedule": "subscription_schedule",
        "test_clock": "test_helpers.test_clock",
    },
    "subscription_item": {"discounts": "discount"},
    "tax_id": {"customer": "customer"},
}

# in hashes that are no objects: entries of discount_amounts, a credit note's refunds, a schedule's phases
_UNNAMED = {
    "coupon": "coupon",
    "default_payment_method": "payment_method",
    "discount": "discount",
    "price": "price",
    "promotion_code": "promotion_code",
    "refund": "refund",
}

# paths through plain hashes: (object, path within it) → kind
_NESTED: dict[tuple[str, str], str] = {
    ("customer", "invoice_settings.default_payment_method"): "payment_method",
    ("discount", "source.coupon"): "coupon",
    ("invoice", "parent.subscription_details.subscription"): "subscription",
    ("invoice_payment", "payment.payment_intent"): "payment_intent",
    ("invoiceitem", "pricing.price_details.price"): "price",
    ("line_item", "pricing.price_details.price"): "price",
    ("promotion_code", "promotion.coupon"): "coupon",
    ("tax_id", "owner.customer"): "customer",
}


def expand(work: Work, shown: Json, paths: list[str]) -> Json:
    """The object or list with every path expanded; a StripeError for a path that can't be."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > DEEPEST + (1 if parts[0] == "data" else 0) + 2:
            raise invalid(f"You cannot expand more than {DEEPEST} levels of a property ({path}).", "expand")
        _expand(work, shown, parts, path)
    return shown


def _expand(work: Work, node: Any, parts: list[str], path: str) -> None:
    if not parts or node is None:
        return
    if isinstance(node, list):
        for member in node:
            _expand(work, member, parts, path)
        return
    if not isinstance(node, dict):
        raise _not_expandable(path)
    if node.get("deleted"):
        return
    if "object" in node and (used := _replace_nested(work, node, parts)):
        _expand(work, _at(node, parts[:used]), parts[used:], path)
        return
    name = parts[0]
    kind = _REFERENCES.get(str(node.get("object")), _UNNAMED).get(name)
    included = _INCLUDED.get((str(node.get("object")), name))
    if kind is not None:
        node[name] = _load(work, kind, node.get(name))
    elif included is not None and name not in node:
        node[name] = included(work, node)
    elif name not in node or (len(parts) == 1 and not isinstance(node[name], dict)):
        raise _not_expandable(path)
    _expand(work, node[name], parts[1:], path)


def _replace_nested(work: Work, node: Json, parts: list[str]) -> int:
    """Follow a path through plain hashes, if it begins one; how many parts it took."""
    for (kind, nested), target in _NESTED.items():
        steps = nested.split(".")
        if node["object"] == kind and parts[: len(steps)] == steps:
            holder = _at(node, steps[:-1])
            if isinstance(holder, dict):
                holder[steps[-1]] = _load(work, target, holder.get(steps[-1]))
                return len(steps)
    return 0


def _at(node: Any, steps: list[str]) -> Any:
    for step in steps:
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _load(work: Work, kind: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_load(work, kind, one) for one in value]
    if not isinstance(value, str):
        return value
    record = work.find(kind, value)
    if record is None:
        return {"id": value, "object": kind, "deleted": True} if kind in _DELETED_SHOWN else value
    return render(work, record)


_DELETED_SHOWN = ("coupon", "customer", "product")


def _not_expandable(path: str) -> Exception:
    return invalid(f"This property cannot be expanded ({path}).", "expand")


def _payments(work: Work, shown: Json) -> Json:
    payments = work.related("invoice_payment", "invoice", shown["id"])
    return list_object(
        f"/v1/invoice_payments?invoice={shown['id']}",
        [render(work, payment) for payment in reversed(payments)],
    )


def _confirmation_secret(work: Work, shown: Json) -> Json | None:
    for payment in work.related("invoice_payment", "invoice", shown["id"]):
        intent = work.find("payment_intent", payment["payment"].get("payment_intent"))
        if intent is not None:
            return {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return None


def _price_currencies(work: Work, shown: Json) -> Any:
    own = {name: shown[name] for name in ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")}
    return {shown["currency"]: own} | clone(work.get("price", shown["id"]).get("_currency_options") or {})


def _line_items(work: Work, shown: Json) -> Json:
    sold = checkout_lines.shown(work, work.get("checkout.session", shown["id"]))
    return list_object(f"/v1/checkout/sessions/{shown['id']}/line_items", sold[:10], len(sold) > 10)


def _tiers(work: Work, shown: Json) -> Any:
    tiers = work.get("price", shown["id"])["_tiers"]
    return None if tiers is None else [dict(tier) for tier in tiers]


def _applies_to(work: Work, shown: Json) -> Any:
    products = work.get("coupon", shown["id"])["_products"]
    return None if products is None else {"products": list(products)}


def _currency_options(work: Work, shown: Json) -> Any:
    return dict(work.get("coupon", shown["id"])["_currency_options"])


def _subscriptions(work: Work, shown: Json) -> Json:
    ended = ("canceled", "incomplete_expired")
    current = [
        render(work, record)
        for record in reversed(work.related("subscription", "customer", shown["id"]))
        if record["status"] not in ended
    ]
    return list_object(f"/v1/customers/{shown['id']}/subscriptions", current[:10], len(current) > 10)


def _refunds(work: Work, shown: Json) -> Json:
    newest = [render(work, refund) for refund in reversed(work.related("refund", "charge", shown["id"]))]
    return list_object(f"/v1/charges/{shown['id']}/refunds", newest[:10], len(newest) > 10)


def _tax_ids(work: Work, shown: Json) -> Json:
    newest = [render(work, one) for one in reversed(work.related("tax_id", "customer", shown["id"]))]
    return list_object(f"/v1/customers/{shown['id']}/tax_ids", newest[:10], len(newest) > 10)


def _nothing(url: str) -> Callable[[Work, Json], Json]:
    return lambda work, shown: list_object(url.format(id=shown["id"]), [])


_INCLUDED: dict[tuple[str, str], Callable[[Work, Json], Any]] = {
    ("checkout.session", "line_items"): _line_items,
    ("charge", "refunds"): _refunds,
    ("coupon", "applies_to"): _applies_to,
    ("coupon", "currency_options"): _currency_options,
    ("customer", "sources"): _nothing("/v1/customers/{id}/sources"),
    ("customer", "subscriptions"): _subscriptions,
    ("customer", "tax_ids"): _tax_ids,
    ("invoice", "confirmation_secret"): _confirmation_secret,
    ("invoice", "payments"): _payments,
    ("plan", "tiers"): _tiers,
    ("price", "currency_options"): _price_currencies,
    ("price", "tiers"): _tiers,
}
