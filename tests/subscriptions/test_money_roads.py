"""Charges, refunds and credits over a bad road to Stripe: never twice, and never lost."""

from typing import Any

import pytest

from billingos.merchants.tasks import resume_write_intents
from tests.scenes import Scene
from tests.test_dual_write import Road, road

__all__ = ["road"]


def charged(scene: Scene) -> list[int]:
    """What Stripe has taken from the customer, beside the first month."""
    found = scene.stripe_client.v1.charges.list({"customer": scene.customer["stripe_id"], "limit": 100}, scene.account)
    return sorted(charge.amount for charge in found.data if charge.paid and charge.amount != 4900)


def at_stripe(scene: Scene, kind: str) -> list[int]:
    found = getattr(scene.stripe_client.v1, kind).list({"limit": 100}, scene.account)
    return sorted(row.amount for row in found.data)


BODY: dict[str, Any] = {"lines": [{"amount": 700, "description": "A"}, {"amount": 300, "description": "B"}]}


@pytest.mark.parametrize("lost", [2, 5, 9])
@pytest.mark.parametrize("accident", ["lose_answers", "lose_requests"])
def test_a_charge_is_made_once_whatever_is_lost(scene: Scene, road: type[Road], accident: str, lost: int) -> None:
    """Each of the five calls may lose its answer or its request; the same key finishes the charge."""
    setattr(road, accident, lost)
    body = {"customer_id": scene.customer["id"], **BODY}
    for _ in range(8):
        answer = scene.api.post("/invoices", body, key="k")
        if answer.status_code == 201:
            break
        assert answer.status_code == 503, answer.content
    assert (answer.json()["status"], answer.json()["total"]) == ("paid", 1000)
    assert charged(scene) == [1000]
    resume_write_intents()
    assert charged(scene) == [1000]


def test_a_charge_that_was_broken_off_is_finished_by_the_sweep(scene: Scene, road: type[Road]) -> None:
    """The invoice is made, then the road breaks, and nobody asks again."""

    def break_the_road() -> None:
        road.lose_answers = 50

    def break_it_at_the_next_call() -> None:
        road.meanwhile = staticmethod(break_the_road)

    road.meanwhile = staticmethod(break_it_at_the_next_call)
    answer = scene.api.post("/invoices", {"customer_id": scene.customer["id"], **BODY})
    assert answer.status_code == 503
    road.lose_answers = 0
    assert charged(scene) == []
    resume_write_intents()
    assert charged(scene) == [1000]
    scene.deliveries.flush()
    newest = scene.api.found("/invoices")["data"][0]
    assert (newest["status"], newest["total"]) == ("paid", 1000)


@pytest.mark.parametrize("lost", [1, 2])
@pytest.mark.parametrize("accident", ["lose_answers", "lose_requests"])
def test_a_refund_is_made_once_whatever_is_lost(scene: Scene, road: type[Road], accident: str, lost: int) -> None:
    (payment,) = scene.api.found("/payments")["data"]
    setattr(road, accident, lost)
    for _ in range(4):
        answer = scene.api.post("/refunds", {"payment": payment["id"], "amount": 1500}, key="k")
        if answer.status_code == 201:
            break
        assert answer.status_code == 503, answer.content
    assert answer.json()["amount"] == 1500
    assert at_stripe(scene, "refunds") == [1500]
    assert scene.api.found(f"/payments/{payment['id']}")["amount_refunded"] == 1500


@pytest.mark.parametrize("lost", [1, 2])
def test_a_credit_note_and_a_balance_move_once_whatever_is_lost(scene: Scene, road: type[Road], lost: int) -> None:
    (invoice,) = scene.api.found("/invoices")["data"]
    note = {"invoice": invoice["id"], "amount": 500, "credit_amount": 500}
    for path, body in (("/credit-notes", note), (f"/customers/{scene.customer['id']}/balance", {"amount": -200})):
        road.lose_answers = lost
        for _ in range(4):
            answer = scene.api.post(path, body, key=f"key-of{path}")
            if answer.status_code in {200, 201}:
                break
            assert answer.status_code == 503, answer.content
    assert at_stripe(scene, "credit_notes") == [500]
    assert scene.api.found(f"/customers/{scene.customer['id']}")["balance"] == -700


def test_the_effects_of_a_charge_may_be_out_of_reach(scene: Scene, road: type[Road]) -> None:
    """The charge is made and told; what else it changed comes with its events."""
    body = {"invoice": scene.api.found("/invoices")["data"][0]["id"], "amount": 500, "credit_amount": 500}

    def lose_everything_else() -> None:
        road.lose_gets = True

    road.meanwhile = staticmethod(lose_everything_else)
    answer = scene.api.post("/credit-notes", body)
    road.lose_gets = False
    assert answer.status_code == 201, answer.content
    scene.deliveries.flush()
    assert scene.api.found(f"/customers/{scene.customer['id']}")["balance"] == -500
