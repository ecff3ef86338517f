"""Moves at renewal that are not to be: taken back with their migration, or by what else is done to a subscription."""

from typing import Any

import pytest

from billingos.common.errors import StripeUnavailable
from billingos.merchants.tasks import resume_write_intents
from billingos.stripe_gateway import intents
from billingos.stripe_gateway.client import NotConnected
from billingos.stripe_gateway.client import client as gateway_client
from subscriptions.services import moves
from tests.scenes import DAY, JANUARY, Scene
from tests.subscriptions.test_moves import (
    dearer,
    migrate,
    more_subscribers,
    more_subscribers_on_old,
    report,
    stripe_invoices,
    subscription,
    unfinished,
    worked_off,
)
from tests.subscriptions.test_moves_accidents import killed_while_working
from tests.subscriptions.test_versions import patched
from tests.subscriptions.test_versions_in_stripe import lapse

__all__ = ["dearer"]


def state_of(scene: Scene, migration: dict[str, Any]) -> tuple[str, str, int | None]:
    (step,) = report(scene, migration)
    return step["status"], step["reason"], step["mrr_after"]


def open_schedules(scene: Scene) -> list[Any]:
    rows = scene.stripe_client.v1.subscription_schedules.list({"limit": 100}, scene.account).data
    return [row for row in rows if row.status in {"active", "not_started"}]


@pytest.mark.parametrize(
    "acts",
    [
        [("unschedule", {})],
        [("change", {"quantity": 3, "when": "now"})],
        [("change", {"quantity": 3, "when": "renewal"})],
        [("cancel", {"at_period_end": True}), ("keep", {})],
    ],
    ids=["unschedule", "change", "change_at_renewal", "cancel_and_keep"],
)
def test_what_else_is_done_to_a_subscription_takes_its_move_back(
    scene: Scene, dearer: dict[str, Any], acts: list[tuple[str, dict[str, Any]]]
) -> None:
    migration = migrate(scene, when="renewal")
    assert worked_off(scene, migration)["steps"]["scheduled"] == 1
    for verb, body in acts:
        scene.api.made(f"/subscriptions/{scene.subscription['id']}/{verb}", body)
    scene.deliveries.flush()
    assert state_of(scene, migration) == ("skipped", "unscheduled", None)
    new = dearer["prices"][0]["id"]
    assert patched(scene.api, f"/prices/{new}", {"unit_amount": 9900})["version"] == 2  # nobody is to get it


def test_another_end_of_the_trial_takes_a_move_back(scene: Scene, dearer: dict[str, Any]) -> None:
    scene.api.request("PATCH", f"/prices/{scene.price['id']}", {"active": True})
    (row,) = more_subscribers(scene, 1, trial_days=10)
    migration = migrate(scene, when="renewal", subscriptions=[row["id"]])
    assert worked_off(scene, migration)["steps"]["scheduled"] == 1
    scene.api.made(f"/subscriptions/{row['id']}/extend-trial", {"trial_end": "2026-01-20T00:00:00Z"})
    scene.deliveries.flush()
    assert state_of(scene, migration) == ("skipped", "unscheduled", None)


def test_a_migration_at_renewal_can_be_canceled_until_the_renewals(scene: Scene, dearer: dict[str, Any]) -> None:
    more_subscribers_on_old(scene, 1)
    migration = migrate(scene, when="renewal")
    assert worked_off(scene, migration)["status"] == "completed"
    canceled = scene.api.made(f"/migrations/{migration['id']}/cancel")
    assert (canceled["status"], canceled["steps"]["scheduled"]) == ("canceled", 2)
    refused = scene.api.post(f"/products/{scene.product['id']}/migrations", {})
    assert refused.json()["error"]["code"] == "migration_running"  # it would find all of them scheduled
    assert worked_off(scene, migration)["steps"]["skipped"] == 2
    assert {step["reason"] for step in report(scene, migration)} == {"migration_canceled"}
    assert open_schedules(scene) == []
    assert worked_off(scene, migrate(scene, when="now"))["steps"]["moved"] == 2


def test_when_all_have_moved_there_is_nothing_to_cancel(scene: Scene, dearer: dict[str, Any]) -> None:
    migration = migrate(scene, when="renewal")
    worked_off(scene, migration)
    scene.advance(days=32)
    refused = scene.api.post(f"/migrations/{migration['id']}/cancel")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "migration_ended")
    assert (subscription(scene)["mrr"], state_of(scene, migration)) == (5900, ("moved", "", 5900))


def test_a_renewal_that_is_faster_than_the_cancellation(scene: Scene, dearer: dict[str, Any]) -> None:
    """Nothing of it has been told yet: the report says what is so in Stripe."""
    migration = migrate(scene, when="renewal")
    worked_off(scene, migration)
    scene.stripe_client.v1.test_helpers.test_clocks.advance(
        scene.clock, {"frozen_time": JANUARY + 32 * DAY}, scene.account
    )
    scene.api.made(f"/migrations/{migration['id']}/cancel")
    worked_off(scene, migration)
    assert (subscription(scene)["mrr"], state_of(scene, migration)) == (5900, ("moved", "", 5900))


def test_what_was_let_go_of_in_stripe_is_taken_back_too(scene: Scene, dearer: dict[str, Any]) -> None:
    migration = migrate(scene, when="renewal")
    worked_off(scene, migration)
    (schedule,) = open_schedules(scene)
    scene.stripe_client.v1.subscription_schedules.release(schedule.id, None, scene.account)
    scene.api.made(f"/migrations/{migration['id']}/cancel")
    worked_off(scene, migration)
    assert state_of(scene, migration) == ("skipped", "migration_canceled", None)


@pytest.mark.parametrize("sweep_first", [True, False])
@pytest.mark.parametrize("after", [0, 1])
def test_canceled_after_a_worker_has_died_while_it_scheduled(
    scene: Scene, dearer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, after: int, sweep_first: bool
) -> None:
    more_subscribers_on_old(scene, 1)
    migration = migrate(scene, when="renewal")
    killed_while_working(scene, migration, monkeypatch, after=after)
    canceled = scene.api.made(f"/migrations/{migration['id']}/cancel")
    assert (canceled["steps"]["pending"], canceled["steps"]["skipped"]) == (1, 1)
    assert (scene.api.merchant.id, migration["id"]) in unfinished()
    if sweep_first:
        lapse(scene.api.merchant)
        resume_write_intents()
    assert worked_off(scene, migration)["steps"]["skipped"] == 2
    assert (scene.api.merchant.id, migration["id"]) not in unfinished()
    lapse(scene.api.merchant)
    resume_write_intents()
    assert open_schedules(scene) == []
    scene.advance(days=32)
    assert subscription(scene)["mrr"] == 4900


@pytest.mark.parametrize("sweep_first", [True, False])
def test_canceled_after_a_worker_has_died_while_it_moved(
    scene: Scene, dearer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, sweep_first: bool
) -> None:
    """Stripe has moved the first one, and nobody knows yet."""
    more_subscribers_on_old(scene, 1)
    scene.advance(days=10)
    migration = migrate(scene, when="now", proration="prorate")
    killed_while_working(scene, migration, monkeypatch, after=0)
    scene.api.made(f"/migrations/{migration['id']}/cancel")
    if sweep_first:
        lapse(scene.api.merchant)
        resume_write_intents()
    done = worked_off(scene, migration)
    assert (done["status"], done["steps"]["moved"], done["steps"]["skipped"]) == ("canceled", 1, 1)
    assert (subscription(scene)["mrr"], len(stripe_invoices(scene))) == (5900, 2)


@pytest.mark.parametrize("lost", ["subscription_schedules.create", "subscription_schedules.update"])
def test_canceled_while_nobody_knows_what_stripe_did(
    scene: Scene, dearer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    real = intents._send

    def losing(merchant: Any, intent: Any, request: Any) -> Any:
        answer = real(merchant, intent, request)
        if request.operation == lost:
            raise StripeUnavailable("Stripe does not answer.")
        return answer

    migration = migrate(scene, when="renewal")
    with monkeypatch.context() as patch:
        patch.setattr(intents, "_send", losing)
        with pytest.raises(StripeUnavailable):
            moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"])
    assert len(open_schedules(scene)) == 1
    scene.api.made(f"/migrations/{migration['id']}/cancel")
    worked_off(scene, migration)
    assert (open_schedules(scene), state_of(scene, migration)[:2]) == ([], ("skipped", "migration_canceled"))


def test_canceled_while_stripe_rejects_our_key(scene: Scene, dearer: dict[str, Any], settings: Any) -> None:
    """What was refused is not tried once more."""
    migration = migrate(scene, when="now")
    truth, settings.STRIPE_SECRET_KEY = settings.STRIPE_SECRET_KEY, "sk_test_rolled"
    gateway_client.cache_clear()
    with pytest.raises(NotConnected):
        moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"])
    assert scene.api.made(f"/migrations/{migration['id']}/cancel")["steps"]["skipped"] == 1
    settings.STRIPE_SECRET_KEY = truth
    gateway_client.cache_clear()
    worked_off(scene, migration)
    assert (subscription(scene)["mrr"], state_of(scene, migration)[1]) == (4900, "migration_canceled")
