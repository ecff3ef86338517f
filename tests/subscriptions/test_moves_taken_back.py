"""Moves at renewal that are not to be: taken back with all of a migration, or by what else is done to a subscription."""

from typing import Any

import pytest

from tests.scenes import DAY, JANUARY, Scene
from tests.subscriptions.test_moves import (
    dearer,
    migrate,
    more_subscribers,
    more_subscribers_on_old,
    report,
    subscription,
    worked_off,
)
from tests.subscriptions.test_versions import patched

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
