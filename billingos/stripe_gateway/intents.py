"""Dual-write: intent committed, Stripe called, answer projected. Whoever dies in between is finished by another."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from billingos.common.errors import BillingError, Conflict, StripeUnavailable
from billingos.common.ids import uuid7
from billingos.common.locks import held
from billingos.common.registries import mirrored_model
from billingos.common.tenancy import platform_scope, scope
from billingos.stripe_gateway.client import NotConnected, options_for, refuse_inside_transaction
from billingos.stripe_gateway.models import WriteIntent
from billingos.stripe_gateway.operations import (
    OBJECTS,
    TAKEN_BACK_BY,
    Call,
    made_by_intent,
    resolved,
    resolved_target,
    send,
)
from billingos.stripe_gateway.settling import revision_of, settle
from billingos.stripe_gateway.traffic import refuse_while_open

if TYPE_CHECKING:
    from billingos.merchants.models import Merchant

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=90)  # before the sweep looks at it; longer than Stripe's time-out with its retry
KEY_LIFE = timedelta(hours=23)  # Stripe forgets idempotency keys after 24
RETENTION = timedelta(days=30)
CALLERS_KEY_LIFE = timedelta(hours=24)  # as long as an answer is kept (billingos.api.idempotency)
Status = WriteIntent.Status
Plan = Sequence[Call] | Callable[[], Sequence[Call]]
ENDINGS = {"subscriptions.cancel", "customers.delete", "coupons.delete"}
NO_ROW_LEFT = (".delete", ".detach")
WITHOUT_METADATA = {"products.features.create", "subscription_schedules.create", "meters.create"}


def execute(
    *,
    merchant: "Merchant",
    calls: Plan,
    key: str | None = None,
    claim: str | None = None,
    check: Callable[[], None] | None = None,
    request: Any = None,
) -> list[Any]:
    """The rows that `calls` lead to, one after the other (None where BillingOS keeps no row).

    `key` is the caller's Idempotency-Key: with one that was seen before, the stored calls are finished instead of new
    ones begun. Calls that depend on how things stand may be given as a function, inside the merchant's scope: when a
    request is resumed things stand differently, and it is not asked. Where calls depend on more than what was asked for
    (the time, how things stood), `request` (JSON) is what must be the same then. `claim` names what nobody else may be
    creating or changing meanwhile; once it is held, `check` may still refuse (it is not asked again when a request is
    resumed). Raises a BillingError for Stripe's refusal, whose `made` has the rows of the calls before the refused one;
    those after it are not made, and what was made for them only (TAKEN_BACK_BY) is taken back.
    """
    refuse_inside_transaction()
    options_for(merchant)  # refuses a merchant without an account before anything is written
    refuse_while_open()
    group = uuid7()
    with held(_lock_name(merchant, key or str(group))) as mine:
        if not mine:
            raise Conflict("A request with this Idempotency-Key is still under way.", code="idempotency_in_flight")
        intents, resumed = _begin(merchant, calls, key, group, claim, check, request)
        rows = _carry_out_all(merchant, intents, resumed=resumed)
    if any(_is_gone(intent, row) for intent, row in zip(intents, rows, strict=True)):
        raise Conflict("What this request has made was deleted since.", code="deleted_since")
    return rows


def _carry_out_all(merchant: "Merchant", intents: Sequence[WriteIntent], *, resumed: bool) -> list[Any]:
    rows: list[Any] = []
    for intent in intents:
        try:
            rows.append(_carry_out(merchant, intent, intents, resumed=resumed))
        except BillingError as error:
            error.made = rows
            raise
    return rows


def leave_to_sweep(*, merchant_id: UUID, calls: Sequence[Call], key: str) -> bool:
    """Commits `calls` together with the caller's transaction (inside the merchant's scope), for the sweep to make;
    False if calls with this key are known: they were made, or someone is at it."""
    rows = WriteIntent.objects.for_merchant(merchant_id).filter(idempotency_key=key)
    if rows.exists():
        return False
    group = uuid7()
    intents = [_intent(merchant_id, group, step, call, key) for step, call in enumerate(calls)]
    WriteIntent.objects.bulk_create(intents, ignore_conflicts=True)  # whoever came between is at it
    return True


def may_be_done(*, merchant_id: UUID, key: str) -> bool:
    """Whether Stripe has, or may have, or is about to have done anything of the request with this key. Inside the
    merchant's scope."""
    rows = WriteIntent.objects.for_merchant(merchant_id).filter(idempotency_key=key)
    return rows.exclude(status=Status.FAILED).exists()


def _is_gone(intent: WriteIntent, row: Any) -> bool:
    if mirrored_model(intent.object_type) is None or intent.operation.endswith(NO_ROW_LEFT):
        return False
    return row is None or row.deleted_at is not None


def _lock_name(merchant: "Merchant", key: str) -> str:
    return f"intent/{merchant.id}/{key}"


def _begin(
    merchant: "Merchant",
    calls: Plan,
    key: str | None,
    group: UUID,
    claim: str | None,
    check: Callable[[], None] | None,
    request: Any = None,
) -> tuple[list[WriteIntent], bool]:
    hashes = _hashes(calls, request)
    with scope(merchant.id):
        if known := _known(merchant, key):
            if hashes is not None and hashes != [intent.body_hash for intent in known][: len(hashes)]:
                raise Conflict("This Idempotency-Key was used with another request.", code="idempotency_key_reused")
            return _take_over(known), True
        planned = calls() if callable(calls) else calls
        intents = [_intent(merchant.id, group, step, call, key) for step, call in enumerate(planned)]
        if request is not None:
            intents[0].body_hash = _hash_of(request)
        intents[-1].claim = claim  # until the last call is answered
        with _claiming():
            created = WriteIntent.objects.bulk_create(intents)
        if check:
            check()
        return created, False


def _known(merchant: "Merchant", key: str | None) -> list[WriteIntent]:
    """The calls of the request that came with this key before, locked. After a day the key is free again."""
    if key is None:
        return []
    rows = WriteIntent.objects.for_merchant(merchant.id).filter(idempotency_key=key)
    rows.filter(created_at__lt=timezone.now() - CALLERS_KEY_LIFE).update(idempotency_key=None)
    return list(rows.select_for_update().order_by("step"))


def _intent(merchant_id: UUID, group: UUID, step: int, call: Call, key: str | None) -> WriteIntent:
    intent_id = uuid7()
    params = dict(call.params)
    if call.operation.endswith(".create") and call.operation not in WITHOUT_METADATA:
        params["metadata"] = {**params.get("metadata", {}), "billingos_intent": str(intent_id)}
    return WriteIntent(
        id=intent_id,
        merchant_id=merchant_id,
        group=group,
        step=step,
        idempotency_key=key,
        livemode=settings.STRIPE_LIVE_MODE,
        operation=call.operation,
        target=call.target,
        params=params,
        body_hash=_hash(call),
        lease_until=timezone.now() + LEASE,
    )


def _hashes(calls: Plan, request: Any) -> list[str] | None:
    """What tells this request from another under its key; None where that is the caller's to know."""
    if request is not None:
        return [_hash_of(request)]
    return None if callable(calls) else [_hash(call) for call in calls]


def _hash(call: Call) -> str:
    """What tells one call from another; an id that we choose ourselves differs with each try and does not count."""
    params = {name: value for name, value in call.params.items() if name != "id"}
    target = "" if call.operation == "products.features.create" else call.target
    return _hash_of([call.operation, target, params])


def _hash_of(request: Any) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


def _take_over(intents: list[WriteIntent]) -> list[WriteIntent]:
    """Makes intents that another process began ours; after a definite failure the next attempt has a new key. Raises
    Conflict while somebody else holds the claim that ended with them."""
    with _claiming():
        for intent in intents:
            if intent.status == Status.FAILED:
                intent.attempt += 1
            if intent.status != Status.SUCCEEDED:
                intent.status = Status.PENDING
                intent.lease_until = timezone.now() + LEASE
                intent.save(update_fields=["attempt", "status", "lease_until"])
    return intents


@contextlib.contextmanager
def _claiming() -> Iterator[None]:
    """Around what makes intents pending. Raises Conflict if a pending one of somebody else has the same claim."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict("Another request is creating or changing the same thing now.", code="in_flight") from error


def _carry_out(
    merchant: "Merchant", intent: WriteIntent, group: Sequence[WriteIntent], *, resumed: bool, by_caller: bool = True
) -> Any:
    if intent.status == Status.SUCCEEDED:
        return _row(merchant, intent)
    request = _request(merchant, intent, group)
    with scope(merchant.id):
        seen = revision_of(merchant.id, _type_of_target(intent), request.target) if request.target else None
    try:
        answer = _send(merchant, intent, request)
    except StripeUnavailable:
        # The caller is told, and may ask again; of what the sweep does nobody is told: it will ask again itself.
        _end(merchant, intent, Status.UNKNOWN if intent.step == 0 and by_caller else Status.PENDING)
        raise
    except BillingError as error:
        if error.code == "resource_missing" and intent.operation in ENDINGS:
            return _is_over(merchant, intent, request.target)
        _note_refusal(merchant, intent, error)
        raise
    object_type, object_id = answer["object"], answer["id"]
    row = None
    if mirrored_model(object_type):
        # A resumed call is answered from Stripe's memory of the first one: what is true now must be asked for.
        fresh = not resumed
        row = settle(
            merchant, object_type, object_id, answer=answer if fresh else None, seen=seen if fresh else None
        ).row
    _end(merchant, intent, Status.SUCCEEDED, object_type=object_type, object_id=object_id)
    return row


def _note_refusal(merchant: "Merchant", refused: WriteIntent, error: BillingError) -> None:
    """Commits the refusal together with the calls that take back what is of no use without the refused one, and makes
    these; what Stripe does not answer now is left to the sweep."""
    with scope(merchant.id):
        _end(merchant, refused, Status.FAILED, error={"code": error.code, "message": error.message})
        # Who is not let in at all can take nothing back: the request may be asked again, and finds what it has made.
        useless = [] if isinstance(error, NotConnected) else _of_no_use(refused)
        groups = [_plan_taking_back(made) for made in useless]
    for group in groups:
        with contextlib.suppress(BillingError):
            resume(merchant=merchant, group=group)


def _of_no_use(refused: WriteIntent) -> list[WriteIntent]:
    rows = WriteIntent.objects.for_merchant(refused.merchant_id).filter(group=refused.group)
    return list(rows.filter(status=Status.SUCCEEDED, operation__in=TAKEN_BACK_BY))


def _plan_taking_back(made: WriteIntent) -> UUID:
    """The group of the call that does it, under the claim of the request; asked again, the request makes it anew."""
    rows = WriteIntent.objects.for_merchant(made.merchant_id).filter(group=made.group)
    back = _intent(made.merchant_id, uuid7(), 0, Call(TAKEN_BACK_BY[made.operation], target=made.object_id), None)
    back.claim = rows.exclude(claim=None).values_list("claim", flat=True).first()
    back.save()
    made.status = Status.FAILED
    made.save(update_fields=["status"])
    return back.group


def _is_over(merchant: "Merchant", intent: WriteIntent, target: str) -> Any:
    """Stripe ends things by DELETE, which no idempotency key protects: asked again, it knows them no more. What was to
    be ended is over, and the row says so."""
    object_type = _type_of_target(intent)
    row = settle(merchant, object_type, target).row
    _end(merchant, intent, Status.SUCCEEDED, object_type=object_type, object_id=target)
    return row


def _request(merchant: "Merchant", intent: WriteIntent, group: Sequence[WriteIntent]) -> Call:
    """The intent's call, with what those before it have made in its places."""
    done = {other.step: other for other in group if other.status == Status.SUCCEEDED}
    made = {step: other.object_id for step, other in done.items()}
    params = resolved(intent.params, made, lambda step: _row(merchant, done[step]).discount_ids)
    return Call(intent.operation, params, resolved_target(intent.target, made))


def _send(merchant: "Merchant", intent: WriteIntent, request: Call) -> dict[str, Any]:
    """Asks Stripe; for a create whose idempotency key it may have forgotten, looks for the object first."""
    if timezone.now() - intent.created_at > KEY_LIFE:
        since = int((intent.created_at - timedelta(minutes=5)).timestamp())
        if found := made_by_intent(merchant, request, str(intent.id), since):
            return found
    return send(merchant, request, f"{intent.id}:{intent.step}:{intent.attempt}")


def _type_of_target(intent: WriteIntent) -> str:
    return OBJECTS.get(intent.operation.split(".")[0], "")


def _row(merchant: "Merchant", intent: WriteIntent) -> Any:
    model = mirrored_model(intent.object_type)
    if model is None:
        return None
    with scope(merchant.id):
        row = model.objects.filter(merchant_id=merchant.id, stripe_id=intent.object_id).first()
    return row or settle(merchant, intent.object_type, intent.object_id).row


def _end(
    merchant: "Merchant",
    intent: WriteIntent,
    status: Status,
    *,
    object_type: str = "",
    object_id: str = "",
    error: dict[str, str] | None = None,
) -> None:
    intent.status, intent.object_type, intent.object_id, intent.error = status, object_type, object_id, error
    intent.lease_until = timezone.now() if status == Status.PENDING else None
    with scope(merchant.id), transaction.atomic():
        intent.save(update_fields=["status", "object_type", "object_id", "error", "lease_until"])
        if status in {Status.FAILED, Status.UNKNOWN}:  # what was to follow is not made either
            WriteIntent.objects.for_merchant(merchant.id).filter(
                group=intent.group, step__gt=intent.step, status=Status.PENDING
            ).update(status=status, lease_until=None)


def forget_old_intents() -> int:
    """Deletes what ended more than 30 days ago; returns how many. What is unfinished stays."""
    with platform_scope():
        ended = WriteIntent.objects.filter(status__in=[Status.SUCCEEDED, Status.FAILED, Status.UNKNOWN])
        return ended.filter(created_at__lt=timezone.now() - RETENTION).delete()[0]


def abandoned(limit: int = 100) -> list[tuple[UUID, UUID]]:
    """(merchant id, group) of the requests whose process died before Stripe's answer was stored. What was begun in the
    other mode is never finished in this one."""
    with platform_scope():
        rows = WriteIntent.objects.filter(status=Status.PENDING, lease_until__lt=timezone.now())
        rows = rows.filter(livemode=settings.STRIPE_LIVE_MODE)
        return list(rows.order_by("lease_until").values_list("merchant_id", "group").distinct()[:limit])


def resume(*, merchant: "Merchant", group: UUID) -> bool:
    """Finishes a request that its process left half-done; False if a process is at it after all. Raises a BillingError
    if Stripe refuses it."""
    with scope(merchant.id):
        rows = WriteIntent.objects.for_merchant(merchant.id).filter(group=group)
        key = rows.values_list("idempotency_key", flat=True).first()
    with held(_lock_name(merchant, key or str(group))) as mine:
        if not mine:
            return False
        with scope(merchant.id):
            intents = _take_over(list(rows.select_for_update().order_by("step")))
        for intent in intents:
            _carry_out(merchant, intent, intents, resumed=True, by_caller=False)
    log.info("intent_resumed", merchant=str(merchant.id), group=str(group))
    return True
