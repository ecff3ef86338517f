"""A version that somebody is on stays as it was sold; what changes is the next one."""

from typing import Any

import pytest

from billingos.common.tenancy import scope
from subscriptions.models import Price, Product, SubscriptionItem
from tests.fixtures import Api
from tests.scenes import Scene


def patched(api: Api, path: str, body: Any) -> dict[str, Any]:
    answer = api.request("PATCH", path, body)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def versions(scene: Scene) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.api.found(f"/products/{scene.product['id']}/versions")["data"]
    return found


def in_stripe(scene: Scene) -> dict[str, Any]:
    """The product's prices in Stripe by id, with its metadata."""
    prices = scene.stripe_client.v1.prices
    listed = prices.list({"product": scene.product["stripe_id"], "limit": 100}, scene.account)
    return {price.id: price for price in listed.data}


def limit(scene: Scene, feature: str = "api_calls") -> Any:
    return scene.api.found("/entitlements/check", customer_id=scene.customer["id"], feature=feature)["limit"]


def subscribe(scene: Scene, price: str) -> dict[str, Any]:
    customer = scene.api.made("/customers", {"name": "New", "payment_method": "pm_card_visa"})
    made = scene.api.made("/subscriptions", {"customer_id": customer["id"], "items": [{"price": price}]})
    return {**made, "customer": customer["id"]}


def test_a_price_that_somebody_pays_is_changed_in_a_new_version(scene: Scene) -> None:
    old = scene.price
    new = patched(scene.api, f"/prices/{old['id']}", {"unit_amount": 5900})
    assert (new["unit_amount"], new["version"], new["active"], new["currency"], new["interval"]) == (
        5900, 2, True, "usd", "month",
    )  # fmt: skip
    assert new["id"] != old["id"]
    assert scene.api.found(f"/prices/{old['id']}")["active"] is False
    second, first = versions(scene)
    assert (second["number"], second["current"], second["subscribers"], second["mrr"]) == (2, True, 0, {})
    assert (first["number"], first["current"], first["subscribers"], first["mrr"]) == (1, False, 1, {"usd": 4900})
    assert [price["unit_amount"] for price in first["prices"]] == [4900]
    assert second["features"] == first["features"] == scene.product["features"]
    subscribe(scene, new["id"])
    second, first = versions(scene)
    assert (second["mrr"], first["mrr"]) == ({"usd": 5900}, {"usd": 4900})
    scene.advance(days=32)
    assert versions(scene)[1]["mrr"] == {"usd": 4900}  # renewed at the price that was agreed on


def test_the_same_change_sent_again_changes_nothing_more(scene: Scene) -> None:
    path = f"/prices/{scene.price['id']}"
    new = patched(scene.api, path, {"unit_amount": 5900})
    assert patched(scene.api, path, {"unit_amount": 5900})["id"] == new["id"]
    assert patched(scene.api, f"/prices/{new['id']}", {"unit_amount": 5900})["id"] == new["id"]
    assert len(in_stripe(scene)) == 2
    answer = scene.api.request("PATCH", path, {"unit_amount": 7000})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "price_not_sold")


def test_existing_subscribers_keep_their_limits(scene: Scene) -> None:
    product = patched(
        scene.api, f"/products/{scene.product['id']}", {"features": [{"feature": "api_calls", "limit": 500}]}
    )
    assert (product["version"], product["features"]) == (2, [{"feature": "api_calls", "type": "limit", "limit": 500}])
    assert (limit(scene), scene.allowed("sso")) == (1000, True)
    (price,) = scene.api.found("/prices", active="true")["data"]
    newcomer = subscribe(scene, price["id"])
    assert scene.api.found("/entitlements/check", customer_id=newcomer["customer"], feature="api_calls")["limit"] == 500
    assert not scene.api.found("/entitlements/check", customer_id=newcomer["customer"], feature="sso")["allowed"]
    scene.deliveries.flush()
    assert (limit(scene), scene.allowed("sso")) == (1000, True)


def test_what_nobody_is_on_is_edited_in_place(scene: Scene) -> None:
    api = scene.api
    product = api.made("/products", {"name": "Basic", "features": [{"feature": "sso"}]})
    body = {"product": product["id"], "currency": "usd", "unit_amount": 900, "interval": "month", "lookup_key": "basic"}
    price = api.made("/prices", body)
    new = patched(api, f"/prices/{price['id']}", {"unit_amount": 1000, "nickname": "Basic"})
    assert (new["version"], new["unit_amount"], new["nickname"], new["lookup_key"]) == (1, 1000, "Basic", "basic")
    changed = patched(
        api, f"/products/{product['id']}", {"features": [{"feature": "api_calls", "limit": 5}], "name": "Base"}
    )
    assert (changed["version"], changed["name"]) == (1, "Base")
    assert changed["features"] == [{"feature": "api_calls", "type": "limit", "limit": 5}]
    attached = scene.stripe_client.v1.products.features.list(product["stripe_id"], None, scene.account).data
    assert [row.entitlement_feature.lookup_key for row in attached] == ["api_calls"]
    scene.deliveries.flush()
    (version,) = api.found(f"/products/{product['id']}/versions")["data"]
    assert [(one["unit_amount"], one["active"], one["lookup_key"]) for one in version["prices"]] == [
        (900, False, ""),
        (1000, True, "basic"),
    ]


def test_several_changes_are_one_version(scene: Scene) -> None:
    api = scene.api
    yearly = api.made(
        "/prices",
        {"product": scene.product["id"], "currency": "usd", "unit_amount": 49000, "interval": "year",
         "lookup_key": "pro_yearly", "metadata": {"colour": "red"}},
    )  # fmt: skip
    body = {
        "features": [{"feature": "sso"}, {"feature": "api_calls", "limit": 2000}],
        "prices": [{"price": scene.price["id"], "unit_amount": 5900}],
        "add_prices": [{"currency": "eur", "unit_amount": 5500, "interval": "month", "lookup_key": "pro_eur"}],
    }
    version = api.made(f"/products/{scene.product['id']}/versions", body)
    sold = {price["currency"] + price["interval"]: price for price in version["prices"]}
    assert version["number"] == 2
    assert {name: price["unit_amount"] for name, price in sold.items()} == {
        "usdmonth": 5900, "usdyear": 49000, "eurmonth": 5500,
    }  # fmt: skip
    assert (sold["usdyear"]["lookup_key"], sold["usdyear"]["metadata"]) == ("pro_yearly", {"colour": "red"})
    assert sold["eurmonth"]["lookup_key"] == "pro_eur"
    assert api.found(f"/prices/{yearly['id']}")["lookup_key"] == ""
    assert all(price["active"] for price in version["prices"])
    assert not any(price["active"] for price in versions(scene)[1]["prices"])
    dropped = api.made(f"/products/{scene.product['id']}/versions", {"drop_prices": [sold["eurmonth"]["id"]]})
    assert (dropped["number"], len([price for price in dropped["prices"] if price["active"]])) == (2, 2)


def test_stripe_can_tell_what_was_sold(scene: Scene) -> None:
    new = patched(scene.api, f"/prices/{scene.price['id']}", {"unit_amount": 5900})
    prices = in_stripe(scene)
    features = '{"api_calls":1000,"sso":true}'
    for stripe_id, number in ((scene.price["stripe_id"], "1"), (new["stripe_id"], "2")):
        metadata = prices[stripe_id].metadata.to_dict()
        assert (metadata["billingos_version"], metadata["billingos_features"]) == (number, features)
    assert prices[new["stripe_id"]].metadata.to_dict()["billingos_origin"] == scene.price["stripe_id"]
    product = scene.stripe_client.v1.products.retrieve(scene.product["stripe_id"], None, scene.account)
    assert product.metadata.to_dict()["billingos_version"] == "2"


def test_the_default_price_can_be_dropped_for_another(scene: Scene) -> None:
    products = scene.stripe_client.v1.products
    products.update(scene.product["stripe_id"], {"default_price": scene.price["stripe_id"]}, scene.account)
    scene.deliveries.flush()
    path = f"/products/{scene.product['id']}/versions"
    features = [{"feature": "sso"}, {"feature": "api_calls", "limit": 2000}]
    alone = scene.api.post(path, {"drop_prices": [scene.price["id"]], "features": features})
    assert (alone.status_code, alone.json()["error"]["code"]) == (409, "price_needed")
    assert [version["number"] for version in versions(scene)] == [1]
    both = {"drop_prices": [scene.price["id"]], "prices": [{"price": scene.price["id"], "unit_amount": 1}]}
    refused = scene.api.post(path, both)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "drop_prices")
    other = {"currency": "usd", "unit_amount": 7900, "interval": "month"}
    version = scene.api.made(path, {"drop_prices": [scene.price["id"]], "add_prices": [other], "features": features})
    (sold,) = [price for price in version["prices"] if price["active"]]
    assert (version["number"], sold["unit_amount"]) == (2, 7900)
    product = products.retrieve(scene.product["stripe_id"], None, scene.account)
    assert product.default_price == sold["stripe_id"]
    assert not in_stripe(scene)[scene.price["stripe_id"]].active


def test_the_default_price_moves_along(scene: Scene) -> None:
    products = scene.stripe_client.v1.products
    products.update(scene.product["stripe_id"], {"default_price": scene.price["stripe_id"]}, scene.account)
    scene.deliveries.flush()
    new = patched(scene.api, f"/prices/{scene.price['id']}", {"unit_amount": 5900})
    assert products.retrieve(scene.product["stripe_id"], None, scene.account).default_price == new["stripe_id"]


def test_an_archived_product_sells_nothing_and_its_subscribers_go_on(scene: Scene) -> None:
    path = f"/products/{scene.product['id']}"
    assert patched(scene.api, path, {"active": False})["active"] is False
    assert scene.api.found("/prices", active="true")["data"] == []
    order = {"customer_id": scene.customer["id"], "items": [{"price": scene.price["id"]}]}
    assert scene.api.post("/subscriptions", order).status_code == 404
    scene.advance(days=32)
    assert scene.allowed()
    assert scene.api.found(f"/subscriptions/{scene.subscription['id']}")["status"] == "active"
    assert patched(scene.api, path, {"active": True})["active"] is True
    assert len(scene.api.found("/prices", active="true")["data"]) == 1


@pytest.mark.parametrize("body", [{"description": "New", "metadata": {"a": "1"}}, {"name": "Pro+"}])
def test_what_a_product_is_called_makes_no_version(scene: Scene, body: dict[str, Any]) -> None:
    found = patched(scene.api, f"/products/{scene.product['id']}", body)
    assert {name: found[name] for name in body} == body
    assert (found["version"], found["features"]) == (1, scene.product["features"])


def test_metadata_is_taken_away_with_an_empty_text(scene: Scene) -> None:
    path = f"/products/{scene.product['id']}"
    patched(scene.api, path, {"metadata": {"a": "1", "b": "2"}})
    assert patched(scene.api, path, {"metadata": {"a": ""}})["metadata"] == {"b": "2"}
    assert patched(scene.api, path, {"metadata": {}})["features"] == scene.product["features"]


def test_a_price_is_renamed_and_archived(scene: Scene) -> None:
    path = f"/prices/{scene.price['id']}"
    found = patched(scene.api, path, {"nickname": "Monthly", "lookup_key": "pro", "metadata": {"a": "1"}})
    assert (found["nickname"], found["lookup_key"], found["metadata"]) == ("Monthly", "pro", {"a": "1"})
    assert (found["id"], found["version"]) == (scene.price["id"], 1)
    assert patched(scene.api, path, {"lookup_key": None, "active": False})["lookup_key"] == ""
    assert scene.api.found("/prices", active="true")["data"] == []
    assert patched(scene.api, path, {"active": True})["active"] is True


def items(scene: Scene) -> list[SubscriptionItem]:
    with scope(scene.api.merchant.id):
        return list(SubscriptionItem.objects.for_merchant(scene.api.merchant.id).select_related("version", "price"))


def test_rows_are_as_stripe_has_them(scene: Scene) -> None:
    patched(scene.api, f"/prices/{scene.price['id']}", {"unit_amount": 5900})
    scene.deliveries.flush()
    with scope(scene.api.merchant.id):
        rows = {row.stripe_id: row for row in Price.objects.for_merchant(scene.api.merchant.id)}
        assert Product.objects.for_merchant(scene.api.merchant.id).get().versions.filter(published=False).count() == 0
    for stripe_id, price in in_stripe(scene).items():
        assert (rows[stripe_id].active, rows[stripe_id].unit_amount) == (price.active, price.unit_amount)
    assert [item.version.number for item in items(scene)] == [1]
