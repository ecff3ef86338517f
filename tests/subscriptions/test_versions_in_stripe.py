"""What was sold is in Stripe: rows can be made anew from it, accidents are finished, edits in its dashboard count."""

import itertools
import random
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.utils import timezone

from billingos.common.errors import MissingReference
from billingos.common.registries import project
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.merchants.tasks import resume_write_intents
from billingos.stripe_gateway import intents
from billingos.stripe_gateway.models import WriteIntent
from billingos.stripe_gateway.operations import retrieve
from entitlements.following import follow, unfinished
from entitlements.selectors import described_versions
from subscriptions.models import Product
from tests.factories import MerchantFactory, unique
from tests.fixtures import Api
from tests.scenes import Scene, paying_customer
from tests.subscriptions.test_versions import in_stripe, limit, patched, subscribe, versions


class Killed(BaseException):
    """What no code catches: the process is gone."""


@pytest.mark.parametrize("calls", range(6))
def test_a_publication_is_finished_whenever_its_process_dies(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """After `calls` of its calls: two prices made, two activated, the product, two archived."""
    yearly = {"product": scene.product["id"], "currency": "usd", "unit_amount": 49000, "interval": "year"}
    scene.api.made("/prices", yearly)
    body = {
        "features": [{"feature": "api_calls", "limit": 500}],
        "prices": [{"price": scene.price["id"], "unit_amount": 5900}],
    }
    real, count = intents._send, itertools.count()

    def dying(*args: Any) -> Any:
        answer = real(*args)
        if next(count) == calls:
            raise Killed
        return answer

    monkeypatch.setattr(intents, "_send", dying)
    key = unique("key-")
    with pytest.raises(Killed):
        scene.api.post(f"/products/{scene.product['id']}/versions", body, key=key)
    monkeypatch.setattr(intents, "_send", real)
    lapse(scene.api.merchant)
    resume_write_intents()
    scene.deliveries.flush()
    second, first = versions(scene)
    assert (second["number"], first["number"]) == (2, 1)
    assert {price["interval"]: price["unit_amount"] for price in second["prices"]} == {"month": 5900, "year": 49000}
    assert [price["active"] for price in second["prices"] + first["prices"]] == [True, True, False, False]
    assert [row["limit"] for row in second["features"]] == [500]
    assert len(in_stripe(scene)) == 4
    assert limit(scene) == 1000
    again = scene.api.made(f"/products/{scene.product['id']}/versions", body, key=key)  # the caller asks once more
    assert again["number"] == 2
    assert len(in_stripe(scene)) == 4


def lapse(merchant: Merchant) -> None:
    """The leases of the dead process have run out."""
    with scope(merchant.id):
        WriteIntent.objects.for_merchant(merchant.id).filter(status="pending").update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )


def test_half_a_publication_is_not_for_sale(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real, count = intents._send, itertools.count()

    def dying(*args: Any) -> Any:
        if next(count) == 1:
            raise Killed
        return real(*args)

    monkeypatch.setattr(intents, "_send", dying)
    with pytest.raises(Killed):
        scene.api.request("PATCH", f"/prices/{scene.price['id']}", {"unit_amount": 5900})
    monkeypatch.setattr(intents, "_send", real)
    scene.deliveries.flush()
    assert [version["number"] for version in versions(scene)] == [1]
    assert [price["id"] for price in scene.api.found("/prices", active="true")["data"]] == [scene.price["id"]]
    assert scene.api.found(f"/products/{scene.product['id']}")["version"] == 1
    refused = scene.api.request("PATCH", f"/prices/{scene.price['id']}", {"unit_amount": 6000})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "in_flight")


def sold(merchant: Merchant, stripe_id: str) -> list[Any]:
    """All that is known of a product's versions, without ids of ours."""
    with scope(merchant.id):
        product = Product.objects.for_merchant(merchant.id).get(stripe_id=stripe_id)
        return [
            (
                found.version.number,
                found.current,
                sorted((row.feature.lookup_key, row.limit) for row in found.features),
                sorted((price.stripe_id, price.unit_amount, price.active, price.origin_id) for price in found.prices),
                found.created_at,
            )
            for found in described_versions(product)
        ]


def everything(scene: Scene) -> list[dict[str, Any]]:
    """What Stripe has of the catalog."""
    v1, account, merchant = scene.stripe_client.v1, scene.account, scene.api.merchant
    features = v1.entitlements.features.list({"limit": 100}, account).data
    prices = v1.prices.list({"product": scene.product["stripe_id"], "limit": 100}, account).data
    wanted = [("entitlements.feature", row.id) for row in features] + [("price", row.id) for row in prices]
    return [retrieve(merchant, *one) for one in [("product", scene.product["stripe_id"]), *wanted]]


@pytest.mark.parametrize("seed", range(6))
def test_versions_come_out_of_stripe_again_in_any_order(scene: Scene, seed: int) -> None:
    address = f"/products/{scene.product['id']}"
    scene.api.made("/prices", {"product": scene.product["id"], "currency": "eur", "unit_amount": 4500})
    second = patched(scene.api, f"/prices/{scene.price['id']}", {"unit_amount": 5900})
    patched(scene.api, address, {"features": [{"feature": "api_calls", "limit": 700}]})  # in place
    subscribe(scene, second["id"])
    patched(scene.api, address, {"features": []})
    scene.deliveries.flush()
    stripe_objects = everything(scene)
    random.Random(seed).shuffle(stripe_objects)
    anew = MerchantFactory.create()
    while stripe_objects:
        found = stripe_objects.pop(0)
        try:
            with scope(anew.id):
                project(anew.id, found)
        except MissingReference:
            stripe_objects.append(found)  # later, as the drainer does
    expected = sold(scene.api.merchant, scene.product["stripe_id"])
    assert [(number, features) for number, _, features, _, _ in expected] == [
        (3, []), (2, [("api_calls", 700)]), (1, [("api_calls", 1000), ("sso", None)]),
    ]  # fmt: skip
    assert sold(anew, scene.product["stripe_id"]) == expected


def test_shuffled_webhooks_lead_to_the_same_versions(
    api: Api, stripe_client: stripe.StripeClient, deliveries: Any
) -> None:
    """The merchant's own program writes to Stripe as we would; nothing of it passes through our API."""
    scene = paying_customer(api, stripe_client, deliveries)
    v1, account, stripe_id = stripe_client.v1, scene.account, scene.product["stripe_id"]
    stamp = {"billingos_version": "2", "billingos_features": '{"api_calls":5}'}
    terms: Any = {"product": stripe_id, "currency": "usd", "unit_amount": 9900, "recurring": {"interval": "month"}}
    terms["metadata"] = stamp
    new = v1.prices.create(terms, account)
    v1.products.update(stripe_id, {"metadata": stamp}, account)
    v1.prices.update(scene.price["stripe_id"], {"active": False}, account)
    deliveries.flush(shuffle=random.Random(4), copies=2)
    second, first = versions(scene)
    assert [price["stripe_id"] for price in second["prices"]] == [new.id]
    assert [row["limit"] for row in second["features"]] == [5]
    assert (first["subscribers"], limit(scene)) == (1, 1000)


def test_limits_edited_in_stripes_dashboard_reach_the_subscribers(scene: Scene) -> None:
    metadata = {"billingos_features": '{"api_calls":250}'}
    scene.stripe_client.v1.products.update(scene.product["stripe_id"], {"metadata": metadata}, scene.account)
    newcomers = [subscribe(scene, scene.price["id"]) for _ in range(3)]
    scene.deliveries.flush()
    (version,) = versions(scene)
    assert [row["limit"] for row in version["features"]] == [250]
    merchant = scene.api.merchant
    assert (merchant.id, version["id"]) in [(owner, str(row)) for owner, row in unfinished(10_000)]
    assert follow(merchant=merchant, version_id=version["id"], limit=3)  # the worker dies after a chunk
    while follow(merchant=merchant, version_id=version["id"], limit=3):
        pass
    for customer in [scene.customer["id"], *(one["customer"] for one in newcomers)]:
        found = scene.api.found("/entitlements/check", customer_id=customer, feature="api_calls")
        assert found["limit"] == 250
        assert not scene.api.found("/entitlements/check", customer_id=customer, feature="sso")["allowed"]
    assert (merchant.id, version["id"]) not in [(owner, str(row)) for owner, row in unfinished(10_000)]
