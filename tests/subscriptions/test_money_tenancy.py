"""What money calls refer to is the merchant's own; another merchant's is not found."""

from typing import Any

from billingos.merchants.models import Merchant
from tests.fixtures import Api
from tests.scenes import Scene


def test_references_to_another_merchants_objects_are_not_found(scene: Scene, other_merchant: Merchant) -> None:
    stranger = Api(other_merchant)
    mine = stranger.made("/customers", {"external_id": "mine", "name": "Mine"})
    coupon: Any = {"id": "THEIRS", "percent_off": 5, "duration": "once"}
    scene.stripe_client.v1.coupons.create(coupon, scene.account)
    scene.deliveries.flush()
    theirs, lines = scene.customer["id"], [{"amount": 1, "description": "A"}]
    method = scene.api.found(f"/customers/{theirs}/payment-methods")["data"][0]["id"]
    invoice, payment = (scene.api.found(f"/{name}")["data"][0] for name in ("invoices", "payments"))
    charge = {"customer_id": mine["id"], "lines": lines}
    attempts: list[tuple[str, dict[str, Any], str]] = [
        ("/invoices", {**charge, "customer_id": theirs}, "customer_id"),
        ("/invoices", {**charge, "lines": [{"price": scene.price["id"]}]}, "lines[0][price]"),
        ("/invoices", {**charge, "coupon": "THEIRS"}, "coupon"),
        ("/invoices", {**charge, "payment_method": method}, "payment_method"),
        ("/refunds", {"payment": payment["id"]}, "payment"),
        ("/refunds", {"invoice": invoice["stripe_id"]}, "invoice"),
        ("/credit-notes", {"invoice": invoice["id"], "amount": 1}, "invoice"),
        (f"/customers/{theirs}/balance", {"amount": 1}, "id"),
        (f"/customers/{theirs}/payment-methods", {"payment_method": "pm_card_visa"}, "id"),
    ]
    for path, body, param in attempts:
        answer = stranger.post(path, body)
        assert (answer.status_code, answer.json()["error"]["param"]) == (404, param), answer.content
    gone = stranger.request("DELETE", f"/customers/{mine['id']}/payment-methods/{method}")
    assert gone.status_code == 404
    assert stranger.get("/invoices", customer_id=theirs).status_code == 404
    assert stranger.get("/payments", invoice=invoice["id"]).status_code == 404
