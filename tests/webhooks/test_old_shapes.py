"""Objects as Stripe shows them in its documentation, and as it sent them before basil: whatever comes, no event is
refused, none waits for ever, and what cannot be applied says why."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from billingos.common.registries import handled_types
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.webhooks.drainer import drain
from billingos.webhooks.models import WebhookEvent
from subscriptions.models import Coupon, Invoice, InvoicePayment, Subscription
from tests.factories import platform_merchant, unique
from tests.fixtures import Api
from tests.scenes import Scene
from tests.webhooks.events import deliver, event, inbox_row
from tests.webhooks.shop import Shop, T, drain_all, subscription

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "stripe-fixtures3.json"
OF_SAMPLES = "B7WZ01zgkW"  # stands in the samples' ids, as a name of their account
ALIASES = {
    "account.application": "application", "application_fee.refund": "fee_refund", "charge.dispute": "dispute",
    "charge.refund": "refund", "customer.discount": "discount", "customer.source": "card",
    "customer.subscription": "subscription", "customer.tax_id": "tax_id", "source.transaction": "source_transaction",
    "sigma.scheduled_query_run": "scheduled_query_run", "account.external_account": "bank_account",
    "billing.alert": "billing.alert_triggered",
}  # fmt: skip
WRONG_KINDS = ("customer.updated", "customer.subscription.updated", "invoice.paid", "price.updated", "product.deleted")


def event_types() -> list[str]:
    found = re.search(r"^    type: Literal\[(.*?)\]", inspect.getsource(stripe.Event), re.MULTILINE | re.DOTALL)
    assert found
    return re.findall(r'"([^"]+)"', found[1])


def kind_of(type: str, samples: dict[str, Any]) -> str:
    noun = type.rpartition(".")[0]
    return ALIASES.get(noun) or (noun if noun in samples else noun.replace("issuing_", "issuing."))


def carried(samples: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every type with the object it carries; deleted objects also as the tombstones that the API answers with; then
    every sample as what it is not, and as an event of a type that does not exist."""
    for type in sorted(event_types(), key=lambda type: type.startswith("account.application.")):  # these end all asking
        kind = kind_of(type, samples)
        if kind in samples:
            yield type, samples[kind]
        if type.endswith(".deleted") and f"deleted_{kind}" in samples:
            yield type, samples[f"deleted_{kind}"]
    for name, sample in samples.items():
        yield f"{name}.invented", sample
        for type in WRONG_KINDS:
            yield type, sample


@pytest.fixture(scope="module")
def samples() -> dict[str, Any]:
    if not SAMPLES.exists():
        pytest.skip("Stripe's sample objects are not here: ../shared/data/stripe-fixtures3.json")
    found: dict[str, Any] = json.loads(SAMPLES.read_text())["resources"]
    assert len(found) == 176
    return found


@pytest.fixture(autouse=True)
def empty_inbox(committed_db: None) -> None:
    """What other tests have left waiting is not this test's."""
    with platform_scope():
        WebhookEvent.objects.filter(status="pending").update(status="ignored", reason="another test's")


def ours(merchant: Merchant, sample: dict[str, Any]) -> dict[str, Any]:
    """The sample as if it were of this merchant's account, where ids are its own."""
    own = merchant.id.hex[-10:]
    found: dict[str, Any] = json.loads(json.dumps(sample).replace(OF_SAMPLES, own).replace("QXg1", own))
    return found


def drain_for_good() -> None:
    """Until nothing waits, as if all pauses between attempts were over."""
    waiting = WebhookEvent.objects.filter(status="pending")
    for _ in range(4):
        drain_all()
        with platform_scope():
            waiting.update(next_attempt_at="2020-01-01T00:00Z", leased_until=None)
    drain_all()


def assert_ended(told: list[dict[str, Any]]) -> dict[str, int]:
    """No event waits, and each that failed says why. How many ended how."""
    counts: dict[str, int] = {}
    for found in told:
        row = inbox_row(found)
        assert row.status in {"processed", "ignored", "failed"}, (row.type, row.status, row.reason)
        assert row.status != "failed" or row.reason, row.type
        counts[row.status] = counts.get(row.status, 0) + 1
    return counts


@pytest.mark.parametrize("whose", ["connected", pytest.param("platform", marks=pytest.mark.long)])
def test_samples_as_events_of_every_type(
    whose: str, merchant: Merchant, samples: dict[str, Any], settings: Any
) -> None:
    settings.INBOX_MAX_ATTEMPTS = 2
    owner = merchant if whose == "connected" else platform_merchant()
    told = []
    for number, (type, sample) in enumerate(carried(samples)):
        found = event(merchant if whose == "connected" else None, type, ours(owner, sample), T + number)
        assert deliver(found).status_code == 200, type
        told.append(found)
    drain_for_good()
    counts = assert_ended(told)
    right = {type for type in handled_types() if kind_of(type, samples) in samples}
    assert len(right) > 80
    assert counts["processed"] > 100, counts
    assert {found["data"]["object"].get("object") for found in told} >= {"subscription", "invoice", "customer"}


def test_what_comes_as_it_should_is_applied(merchant: Merchant, samples: dict[str, Any], settings: Any) -> None:
    """Of the handled types with the very object that they carry, only those fail that point to what Stripe has not."""
    settings.INBOX_MAX_ATTEMPTS = 2
    told = []
    for number, type in enumerate(handled_types()):
        sample = samples.get(kind_of(type, samples))
        if sample and not type.startswith("account.application."):
            told.append(event(merchant, type, ours(merchant, sample), T + number))
    for found in told:
        deliver(found)
    drain_for_good()
    failed = {found["type"]: inbox_row(found).reason for found in told if inbox_row(found).status == "failed"}
    assert {type: reason for type, reason in failed.items() if "it points to" not in reason.lower()} == {}


# --- Before basil ----------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(api: Api) -> Shop:
    return Shop(api)


def old_subscription(shop: Shop, **fields: Any) -> dict[str, Any]:
    """With its period on itself, and none on its items; with plans beside prices."""
    found = subscription(unique("sub_"), shop.customer["id"], shop.price, **fields)
    for item in found["items"]["data"]:
        found["current_period_start"] = item.pop("current_period_start")
        found["current_period_end"] = item.pop("current_period_end")
        item["plan"] = {"id": shop.price["id"], "object": "plan", "amount": 4900, "interval": "month"}
    return found


def test_a_subscription_with_its_period_on_itself(shop: Shop) -> None:
    found = old_subscription(shop)
    shop.tell("customer.subscription.created", found)
    shown = shop.api.found(f"/subscriptions/{found['id']}")
    assert (shown["status"], shown["mrr"]) == ("active", 4900)
    with scope(shop.merchant.id):
        row = Subscription.objects.for_merchant(shop.merchant.id).get(stripe_id=found["id"])
        item = row.items.get()
    for holder in (row, item):
        assert holder.current_period_start is not None
        assert holder.current_period_end is not None
        assert int(holder.current_period_start.timestamp()) == found["current_period_start"]
        assert int(holder.current_period_end.timestamp()) == found["current_period_end"]
    assert row.next_billing_at == row.current_period_end
    assert shop.allowed()


def test_a_subscription_with_its_discount_in_the_singular(shop: Shop) -> None:
    coupon = {
        "id": unique("C"), "object": "coupon", "created": T, "percent_off": 50.0, "duration": "forever", "valid": True,
        "metadata": {}, "name": None, "amount_off": None, "currency": None, "times_redeemed": 1,
        "applies_to": {"products": []},
    }  # fmt: skip
    shop.tell("coupon.created", coupon)
    with scope(shop.merchant.id):
        assert Coupon.objects.for_merchant(shop.merchant.id).filter(stripe_id=coupon["id"]).exists()
    found = old_subscription(shop)
    found["discount"] = {
        "id": unique("di_"), "object": "discount", "coupon": coupon, "customer": shop.customer["id"], "start": T,
        "end": None, "subscription": found["id"], "promotion_code": None,
    }  # fmt: skip
    told = shop.tell("customer.subscription.created", found)
    assert inbox_row(told).status == "processed", inbox_row(told).reason
    assert shop.api.found(f"/subscriptions/{found['id']}")["mrr"] == 2450


def as_before_basil(invoice: dict[str, Any]) -> dict[str, Any]:
    """The same invoice as Stripe sent it under 2024-06-20."""
    old = {name: value for name, value in invoice.items() if name not in {"parent", "payments", "total_taxes"}}
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    paid = [entry["payment"]["payment_intent"] for entry in (invoice.get("payments") or {}).get("data", [])]
    old |= {
        "subscription": details.get("subscription"),
        "payment_intent": paid[0] if paid else None,
        "charge": "ch_old",
        "paid": invoice["status"] == "paid",
        "discount": None,
        "tax": 190,
        "total_tax_amounts": [{"amount": 190, "inclusive": False, "tax_rate": "txr_old", "taxable_amount": 1000}],
    }
    old["lines"] = {**invoice["lines"], "data": [_old_line(line) for line in invoice["lines"]["data"]]}
    return old


def _old_line(line: dict[str, Any]) -> dict[str, Any]:
    parent = line.get("parent") or {}
    item = parent.get("subscription_item_details") or {}
    price = line["pricing"]["price_details"]
    old = {name: value for name, value in line.items() if name not in {"parent", "pricing", "taxes"}}
    return old | {
        "type": "subscription",
        "price": {"id": price["price"], "object": "price", "product": price["product"]},
        "subscription": item.get("subscription"),
        "subscription_item": item.get("subscription_item"),
        "proration": False,
        "tax_amounts": [{"amount": 190, "inclusive": False, "tax_rate": "txr_old", "taxable_amount": 1000}],
    }


def test_an_invoice_of_before_lands_in_the_same_columns(scene: Scene) -> None:
    merchant = scene.api.merchant
    options: Any = scene.account
    listed = scene.stripe_client.v1.invoices.list({"limit": 1, "expand": ["data.payments"]}, options).data[0]
    new = listed.to_dict(for_json=True)
    own = {**new, "id": unique("in_"), "test_clock": None}
    own["payments"] = {"object": "list", "data": []}
    told = event(merchant, "invoice.finalized", as_before_basil(own), T + 10**6)
    deliver(told)
    drain()
    drain_all()
    assert inbox_row(told).status == "processed", inbox_row(told).reason
    with scope(merchant.id):
        invoices = Invoice.objects.for_merchant(merchant.id)
        before, since = invoices.get(stripe_id=own["id"]), invoices.get(stripe_id=new["id"])
        assert (before.subscription_id, before.customer_id) == (since.subscription_id, since.customer_id)
        assert before.subscription_id is not None
        assert (before.tax_amount, before.total, before.amount_paid) == (190, since.total, since.amount_paid)
        (line,), (other,) = before.lines.all(), since.lines.all()
    same = ("price_id", "product_stripe_id", "subscription_stripe_id", "item_stripe_id", "proration", "period_start")
    assert {name: getattr(line, name) for name in same} == {name: getattr(other, name) for name in same}
    assert line.taxes == [{"rate": "txr_old", "amount": 190, "taxable_amount": 1000, "behavior": "exclusive"}]


def test_what_paid_an_invoice_of_before_is_asked_for(scene: Scene) -> None:
    """Such endpoints get no invoice_payment.paid."""
    merchant = scene.api.merchant
    options: Any = scene.account
    listed = scene.stripe_client.v1.invoices.list({"limit": 1, "expand": ["data.payments"]}, options).data[0]
    new = listed.to_dict(for_json=True)
    with scope(merchant.id):
        links = InvoicePayment.objects.for_merchant(merchant.id).filter(invoice__stripe_id=new["id"])
        assert links.delete()[0] == 1
        Invoice.objects.for_merchant(merchant.id).update(stripe_written_at=None, last_event_at=None)
    told = event(merchant, "invoice.paid", {**as_before_basil(new), "test_clock": None}, T + 10**7)
    deliver(told)
    drain_all()
    assert inbox_row(told).status == "processed", inbox_row(told).reason
    with scope(merchant.id):
        assert links.get().status == "paid"
