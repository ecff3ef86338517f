"""Moving subscribers to another version of a product, one after the other, in the background.

Each step is one request to Stripe under a key of its own: whoever dies between Stripe's answer and our commit is
finished by the next worker, and nobody is moved or billed twice.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from billingos.common.errors import BillingError, Conflict, Unavailable
from billingos.common.locks import held
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.client import NotConnected
from billingos.stripe_gateway.intents import execute, may_be_done
from billingos.stripe_gateway.operations import Call
from billingos.stripe_gateway.settling import settle
from subscriptions.models import Subscription, VersionMigration, VersionMigrationStep
from subscriptions.move_selectors import Choice, chosen, goal_of, mrr_after, with_items
from subscriptions.moving import Goal, Move, Obstacle, When, plan_move
from subscriptions.services.changes import change_calls
from subscriptions.services.claims import claim_on

log = structlog.get_logger(__name__)

CHUNK = 20  # steps of one task
Status = VersionMigration.Status
Step = VersionMigrationStep.Status
UNSETTLED = (Step.PENDING, Step.SCHEDULED)
Steps = QuerySet[VersionMigrationStep]


class _Halted(Exception):
    """The migration was paused or canceled meanwhile."""


def start_migration(*, merchant: Merchant, choice: Choice) -> VersionMigration:
    """A migration of the chosen, with a step for each; a worker carries it out. Inside the merchant's scope or not.
    Raises Conflict if there is nobody to move, or another migration of the product is under way."""
    try:
        with scope(merchant.id), transaction.atomic():
            _refuse_while_another_takes_back(choice)
            migration = VersionMigration.objects.create(
                merchant=merchant,
                product_id=choice.target.product_id,
                target=choice.target,
                when=choice.when,
                proration=choice.proration,
            )
            rows = chosen(choice).order_by("id").values_list("id", "currency", "mrr")
            steps = [
                VersionMigrationStep(
                    merchant=merchant, migration=migration, subscription_id=row_id, currency=currency, mrr_before=mrr
                )
                for row_id, currency, mrr in rows
            ]
            if not steps:
                raise Conflict("Nobody is on another version of this product.", code="nothing_to_move")
            VersionMigrationStep.objects.bulk_create(steps, batch_size=1000)
            return migration
    except IntegrityError as error:
        raise _running() from error


def _refuse_while_another_takes_back(choice: Choice) -> None:
    """It would pass over all whose old schedule still stands."""
    steps = VersionMigrationStep.objects.for_merchant(choice.target.merchant_id).filter(status__in=UNSETTLED)
    if steps.filter(migration__product_id=choice.target.product_id, migration__status=Status.CANCELED).exists():
        raise _running()


def _running() -> Conflict:
    return Conflict("Another migration of this product is under way.", code="migration_running")


def pause_migration(*, migration: VersionMigration) -> VersionMigration:
    """No further step is begun. Raises Conflict for one that has ended."""
    return _switch(migration, Status.PAUSED)


def resume_migration(*, migration: VersionMigration) -> VersionMigration:
    """Goes on where it was paused. Raises Conflict for one that has ended."""
    return _switch(migration, Status.RUNNING)


def cancel_migration(*, migration: VersionMigration) -> VersionMigration:
    """Who was not moved yet is not, and what was scheduled for a renewal is taken back, in the background; who was
    moved stays. One that has scheduled all its moves can still be canceled; raises Conflict where nothing is left."""
    with scope(migration.merchant_id):
        row = _switch(migration, Status.CANCELED)
        _skip(_untouched(row))
        return row


def _untouched(migration: VersionMigration) -> Steps:
    """The steps of which Stripe knows nothing. They are taken up in their order: of all that are pending only the first
    may have been begun, by a worker that is at it or has died; that one is finished, and then taken back."""
    pending = _steps(migration).filter(status=Step.PENDING)
    first = pending.order_by("id").first()
    if first and may_be_done(merchant_id=migration.merchant_id, key=_key(first)):
        return pending.exclude(id=first.id)
    return pending


def _switch(migration: VersionMigration, to: Status) -> VersionMigration:
    with scope(migration.merchant_id):
        rows = VersionMigration.objects.for_merchant(migration.merchant_id).select_for_update()
        row = rows.get(id=migration.id)
        if not _may_become(row, to):
            raise Conflict("This migration has ended.", code="migration_ended")
        if row.status != to:
            row.status = to
            row.finished_at = timezone.now() if to == Status.CANCELED else None
            row.save(update_fields=["status", "finished_at"])
        return row


def _may_become(migration: VersionMigration, to: Status) -> bool:
    if migration.status == Status.COMPLETED and to == Status.CANCELED:
        return bool(_steps(migration).filter(status=Step.SCHEDULED).exists())
    return migration.status in {Status.RUNNING, Status.PAUSED, to}


def _skip(steps: Steps) -> None:
    steps.update(status=Step.SKIPPED, reason="migration_canceled", finished_at=timezone.now())


def unfinished(limit: int = 100) -> list[tuple[UUID, UUID]]:
    """(merchant id, migration id) of those that a worker has something to do for."""
    with platform_scope():
        left = VersionMigrationStep.objects.filter(migration_id=OuterRef("id"), status__in=UNSETTLED)
        rows = VersionMigration.objects.filter(Q(status=Status.RUNNING) | Q(status=Status.CANCELED) & Exists(left))
        return list(rows.order_by("id").values_list("merchant_id", "id")[:limit])


def work_off(*, merchant: Merchant, migration_id: UUID, limit: int = CHUNK) -> bool:
    """Carries out up to `limit` steps; whether more are left to do now. Raises the BillingError of what will pass: the
    step stays, and the next worker takes it up where it was left."""
    with held(f"migration/{migration_id}") as mine:
        if not mine:
            return False
        for _ in range(limit):
            step = _next_step(merchant, migration_id)
            if step is None:
                return False
            _carry_out(merchant, step)
    return True


def _next_step(merchant: Merchant, migration_id: UUID) -> VersionMigrationStep | None:
    """The next one of a migration that runs (which has ended when there is none); of a canceled one the next to take
    back, or to finish before."""
    with scope(merchant.id):
        rows = VersionMigration.objects.for_merchant(merchant.id).select_for_update()
        migration = rows.get(id=migration_id)
        wanted = {Status.RUNNING: [Step.PENDING], Status.CANCELED: UNSETTLED}.get(Status(migration.status))
        if wanted is None:
            return None
        steps = _steps(migration).filter(status__in=wanted).select_related("migration__target", "subscription")
        found: VersionMigrationStep | None = steps.order_by("id").first()
        if found is None and migration.status == Status.RUNNING:
            migration.status, migration.finished_at = Status.COMPLETED, timezone.now()
            migration.save(update_fields=["status", "finished_at"])
        return found


def _steps(migration: VersionMigration) -> Steps:
    return VersionMigrationStep.objects.for_merchant(migration.merchant_id).filter(migration=migration)


def _carry_out(merchant: Merchant, step: VersionMigrationStep) -> None:
    act = _move if step.status == Step.PENDING else _take_back
    try:
        act(merchant, step)
    except Obstacle as obstacle:
        _end(step, Step.SKIPPED, reason=obstacle.reason)
    except _Halted:
        _skip_if_canceled(step)
    except BillingError as error:
        if _passes(error):
            raise
        _end(step, Step.FAILED, reason=f"{error.code}: {error.message}")


def _passes(error: BillingError) -> bool:
    """Whether the step is to be tried again, rather than refused: Stripe or the connection is away, somebody else is
    changing the subscription, or the sweep is at the step."""
    return isinstance(error, Unavailable | NotConnected) or error.code in {"in_flight", "idempotency_in_flight"}


def _move(merchant: Merchant, step: VersionMigrationStep) -> None:
    migration, subscription = step.migration, step.subscription
    rows = execute(
        merchant=merchant,
        calls=_planned(step),
        key=_key(step),
        claim=claim_on(subscription),
        check=_unless_halted(migration),
    )
    if migration.when == When.NOW:
        _end(step, Step.MOVED, mrr_after=rows[0].mrr)
    else:
        settle(merchant, "subscription", subscription.stripe_id)  # which knows its schedule then
        schedule_id = rows[0].stripe_id
        _end(step, Step.SCHEDULED, schedule_id=schedule_id, mrr_after=_expected(step, schedule_id))


def _key(step: VersionMigrationStep) -> str:
    return f"migration {step.migration_id} {step.id}"


def _skip_if_canceled(step: VersionMigrationStep) -> None:
    with scope(step.merchant_id):
        _skip(_steps(step.migration).filter(id=step.id, status=Step.PENDING, migration__status=Status.CANCELED))


def _planned(step: VersionMigrationStep) -> Callable[[], list[Call]]:
    """Asked once, inside the scope, when the step is begun: what is found half-done is finished as it was planned."""
    return lambda: change_calls(_plan(step, _goal(step.migration)).change)


def _goal(migration: VersionMigration) -> Goal:
    return goal_of(Choice(migration.target, migration.when, migration.proration))


def _plan(step: VersionMigrationStep, goal: Goal) -> Move:
    """How the subscription is moved from where it is now. Inside the merchant's scope; raises Obstacle."""
    row = with_items(Subscription.objects.for_merchant(step.merchant_id)).get(id=step.subscription_id)
    if row.schedule_id == step.schedule_id:
        row.schedule_id = ""  # the step's own
    return plan_move(row, list(row.items.all()), goal)


def _unless_halted(migration: VersionMigration) -> Callable[[], None]:
    def check() -> None:
        rows = VersionMigration.objects.for_merchant(migration.merchant_id).select_for_update()
        if rows.get(id=migration.id).status != Status.RUNNING:
            raise _Halted

    return check


def _expected(step: VersionMigrationStep, schedule_id: str) -> int | None:
    """The MRR after a renewal to come, as things stand."""
    step.schedule_id = schedule_id
    with scope(step.merchant_id):
        goal = _goal(step.migration)
        try:
            return mrr_after(_plan(step, goal), goal)
        except Obstacle:
            return None


def _take_back(merchant: Merchant, step: VersionMigrationStep) -> None:
    """Unless the renewal was first, or somebody else. What has become of it is noted as with any change of the
    subscription (`settle_scheduled`)."""
    stripe_id = step.subscription.stripe_id
    settle(merchant, "subscription", stripe_id)
    with scope(merchant.id):
        step.refresh_from_db(fields=["status"])
    if step.status == Step.SCHEDULED:
        execute(
            merchant=merchant,
            calls=[Call("subscription_schedules.release", target=step.schedule_id)],
            key=f"{_key(step)} release",
            claim=claim_on(step.subscription),
        )
        settle(merchant, "subscription", stripe_id)


def _end(step: VersionMigrationStep, status: Step, **fields: Any) -> None:
    for name, value in {"status": status, "finished_at": timezone.now(), **fields}.items():
        setattr(step, name, value)
    with scope(step.merchant_id):
        step.save(update_fields=["status", "finished_at", *fields])


def settle_scheduled(*, merchant_id: UUID, subscription_id: UUID) -> None:
    """A move at renewal is done when the subscription is on the version; it is not to be done any more if the
    subscription has ended before, or was let go of by its schedule. Inside the merchant's scope."""
    rows = VersionMigrationStep.objects.for_merchant(merchant_id).filter(
        subscription_id=subscription_id, status=Step.SCHEDULED
    )
    for step in rows.select_related("migration", "subscription"):
        subscription, migration = step.subscription, step.migration
        if subscription.items.filter(version_id=migration.target_id).exists():
            _end(step, Step.MOVED, mrr_after=subscription.mrr)
        elif subscription.has_ended:
            _end(step, Step.SKIPPED, reason="subscription_ended", mrr_after=None)
        elif subscription.schedule_id != step.schedule_id:
            reason = "migration_canceled" if migration.status == Status.CANCELED else "unscheduled"
            _end(step, Step.SKIPPED, reason=reason, mrr_after=None)
