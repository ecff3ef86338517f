"""Customers are changed and deleted, in Stripe and here."""

from typing import Any

from tests.factories import unique
from tests.scenes import Scene
from tests.subscriptions.test_versions import patched


def test_a_customer_is_changed(scene: Scene) -> None:
    path, external_id = f"/customers/{scene.customer['id']}", unique("user-")
    address = {"line1": "1 Road", "city": "Berlin", "country": "DE"}
    body = {
        "name": "New", "email": "new@example.com", "external_id": external_id, "address": address,
        "tax_exempt": "reverse", "metadata": {"a": "1", "b": "2"},
    }  # fmt: skip
    found = patched(scene.api, path, body)
    assert (found["name"], found["external_id"], found["tax_exempt"]) == ("New", external_id, "reverse")
    assert {name: found["address"][name] for name in address} == address
    in_stripe = scene.stripe_client.v1.customers.retrieve(scene.customer["stripe_id"], None, scene.account)
    assert (in_stripe.name, in_stripe.email, in_stripe.tax_exempt) == ("New", "new@example.com", "reverse")
    assert patched(scene.api, f"/customers/{external_id}", {"metadata": {"a": ""}})["metadata"] == {"b": "2"}
    gone = patched(scene.api, path, {"external_id": None, "email": None, "name": None})
    assert (gone["external_id"], gone["email"], gone["name"], gone["metadata"]) == (None, "", "", {"b": "2"})
    assert scene.api.get(f"/customers/{external_id}").status_code == 404
    assert patched(scene.api, path, {}) == scene.api.found(path)


def test_an_external_id_that_is_taken(scene: Scene) -> None:
    other = scene.api.made("/customers", {"external_id": unique("user-")})
    path = f"/customers/{scene.customer['id']}"
    for taken, status, code in ((other["external_id"], 409, "external_id_taken"), ("cus_1", 400, "invalid_request")):
        answer = scene.api.request("PATCH", path, {"external_id": taken})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert patched(scene.api, path, {"external_id": scene.customer["external_id"]})["id"] == scene.customer["id"]


def test_another_card_becomes_the_default(scene: Scene) -> None:
    path = f"/customers/{scene.customer['id']}"
    found = patched(scene.api, path, {"default_payment_method": "pm_card_mastercard"})
    method = found["default_payment_method_id"]
    assert method.startswith("pm_")
    assert method != scene.customer["default_payment_method_id"]
    scene.deliveries.flush()
    before = scene.customer["default_payment_method_id"]
    assert patched(scene.api, path, {"default_payment_method": before})["default_payment_method_id"] == before
    assert patched(scene.api, path, {"default_payment_method": None})["default_payment_method_id"] == ""
    answer = scene.api.request("PATCH", path, {"default_payment_method": "pm_none"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "resource_missing")


def test_a_customer_is_deleted_with_the_subscriptions(scene: Scene) -> None:
    path = f"/customers/{scene.customer['id']}"
    answer: Any = scene.api.request("DELETE", path)
    assert (answer.status_code, answer.json()) == (
        200, {"id": scene.customer["id"], "object": "customer", "deleted": True},
    )  # fmt: skip
    assert scene.api.get(path).status_code == 404
    assert scene.api.request("DELETE", path).status_code == 404
    scene.deliveries.flush()
    assert scene.api.found(f"/subscriptions/{scene.subscription['id']}")["status"] == "canceled"
