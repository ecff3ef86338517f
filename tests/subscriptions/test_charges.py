"""Invoices made by hand: charged at once, sent, drafted; what a refused payment leaves behind."""

from typing import Any

import pytest

from tests.fixtures import Api
from tests.scenes import Scene


def one_off(scene: Scene, amount: int = 2500) -> dict[str, Any]:
    body = {"product": scene.product["id"], "currency": "usd", "unit_amount": amount}
    return scene.api.made("/prices", body)


def charge(scene: Scene, **more: Any) -> Any:
    lines = [{"amount": 3000, "description": "Setup"}]
    return scene.api.post("/invoices", {"customer_id": scene.customer["id"], "lines": lines, **more})


def poor(scene: Scene) -> None:
    """From now on the customer's card is declined."""
    body = {"payment_method": "pm_card_chargeCustomerFail"}
    scene.api.made(f"/customers/{scene.customer['id']}/payment-methods", body)


def in_stripe(scene: Scene, **filters: Any) -> list[Any]:
    wanted: Any = {"customer": scene.customer["stripe_id"], "limit": 100, **filters}
    return scene.stripe_client.v1.invoices.list(wanted, scene.account).data


def test_a_charge_is_paid_at_once_and_says_all(scene: Scene) -> None:
    price = one_off(scene)
    lines = [
        {"price": price["id"], "quantity": 2},
        {"unit_amount": 1500, "quantity": 3, "description": "Hours"},
        {"amount": -500, "description": "Thanks"},
    ]
    invoice = scene.api.made(
        "/invoices",
        {"customer_id": scene.customer["id"], "lines": lines, "description": "Project", "metadata": {"job": "7"}},
    )
    assert (invoice["status"], invoice["total"], invoice["amount_paid"], invoice["amount_remaining"]) == (
        "paid", 9000, 9000, 0,
    )  # fmt: skip
    assert [(line["amount"], line["quantity"], line["price"]) for line in invoice["lines"]] == [
        (5000, 2, price["id"]), (4500, 3, None), (-500, 1, None),
    ]  # fmt: skip
    assert [line["description"] for line in invoice["lines"]][1:] == ["Hours", "Thanks"]
    assert (invoice["metadata"], invoice["description"], invoice["billing_reason"]) == (
        {"job": "7"}, "Project", "manual",
    )  # fmt: skip
    (paid,) = invoice["payments"]
    assert (paid["amount_paid"], paid["payment_method"]["last4"], paid["payment_status"]) == (9000, "4242", "succeeded")
    payment = scene.api.found(f"/payments/{paid['payment']}")
    assert (payment["invoice"], payment["amount_received"], payment["amount_refunded"]) == (invoice["id"], 9000, 0)
    assert payment["payment_method"]["brand"] == "visa"
    before = scene.api.found(f"/invoices/{invoice['id']}")
    scene.deliveries.flush()
    after = scene.api.found(f"/invoices/{invoice['stripe_id']}")
    assert {**after, "updated_at": ""} == {**before, "updated_at": ""}


def test_a_declined_charge_stays_open_and_is_named_and_is_paid_later(scene: Scene) -> None:
    poor(scene)
    answer = charge(scene)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (402, "card_declined")
    invoice = scene.api.found(f"/invoices/{error['invoice']}")
    assert (invoice["status"], invoice["attempt_count"], invoice["next_payment_attempt_at"]) == ("open", 1, None)
    (tried,) = invoice["payments"]
    assert scene.api.found(f"/payments/{tried['payment']}")["failure_code"] == "card_declined"
    again = scene.api.post(f"/invoices/{invoice['id']}/pay", {})
    assert (again.status_code, again.json()["error"]["invoice"]) == (402, invoice["id"])
    good = scene.api.made(
        f"/customers/{scene.customer['id']}/payment-methods", {"payment_method": "pm_card_mastercard"}
    )
    paid = scene.api.made(f"/invoices/{invoice['id']}/pay", {})
    assert (paid["status"], paid["payments"][0]["payment_method"]["last4"]) == ("paid", good["last4"])
    twice = scene.api.post(f"/invoices/{invoice['id']}/pay", {})
    assert (twice.status_code, twice.json()["error"]["code"]) == (409, "invoice_status")


def test_who_has_nothing_to_pay_with_is_told_so(scene: Scene) -> None:
    broke = scene.api.made("/customers", {"name": "No card"})
    lines = [{"amount": 100, "description": "Thing"}]
    answer = scene.api.post("/invoices", {"customer_id": broke["id"], "lines": lines})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (402, "payment_method_missing")
    voided = scene.api.made(f"/invoices/{error['invoice']}/void", {})
    assert (voided["status"], voided["amount_remaining"]) == ("void", 100)
    assert voided["voided_at"]


@pytest.mark.parametrize("how", ["balance", "coupon", "nothing"])
def test_what_needs_no_payment_is_paid(scene: Scene, how: str) -> None:
    customer = f"/customers/{scene.customer['id']}"
    more: dict[str, Any] = {}
    if how == "balance":
        assert scene.api.made(f"{customer}/balance", {"amount": -5000})["balance"] == -5000
    elif how == "coupon":
        coupon: Any = {"id": "ALL", "percent_off": 100, "duration": "once"}
        scene.stripe_client.v1.coupons.create(coupon, scene.account)
        scene.deliveries.flush()
        more["coupon"] = "ALL"
    else:
        more["lines"] = [{"amount": 0, "description": "Nothing"}]
    answer = charge(scene, **more)
    assert (answer.status_code, answer.json()["status"], answer.json()["payments"]) == (201, "paid", [])
    if how == "balance":
        assert scene.api.found(customer)["balance"] == -2000
        assert (answer.json()["starting_balance"], answer.json()["amount_due"]) == (-5000, 0)
    if how == "coupon":
        assert (answer.json()["discount"], answer.json()["total"]) == (3000, 0)


def test_an_invoice_to_be_sent(scene: Scene) -> None:
    answer = charge(scene, collection_method="send_invoice", days_until_due=14)
    invoice = answer.json()
    assert (answer.status_code, invoice["status"], invoice["attempt_count"]) == (201, "open", 0)
    assert invoice["due_at"][:10] == "2026-01-15"
    assert invoice["number"]
    assert "invoice.sent" in [event["type"] for event in scene.deliveries.flush()]
    scene.api.made(f"/invoices/{invoice['id']}/send", {})
    assert "invoice.sent" in [event["type"] for event in scene.deliveries.flush()]
    elsewhere = scene.api.made(f"/invoices/{invoice['id']}/pay", {"paid_out_of_band": True})
    assert (elsewhere["status"], elsewhere["amount_paid"]) == ("paid", 3000)
    refused = scene.api.post("/refunds", {"invoice": invoice["id"]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "payment_not_succeeded")


def test_a_draft_step_by_step(scene: Scene) -> None:
    draft = charge(scene, draft=True).json()
    assert (draft["status"], draft["number"], draft["total"]) == ("draft", "", 3000)
    early = scene.api.post(f"/invoices/{draft['id']}/void", {})
    assert (early.status_code, early.json()["error"]["code"]) == (409, "invoice_status")
    unsent = scene.api.post(f"/invoices/{draft['id']}/send", {})
    assert (unsent.status_code, unsent.json()["error"]["code"]) == (409, "invoice_not_sendable")
    opened = scene.api.made(f"/invoices/{draft['id']}/finalize", {})
    assert (opened["status"], opened["amount_remaining"]) == ("open", 3000)
    assert scene.api.made(f"/invoices/{draft['id']}/pay", {})["status"] == "paid"


def test_with_another_of_the_customers_cards(scene: Scene) -> None:
    body = {"payment_method": "pm_card_amex", "set_default": False}
    method = scene.api.made(f"/customers/{scene.customer['id']}/payment-methods", body)
    assert (method["is_default"], method["brand"]) == (False, "amex")
    paid = charge(scene, payment_method=method["id"]).json()
    assert paid["payments"][0]["payment_method"]["brand"] == "amex"
    stranger = scene.api.made("/customers", {"name": "B", "payment_method": "pm_card_visa"})
    scene.deliveries.flush()
    (theirs,) = scene.api.found(f"/customers/{stranger['id']}/payment-methods")["data"]
    refused = charge(scene, payment_method=theirs["id"])
    assert (refused.status_code, refused.json()["error"]["param"]) == (404, "payment_method")


def test_what_stripe_refuses_leaves_nothing_behind(scene: Scene) -> None:
    before = len(in_stripe(scene))
    lines = [{"amount": 100, "description": "A"}, {"amount": 100, "description": "B"}]
    refused = charge(scene, lines=lines, currency="eur")  # the customer pays in dollars
    assert refused.status_code == 400, refused.content
    assert len(in_stripe(scene)) == before
    assert len(scene.api.found("/invoices")["data"]) == before


def test_prices_that_cannot_be_charged(scene: Scene) -> None:
    recurring = charge(scene, lines=[{"price": scene.price["id"]}])
    assert (recurring.status_code, recurring.json()["error"]["param"]) == (400, "lines[0][price]")
    euro = scene.api.made("/prices", {"product": scene.product["id"], "currency": "eur", "unit_amount": 100})
    mixed = charge(scene, lines=[{"price": one_off(scene)["id"]}, {"price": euro["id"]}])
    assert (mixed.status_code, mixed.json()["error"]["param"]) == (400, "lines[1][price]")


def test_the_same_key_charges_once(scene: Scene) -> None:
    body = {"customer_id": scene.customer["id"], "lines": [{"amount": 700, "description": "Once"}]}
    first = scene.api.made("/invoices", body, key="charge-1")
    again = scene.api.post("/invoices", body, key="charge-1")
    assert (again.json(), again["Idempotent-Replayed"]) == (first, "true")
    assert [row.total for row in in_stripe(scene)].count(700) == 1


def test_lists_and_filters(scene: Scene) -> None:
    charge(scene)
    charge(scene, draft=True)
    found = scene.api.found("/invoices", customer_id=scene.customer["external_id"])["data"]
    assert [(row["status"], row["total"]) for row in found] == [("draft", 3000), ("paid", 3000), ("paid", 4900)]
    of_subscription = scene.api.found("/invoices", subscription=scene.subscription["id"])["data"]
    assert [row["total"] for row in of_subscription] == [4900]
    assert [row["total"] for row in scene.api.found("/invoices", status="draft")["data"]] == [3000]
    page = scene.api.found("/payments", limit=1)
    assert (page["has_more"], page["data"][0]["amount"]) == (True, 3000)
    assert scene.api.found("/payments", invoice=of_subscription[0]["id"])["data"][0]["amount"] == 4900
    assert scene.api.found("/payments", status="canceled")["data"] == []


def test_the_upcoming_invoice_equals_what_comes(scene: Scene) -> None:
    address = f"/subscriptions/{scene.subscription['id']}/upcoming-invoice"
    shown = scene.api.found(address)
    assert (shown["total"], shown["amount_due"], shown["lines"][0]["price"]) == (4900, 4900, scene.price["id"])
    scene.advance(days=32)
    came = scene.api.found("/invoices", subscription=scene.subscription["id"], limit=1)["data"][0]
    assert (came["total"], came["status"]) == (shown["total"], "paid")
    scene.api.made(f"/customers/{scene.customer['id']}/balance", {"amount": -900})
    lowered = scene.api.found(address)
    assert (lowered["total"], lowered["applied_balance"], lowered["amount_due"]) == (4900, -900, 4000)
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    none = scene.api.get(address)
    assert (none.status_code, none.json()["error"]["code"]) == (404, "invoice_upcoming_none")
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": False})
    gone = scene.api.get(address)
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "invoice_upcoming_none")


def test_keys_need_the_scopes(scene: Scene) -> None:
    reader = Api(scene.api.merchant, scopes=["invoices:read", "payments:read"])
    assert reader.get("/invoices").status_code == 200
    assert reader.get("/refunds").status_code == 200
    body = {"customer_id": scene.customer["id"], "lines": [{"amount": 1, "description": "A"}]}
    assert reader.post("/invoices", body).json()["error"]["code"] == "scope_missing"
    assert reader.post("/refunds", {"invoice": "x"}).json()["error"]["code"] == "scope_missing"
