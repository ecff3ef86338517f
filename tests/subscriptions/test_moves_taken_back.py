"""Moves at renewal that are not to be: taken back with the whole migration, or by what else is done to a subscription."""

from typing import Any

import pytest

from tests.scenes import Scene
from tests.subscriptions.test_moves import (
    dearer,
    migrate,
    more_subscribers,
    report,
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
