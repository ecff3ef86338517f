"""A migration outlives whoever works at it: every subscriber is moved once, and billed once at most."""

import itertools
import threading
from typing import Any

import pytest
from django.db import connection

from billingos.common.errors import BillingError, StripeUnavailable, Unavailable
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


@pytest.mark.parametrize("when", ["now", "renewal"])
def test_a_row_that_cannot_be_written_now_is_no_failure(
    scene: Scene, dearer: dict[str, Any], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Stripe has done it; the object changes too fast for us to write it down."""

    def too_fast(*_: Any, **__: Any) -> None:
        raise Unavailable("This object is changing too fast. Try again.")

    scene.advance(days=10)
    migration = migrate(scene, when=when, proration="prorate")
    with monkeypatch.context() as patch:
        patch.setattr(intents, "settle", too_fast)
        with pytest.raises(Unavailable):
            moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"])
        tasks.move_subscribers(str(scene.api.merchant.id), migration["id"])
    steps = worked_off(scene, migration)["steps"]
    assert (steps["moved"], steps["scheduled"], steps["failed"]) == ((1, 0, 0) if when == "now" else (0, 1, 0))
    assert len(stripe_invoices(scene)) == (2 if when == "now" else 1)


def test_a_key_that_stripe_rejects_for_a_while_fails_nobody(
    scene: Scene, dearer: dict[str, Any], settings: Any
) -> None:
    more_subscribers_on_old(scene, 1)
    migration = migrate(scene, when="now")
    truth, settings.STRIPE_SECRET_KEY = settings.STRIPE_SECRET_KEY, "sk_test_rolled"
    gateway_client.cache_clear()
    tasks.move_subscribers(str(scene.api.merchant.id), migration["id"])
    with pytest.raises(BillingError) as waits:
        moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"])
    assert waits.value.code == "stripe_not_connected"
    assert scene.api.found(f"/migrations/{migration['id']}")["steps"]["pending"] == 2
    settings.STRIPE_SECRET_KEY = truth
    gateway_client.cache_clear()
    assert worked_off(scene, migration)["steps"]["moved"] == 2


def test_while_the_sweep_is_at_a_step_the_migration_waits(scene: Scene, dearer: dict[str, Any]) -> None:
    merchant, migration = scene.api.merchant, migrate(scene, when="now")
    (step,) = report(scene, migration)
    name = intents._lock_name(merchant, f"migration {migration['id']} {step['id']}")
    sweep = connection.copy()
    with sweep.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 1))", (name,))
        tasks.move_subscribers(str(merchant.id), migration["id"])
    sweep.close()
    assert worked_off(scene, migration)["steps"]["moved"] == 1


def test_two_workers_do_not_share_a_migration(scene: Scene, dearer: dict[str, Any], committed_db: None) -> None:
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
