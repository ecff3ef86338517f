"""Every kind of object the simulator returns, against the type hints of the installed ``stripe`` package.

A hint that isn't Optional must be there; what is there must be hinted, and of its JSON type. Stripe's own
sample objects say which Optional fields it really sends.
"""

import ast
import functools
import json
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from tests.stripe_simulator import contract_money
from tests.stripe_simulator.conftest import Shop, item_of, moment
from tests.stripe_simulator.flow_objects import flow_objects
from tests.stripe_simulator.surface_objects import surface_objects

PACKAGE = Path(stripe.__file__).parent
SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "stripe-fixtures3.json"
MODULES = {
    "account": "_account",
    "account_link": "_account_link",
    "billing.meter": "billing/_meter",
    "billing.meter_event": "billing/_meter_event",
    "billing.meter_event_adjustment": "billing/_meter_event_adjustment",
    "billing.meter_event_summary": "billing/_meter_event_summary",
    "billing_portal.configuration": "billing_portal/_configuration",
    "billing_portal.session": "billing_portal/_session",
    "charge": "_charge",
    "checkout.session": "checkout/_session",
    "coupon": "_coupon",
    "credit_note": "_credit_note",
    "credit_note_line_item": "_credit_note_line_item",
    "customer": "_customer",
    "customer_balance_transaction": "_customer_balance_transaction",
    "discount": "_discount",
    "dispute": "_dispute",
    "entitlements.active_entitlement": "entitlements/_active_entitlement",
    "entitlements.active_entitlement_summary": "entitlements/_active_entitlement_summary",
    "entitlements.feature": "entitlements/_feature",
    "event": "_event",
    "invoice": "_invoice",
    "invoice_payment": "_invoice_payment",
    "invoiceitem": "_invoice_item",
    "item": "_line_item",
    "line_item": "_invoice_line_item",
    "payment_intent": "_payment_intent",
    "payment_method": "_payment_method",
    "plan": "_plan",
    "price": "_price",
    "product": "_product",
    "product_feature": "_product_feature",
    "promotion_code": "_promotion_code",
    "refund": "_refund",
    "setup_intent": "_setup_intent",
    "subscription": "_subscription",
    "subscription_item": "_subscription_item",
    "subscription_schedule": "_subscription_schedule",
    "tax_id": "_tax_id",
    "tax_rate": "_tax_rate",
    "test_helpers.test_clock": "test_helpers/_test_clock",
    "webhook_endpoint": "_webhook_endpoint",
}
STATES = ("status", "payment_status", "mode", "billing_reason", "duration", "type")
# In the samples, but not sent by the API of this version.
STALE = {
    "account": {"business_profile"},
    "charge": {"source", "refunds", "transfer_data"},
    "invoice": {"subscription"},
    "line_item": set[str](),
}


@functools.cache
def class_of(kind: str) -> ast.ClassDef:
    """The class with ``OBJECT_NAME`` of this kind in stripe's source."""
    name = {"line_item": "line_item"}.get(kind, kind)
    tree = ast.parse((PACKAGE / f"{MODULES[kind]}.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and f"Literal['{name}']" in ast.unparse(node):
            return node
    raise LookupError(kind)


def hints(node: ast.ClassDef) -> dict[str, str]:
    return {
        entry.target.id: ast.unparse(entry.annotation)
        for entry in node.body
        if isinstance(entry, ast.AnnAssign)
        and isinstance(entry.target, ast.Name)
        and "ClassVar" not in ast.unparse(entry)
    }


def inner(node: ast.ClassDef, name: str) -> ast.ClassDef | None:
    return next((one for one in node.body if isinstance(one, ast.ClassDef) and one.name == name), None)


class Contract:
    """Walks an object along its hints and gathers what is wrong."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.seen: dict[str, int] = {}
        self._checked: dict[str, set[str]] = {}
        self._hinted: dict[str, set[str]] = {}
        self._states: dict[str, set[str]] = {}
        self._kind = ""

    def check(self, value: dict[str, Any]) -> None:
        kind = value["object"]
        if value.get("deleted"):
            return
        self.seen[kind] = self.seen.get(kind, 0) + 1
        self._states.setdefault(kind, set()).update(str(value[name]) for name in STATES if value.get(name))
        node, outer, self._kind = class_of(kind), self._kind, kind
        self._fields(value, node, (node,), kind)
        self._kind = outer

    def table(self) -> str:
        """A line a resource: objects, how many of its hinted fields had a value, the states seen."""
        rows = [f"{'resource':44}{'objects':>8}{'fields':>12}  states"]
        for kind, count in sorted(self.seen.items()):
            fields = f"{len(self._checked[kind])} of {len(self._hinted[kind])}"
            rows.append(f"{kind:44}{count:8}{fields:>12}  {_few(self._states[kind])}")
        checked, hinted = (sum(map(len, one.values())) for one in (self._checked, self._hinted))
        return "\n".join([*rows, f"{'all':44}{sum(self.seen.values()):8}{f'{checked} of {hinted}':>12}"])

    def _fields(self, value: dict[str, Any], node: ast.ClassDef, scopes: tuple[ast.ClassDef, ...], path: str) -> None:
        known = hints(node)
        for name in value.keys() - known.keys():
            self.wrong.append(f"{path}.{name}: unknown")
        place = re.sub(r"\[\d+\]", "", path)
        self._hinted.setdefault(self._kind, set()).update(f"{place}.{name}" for name in known)
        for name, hint in known.items():
            if value.get(name) is not None:
                self._checked.setdefault(self._kind, set()).add(f"{place}.{name}")
            if name in value:
                self._value(value[name], hint, scopes, f"{path}.{name}")
            elif not hint.startswith("Optional["):
                self.wrong.append(f"{path}.{name}: missing")

    def _value(self, value: Any, hint: str, scopes: tuple[ast.ClassDef, ...], path: str) -> None:
        if hint.startswith("Optional["):
            if value is None:
                return
            hint = hint[len("Optional[") : -1]
        if not self._fits(value, hint, scopes, path):
            self.wrong.append(f"{path}: {value!r} is not {hint[:60]}")

    def _fits(self, value: Any, hint: str, scopes: tuple[ast.ClassDef, ...], path: str) -> bool:
        if hint in ("int", "float"):
            return isinstance(value, int | float if hint == "float" else int) and not isinstance(value, bool)
        if hint == "bool":
            return isinstance(value, bool)
        if hint == "Decimal":
            return isinstance(value, str) and is_decimal(value)
        if hint == "str":
            return isinstance(value, str)
        if hint.startswith(("Literal[", "Union[Literal[")):
            return isinstance(value, str | bool) and (repr(value) in hint)
        if hint.startswith("ListObject["):
            return self._list_object(value)
        if hint.startswith("List["):
            return isinstance(value, list) and self._members(value, hint[5:-1], scopes, path)
        if hint.startswith("ExpandableField["):
            return isinstance(value, str) or (isinstance(value, dict) and self._object(value))
        if hint.startswith("UntypedStripeObject["):
            return isinstance(value, dict)
        return isinstance(value, dict) and self._hash(value, hint, scopes, path)

    def _members(self, value: list[Any], hint: str, scopes: tuple[ast.ClassDef, ...], path: str) -> bool:
        for position, member in enumerate(value):
            self._value(member, hint, scopes, f"{path}[{position}]")
        return True

    def _list_object(self, value: Any) -> bool:
        for member in value["data"]:
            self.check(member)
        return set(value) == {"object", "data", "has_more", "url"} and value["object"] == "list"

    def _object(self, value: dict[str, Any]) -> bool:
        self.check(value)
        return True

    def _hash(self, value: dict[str, Any], hint: str, scopes: tuple[ast.ClassDef, ...], path: str) -> bool:
        if hint.startswith("'"):
            return self._object(value)
        for scope in reversed(scopes):
            node = inner(scope, hint)
            if node is not None:
                self._fields(value, node, (*scopes, node), path)
                return True
        return False


def _few(states: set[str]) -> str:
    return ", ".join(sorted(states)) if len(states) < 15 else f"{len(states)} types"


def is_decimal(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


def everything(shop: Shop) -> list[dict[str, Any]]:
    """At least one of every kind, in many states, as raw JSON."""
    money, bodies = contract_money.made(shop)
    client = shop.client.v1
    clock = shop.clock(moment(2026, 1, 31))
    customer = shop.customer(clock)
    client.customers.update(
        customer,
        {"address": {"city": "Bern"}, "shipping": {"name": "Jo", "address": {"city": "Bern"}}, "name": "Jo"},
    )
    product = client.products.create(
        {
            "name": "Pro",
            "marketing_features": [{"name": "Fast"}],
            "default_price_data": {"currency": "usd", "unit_amount": 5},
        }
    )
    feature = client.entitlements.features.create({"name": "Api", "lookup_key": "api"})
    client.products.features.create(product.id, {"entitlement_feature": feature.id})
    client.customers.tax_ids.create(customer, {"type": "eu_vat", "value": "DE000000000"})
    client.tax_ids.create({"type": "ch_vat", "value": "CHE123456789MWST"})
    subscription = shop.subscribe(customer, shop.price(900, product=product.id))
    shop.subscribe(customer, shop.price(900), trial_period_days=9)
    client.prices.create(
        {
            "product": product.id,
            "currency": "usd",
            "billing_scheme": "tiered",
            "tiers_mode": "volume",
            "tiers": [{"up_to": "inf", "unit_amount": 5}],
            "recurring": {"interval": "day"},
        }
    )
    client.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    client.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    bad = client.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    item = item_of(subscription)
    client.subscriptions.update(subscription.id, {"items": [{"id": item.id, "quantity": 3}]})
    shop.advance(clock, moment(2026, 2, 15))
    client.customers.update(customer, {"invoice_settings": {"default_payment_method": bad.id}})
    shop.advance(clock, moment(2026, 4, 20))
    account = client.accounts.create({"type": "express", "country": "CH"})
    client.accounts.update(account.id, {"business_profile": {"name": "Café"}})
    link: Any = {"account": account.id, "type": "account_onboarding"}
    link |= {"refresh_url": "http://a.test", "return_url": "http://b.test"}
    made = requests.post(f"{shop.url}/v1/account_links", data=link, auth=("sk_test_simulator", ""), timeout=10)

    paths = [
        *money,
        "accounts",
        "account",
        "charges",
        "customers",
        f"customers/{customer}/payment_methods",
        f"customers?test_clock={clock}&expand[]=data.subscriptions&expand[]=data.sources&expand[]=data.tax_ids",
        "entitlements/features",
        f"entitlements/active_entitlements?customer={customer}",
        "events?limit=100",
        "events?limit=100&type=entitlements.active_entitlement_summary.updated",
        "invoices?expand[]=data.payments&expand[]=data.customer&expand[]=data.confirmation_secret",
        f"invoices/{shop.invoices(subscription.id)[-1].id}/lines",
        "invoice_payments?expand[]=data.payment.payment_intent.latest_charge",
        "payment_intents?expand[]=data.payment_method",
        "prices?expand[]=data.tiers&expand[]=data.product",
        "products?expand[]=data.default_price",
        f"products/{product.id}/features",
        f"subscriptions?status=all&customer={customer}&expand[]=data.latest_invoice&expand[]=data.test_clock",
        f"subscription_items?subscription={subscription.id}",
        f"customers/{customer}/tax_ids?expand[]=data.customer",
        "tax_ids",
        "test_helpers/test_clocks",
        "webhook_endpoints",
    ]
    bodies.append(made.json())
    for path in paths:
        answer = requests.get(f"{shop.url}/v1/{path}", auth=("sk_test_simulator", ""), timeout=10)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        bodies += body["data"] if body["object"] == "list" else [body]
    bodies += flow_objects(shop) + surface_objects(shop)
    return bodies + [event["data"]["object"] for event in bodies if event["object"] == "event"]


def test_objects_are_as_the_stripe_package_describes_them(shop: Shop) -> None:
    contract = Contract()
    for body in everything(shop):
        contract.check(body)
    assert sorted(set(contract.wrong)) == []
    print(contract.table())
    assert contract.seen.keys() == MODULES.keys()


def test_the_contract_can_fail() -> None:
    contract = Contract()
    contract.check({"object": "account_link", "created": "1", "url": "u", "extra": 1})
    assert sorted(contract.wrong) == [
        "account_link.created: '1' is not int",
        "account_link.expires_at: missing",
        "account_link.extra: unknown",
    ]


@pytest.mark.skipif(not SAMPLES.exists(), reason="Stripe's sample objects are not here")
def test_optional_fields_are_those_that_stripe_sends(shop: Shop) -> None:
    samples = json.loads(SAMPLES.read_text())["resources"]
    absent = set()
    for body in everything(shop):
        kind = body["object"]
        if kind in samples and not body.get("deleted"):
            missing = samples[kind].keys() - body.keys() - STALE.get(kind, set())
            absent |= {f"{kind}.{name}" for name in missing}
    assert sorted(absent) == []
