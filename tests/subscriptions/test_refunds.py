"""Refunds, credit notes, the credit balance, and what customers pay with: the answer and the next read are true."""

from typing import Any

import pytest

from tests.scenes import Scene


def bill(scene: Scene) -> dict[str, Any]:
    """The invoice of the first month: 49 dollars, paid."""
    found: dict[str, Any] = scene.api.found("/invoices", subscription=scene.subscription["id"])["data"][0]
    return found


def refused(answer: Any) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def unpaid(scene: Scene) -> dict[str, Any]:
    lines = [{"amount": 3000, "description": "Setup"}]
    body = {"customer_id": scene.customer["id"], "lines": lines, "collection_method": "send_invoice"}
    return scene.api.made("/invoices", body)


def test_a_refund_in_parts_and_no_more_than_was_paid(scene: Scene) -> None:
    invoice = bill(scene)
    (payment,) = scene.api.found("/payments", invoice=invoice["id"])["data"]
    first = scene.api.made("/refunds", {"payment": payment["id"], "amount": 900, "reason": "duplicate"})
    assert (first["amount"], first["status"], first["reason"], first["payment"]) == (
        900, "succeeded", "duplicate", payment["id"],
    )  # fmt: skip
    assert scene.api.found(f"/payments/{payment['id']}")["amount_refunded"] == 900
    over = scene.api.post("/refunds", {"payment": payment["id"], "amount": 4001})
    assert refused(over) == (400, "refund_amount_exceeded", "amount")
    assert "4000" in over.json()["error"]["message"]
    rest = scene.api.made("/refunds", {"invoice": invoice["id"]})
    assert rest["amount"] == 4000
    assert scene.api.found(f"/payments/{payment['stripe_id']}")["amount_refunded"] == 4900
    assert refused(scene.api.post("/refunds", {"invoice": invoice["id"]}))[1] == "refund_amount_exceeded"
    assert [row["amount"] for row in scene.api.found("/refunds", payment=payment["id"])["data"]] == [4000, 900]
    assert [row["amount"] for row in scene.api.found("/refunds", invoice=invoice["id"])["data"]] == [4000, 900]
    assert scene.api.found(f"/refunds/{rest['id']}")["amount"] == 4000
    assert scene.api.found(f"/invoices/{invoice['id']}")["status"] == "paid"


def test_a_refund_made_elsewhere_is_known_to_stripe_though_not_to_us(scene: Scene) -> None:
    (payment,) = scene.api.found("/payments")["data"]
    scene.stripe_client.v1.refunds.create({"payment_intent": payment["stripe_id"], "amount": 4000}, scene.account)
    scene.deliveries.pop()  # lost
    answer = scene.api.post("/refunds", {"payment": payment["id"], "amount": 1000})
    assert answer.status_code == 400
    assert "greater than unrefunded amount" in answer.json()["error"]["message"]


def test_a_refund_that_fails_is_left_to_refund_again(scene: Scene) -> None:
    body = {"payment_method": "pm_card_refundFail"}
    scene.api.made(f"/customers/{scene.customer['id']}/payment-methods", body)
    lines = [{"amount": 1000, "description": "A"}]
    invoice = scene.api.made("/invoices", {"customer_id": scene.customer["id"], "lines": lines})
    refund = scene.api.made("/refunds", {"invoice": invoice["id"]})
    scene.advance(days=1)
    assert scene.api.found(f"/refunds/{refund['id']}")["status"] == "failed"
    assert scene.api.found(f"/payments/{refund['payment']}")["amount_refunded"] == 0


def test_what_was_not_paid_cannot_be_refunded(scene: Scene) -> None:
    invoice = unpaid(scene)
    assert refused(scene.api.post("/refunds", {"invoice": invoice["id"]})) == (409, "payment_not_succeeded", "invoice")


@pytest.mark.parametrize("where", ["refund_amount", "credit_amount", "out_of_band_amount"])
def test_a_credit_note_on_a_paid_invoice_says_where_the_money_goes(scene: Scene, where: str) -> None:
    invoice = bill(scene)
    body = {"invoice": invoice["id"], "amount": 1000, where: 1000, "reason": "order_change", "memo": "Sorry"}
    note = scene.api.made("/credit-notes", body)
    assert (note["amount"], note["post_payment_amount"], note["pre_payment_amount"], note["status"]) == (
        1000, 1000, 0, "issued",
    )  # fmt: skip
    assert (note["memo"], note["reason"]) == ("Sorry", "order_change")
    now = scene.api.found(f"/invoices/{invoice['id']}")
    assert (now["post_payment_credit_notes_amount"], now["credit_notes"][0]["id"]) == (1000, note["id"])
    refunds = scene.api.found("/refunds", invoice=invoice["id"])["data"]
    balance = scene.api.found(f"/customers/{scene.customer['id']}")["balance"]
    if where == "refund_amount":
        assert ([row["stripe_id"] for row in refunds], balance) == (note["refunds"], 0)
    else:
        assert (refunds, balance) == ([], -1000 if where == "credit_amount" else 0)
    over = scene.api.post("/credit-notes", {"invoice": invoice["id"], "amount": 4000, where: 4000})
    assert over.status_code == 400, over.content
    listed = scene.api.found("/credit-notes", customer_id=scene.customer["id"], invoice=invoice["id"])["data"]
    assert [row["id"] for row in listed] == [note["id"]]
    assert scene.api.found(f"/credit-notes/{note['stripe_id']}")["number"] == note["number"]
    assert refused(scene.api.post(f"/credit-notes/{note['id']}/void"))[0] == 400  # what was given back is given back


def test_left_alone_a_credit_note_refunds_the_card(scene: Scene) -> None:
    note = scene.api.made("/credit-notes", {"invoice": bill(scene)["id"], "amount": 700})
    assert len(note["refunds"]) == 1


def test_a_credit_note_on_an_open_invoice_lowers_it_until_it_is_voided(scene: Scene) -> None:
    invoice = unpaid(scene)
    line = invoice["lines"][0]["id"]
    body = {"invoice": invoice["id"], "lines": [{"line": line, "amount": 1000}]}
    shown = scene.api.made("/credit-notes/preview", body)
    assert (shown["total"], shown["pre_payment_amount"], shown["post_payment_amount"]) == (1000, 1000, 0)
    assert scene.api.found("/credit-notes")["data"] == []
    note = scene.api.made("/credit-notes", body)
    lowered = scene.api.found(f"/invoices/{invoice['id']}")
    assert (lowered["amount_due"], lowered["amount_remaining"], lowered["pre_payment_credit_notes_amount"]) == (
        2000, 2000, 1000,
    )  # fmt: skip
    assert scene.api.made(f"/credit-notes/{note['id']}/void", {})["status"] == "void"
    assert scene.api.found(f"/invoices/{invoice['id']}")["amount_remaining"] == 3000
    assert refused(scene.api.post(f"/credit-notes/{note['id']}/void")) == (409, "credit_note_void", "id")
    whole = scene.api.made("/credit-notes", {"invoice": invoice["id"], "amount": 3000})
    assert whole["pre_payment_amount"] == 3000
    assert scene.api.found(f"/invoices/{invoice['id']}")["status"] == "paid"


def test_lines_of_another_invoice_are_not_there(scene: Scene) -> None:
    line = scene.api.found(f"/invoices/{bill(scene)['id']}")["lines"][0]["id"]
    body = {"invoice": unpaid(scene)["id"], "lines": [{"line": line, "amount": 1}]}
    assert refused(scene.api.post("/credit-notes", body)) == (404, "resource_missing", "lines[0][line]")


def test_the_balance_moves_and_its_movements_are_paged(scene: Scene) -> None:
    customer = f"/customers/{scene.customer['id']}"
    moved = scene.api.made(f"{customer}/balance", {"amount": -900, "description": "Goodwill"})
    assert (moved["object"], moved["balance"]) == ("customer", -900)
    assert scene.api.made(f"{customer}/balance", {"amount": 400, "currency": "usd"})["balance"] == -500
    assert scene.api.found(customer)["balance"] == -500
    newest = scene.api.found(f"{customer}/balance-transactions", limit=1)
    assert [(row["amount"], row["ending_balance"]) for row in newest["data"]] == [(400, -500)]
    older = scene.api.found(f"{customer}/balance-transactions", cursor=newest["next_cursor"])
    assert [(row["amount"], row["description"], row["type"]) for row in older["data"]] == [
        (-900, "Goodwill", "adjustment"),
    ]  # fmt: skip
    assert (older["has_more"], older["next_cursor"]) == (False, None)
    assert refused(scene.api.post(f"{customer}/balance", {"amount": 1, "currency": "eur"}))[::2] == (400, "currency")
    assert refused(scene.api.get(f"{customer}/balance-transactions", cursor="nonsense"))[::2] == (400, "cursor")
    unknown = scene.api.get(f"{customer}/balance-transactions", cursor="cbtxn_unknown")
    assert unknown.status_code == 400, unknown.content
    scene.advance(days=32)
    assert bill(scene)["amount_due"] == 4400


def test_cards_come_become_the_default_and_go(scene: Scene) -> None:
    address = f"/customers/{scene.customer['id']}/payment-methods"
    (first,) = scene.api.found(address)["data"]
    assert (first["last4"], first["is_default"]) == ("4242", True)
    second = scene.api.made(address, {"payment_method": "pm_card_mastercard"})
    assert (second["brand"], second["is_default"]) == ("mastercard", True)
    assert [row["is_default"] for row in scene.api.found(address)["data"]] == [True, False]
    customer = scene.api.found(f"/customers/{scene.customer['id']}")
    assert customer["default_payment_method_id"] == second["stripe_id"]
    at_stripe = scene.stripe_client.v1.subscriptions.retrieve(scene.subscription["stripe_id"], None, scene.account)
    assert at_stripe.default_payment_method == second["stripe_id"]
    gone = scene.api.request("DELETE", f"{address}/{second['id']}")
    assert gone.json() == {"id": second["id"], "object": "payment_method", "deleted": True}
    assert [row["id"] for row in scene.api.found(address)["data"]] == [first["id"]]
    assert scene.api.found(f"/customers/{scene.customer['id']}")["default_payment_method_id"] == ""
    assert scene.api.request("DELETE", f"{address}/{second['id']}").status_code == 404
    declined = scene.api.post(address, {"payment_method": "pm_card_visa_chargeDeclined"})
    assert declined.status_code == 402, declined.content
    assert refused(scene.api.post(address, {"payment_method": "pm_unknown"}))[0] == 400


def test_a_card_of_another_customer_is_not_there(scene: Scene) -> None:
    other = scene.api.made("/customers", {"name": "B", "payment_method": "pm_card_visa"})
    scene.deliveries.flush()
    (theirs,) = scene.api.found(f"/customers/{other['id']}/payment-methods")["data"]
    address = f"/customers/{scene.customer['id']}/payment-methods/{theirs['id']}"
    assert scene.api.request("DELETE", address).status_code == 404
