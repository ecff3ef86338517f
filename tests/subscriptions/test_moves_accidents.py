"""A migration outlives whoever works at it: every subscriber is moved once, and billed once at most."""

import itertools
from typing import Any

import pytest

from billingos.common.errors import StripeUnavailable
from billingos.merchants.tasks import resume_write_intents
from billingos.stripe_gateway import intents
from billingos.stripe_gateway.client import client as gateway_client
from subscriptions import tasks
from subscriptions.services import moves
from tests.scenes import Scene
from tests.subscriptions.test_moves import (
    dearer,
    migrate,
    more_subscribers_on_old,
    report,
    stripe_invoices,
    subscription,
    worked_off,
)
from tests.subscriptions.test_versions_in_stripe import Killed, lapse

__all__ = ["dearer"]


def killed_while_working(
    scene: Scene, migration: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *, after: int
) -> None:
    """The worker dies when Stripe has answered the call number `after`, before any of it is written down."""
    real, count = intents._send, itertools.count()

    def dying(*args: Any) -> Any:
        answer = real(*args)
        if next(count) == after:
            raise Killed
        return answer

    monkeypatch.setattr(intents, "_send", dying)
    with pytest.raises(Killed):
        moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"])
    monkeypatch.setattr(intents, "_send", real)


@pytest.mark.parametrize("sweep_first", [True, False])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_worker_dies_between_stripes_answer_and_our_commit(
    scene: Scene, dearer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, after: int, sweep_first: bool
) -> None:
    everybody = [scene.subscription, *more_subscribers_on_old(scene, 2)]
    scene.advance(days=10)
    migration = migrate(scene, when="now", proration="prorate")
    killed_while_working(scene, migration, monkeypatch, after=after)
    if sweep_first:
        lapse(scene.api.merchant)
        resume_write_intents()
    done = worked_off(scene, migration)
    assert (done["status"], done["steps"]["moved"]) == ("completed", 3)
    for row in everybody:
        assert subscription(scene, row["id"])["mrr"] == 5900 * row["items"][0]["quantity"]
        assert len(stripe_invoices(scene, row["stripe_id"])) == 2


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_worker_dies_while_it_schedules(
    scene: Scene, dearer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Between a schedule's creation and its phases, too."""
    more_subscribers_on_old(scene, 1)
    migration = migrate(scene, when="renewal")
    killed_while_working(scene, migration, monkeypatch, after=after)
    assert worked_off(scene, migration)["steps"]["scheduled"] == 2
    schedules = scene.stripe_client.v1.subscription_schedules.list({"limit": 100}, scene.account).data
    assert len(schedules) == 2
    scene.advance(days=32)
    assert {step["status"] for step in report(scene, migration)} == {"moved"}
    assert {step["mrr_after"] for step in report(scene, migration)} == {5900, 11800}


def test_a_worker_dies_before_it_notes_the_step(
    scene: Scene, dearer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: Any, **__: Any) -> None:
        raise Killed

    migration = migrate(scene, when="now", proration="prorate")
    with monkeypatch.context() as patch:
        patch.setattr(moves, "_end", dying)
        with pytest.raises(Killed):
            moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"])
    assert subscription(scene)["mrr"] == 5900
    assert worked_off(scene, migration)["steps"]["moved"] == 1
    assert len(stripe_invoices(scene)) == 2


def test_while_stripe_is_away_the_migration_waits(
    scene: Scene, dearer: dict[str, Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = migrate(scene, when="now")
    truth, settings.STRIPE_API_BASE = settings.STRIPE_API_BASE, "http://127.0.0.1:9"
    gateway_client.cache_clear()
    with pytest.raises(StripeUnavailable):
        moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"])
    tasks.move_subscribers(str(scene.api.merchant.id), migration["id"])  # the task only says so
    assert scene.api.found(f"/migrations/{migration['id']}")["steps"]["pending"] == 1
    settings.STRIPE_API_BASE = truth
    gateway_client.cache_clear()
    woken: list[tuple[str, str]] = []
    monkeypatch.setattr(tasks.move_subscribers, "delay", lambda *args: woken.append(args))
    tasks.wake_migrations()
    assert (str(scene.api.merchant.id), migration["id"]) in woken
    assert worked_off(scene, migration)["steps"]["moved"] == 1


def test_two_workers_do_not_share_a_migration(scene: Scene, dearer: dict[str, Any], committed_db: None) -> None:
    import threading

    from django.db import connection

    more_subscribers_on_old(scene, 2)
    migration = migrate(scene, when="now", proration="prorate")
    start = threading.Barrier(2)

    def work() -> None:
        start.wait()
        while moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"], limit=1):
            pass
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert worked_off(scene, migration)["steps"]["moved"] == 3
    assert len(stripe_invoices(scene)) == 2
