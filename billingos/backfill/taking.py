"""A page of Stripe's objects into rows, while webhooks write the same rows.

A page says what was so when it was asked for. A row that was written since may know more, and so may a deletion that
came since: of these Stripe is asked again, one by one, as after a write of our own (`settle`).
"""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction

from billingos.backfill.discounts import know_discounts
from billingos.backfill.stages import Problem
from billingos.common.errors import BillingError, MissingReference, StripeUnavailable
from billingos.common.events import AppliedObject, ObjectsApplied
from billingos.common.locks import lock, lock_key
from billingos.common.mirrored import reference
from billingos.common.readahead import forget, reading_ahead
from billingos.common.registries import StripeObject, mirrored_model, project, publish
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.listing import is_told_of
from billingos.stripe_gateway.settling import settle
from billingos.webhooks.models import WebhookEvent
from customers.models import TestClock
from subscriptions.models import Price
from subscriptions.sync import price_id_of

log = structlog.get_logger(__name__)
CHUNK = 20  # objects of one transaction, whose customers' webhooks wait for it
GONE = (".deleted", ".detached")


def take_in(merchant: Merchant, objects: Sequence[StripeObject], asked_at: datetime) -> list[Problem]:
    """Writes the rows of objects that Stripe was asked for at `asked_at`; what can't be written is answered. Outside of
    any scope. Raises StripeUnavailable; taken in again, the same objects change nothing."""
    problems: list[Problem] = []
    _know_beforehand(merchant, objects, problems)
    for chunk in _chunks([found for found in objects if is_told_of(found)]):
        applied, left = _apply(merchant, chunk, asked_at, problems)
        for found in left:
            try:
                applied.append(settle(merchant, found["object"], found["id"]).object)
            except StripeUnavailable:
                raise
            except BillingError as error:
                problems.append(Problem(found["object"], found["id"], f"{error.code}: {error.message}"))
            except (OperationalError, InterfaceError):
                raise  # the page comes again
            except Exception as error:  # one strange object must not keep an account from being imported
                problems.append(_problem(found, error))
        _mirror(merchant, applied, asked_at)
    return problems


def _know_beforehand(merchant: Merchant, objects: Sequence[StripeObject], problems: list[Problem]) -> None:
    """What no list has, and the objects point to: discounts that have ended, prices that were made for one invoice."""
    known = _prices(merchant, objects)
    for found in objects:
        try:
            know_discounts(merchant, [found])
            for stripe_id in _prices_of(found) - known:
                known.add(stripe_id)  # it is asked for once
                with contextlib.suppress(MissingReference):
                    settle(merchant, "price", stripe_id)
        except (StripeUnavailable, OperationalError, InterfaceError):
            raise
        except Exception as error:  # the object itself is taken in all the same
            problems.append(_problem(found, error))


def _prices(merchant: Merchant, objects: Sequence[StripeObject]) -> set[str]:
    """Those of the invoices' prices that are here."""
    wanted = {stripe_id for found in objects for stripe_id in _prices_of(found)}
    with scope(merchant.id):
        rows = Price.objects.for_merchant(merchant.id).filter(stripe_id__in=wanted)
        return set(rows.values_list("stripe_id", flat=True)) if wanted else set()


def _prices_of(found: StripeObject) -> set[str]:
    lines = found["lines"]["data"] if found["object"] == "invoice" else ()
    return {price_id_of(line) for line in lines} - {""}


def _problem(found: StripeObject, error: Exception) -> Problem:
    log.exception("object_not_backfilled", type=found["object"], stripe_id=found["id"])
    return Problem(found["object"], found["id"], f"{type(error).__name__}: {error}"[:300])


def _chunks(objects: Sequence[StripeObject]) -> Iterator[Sequence[StripeObject]]:
    for start in range(0, len(objects), CHUNK):
        yield objects[start : start + CHUNK]


def _apply(
    merchant: Merchant, chunk: Sequence[StripeObject], asked_at: datetime, problems: list[Problem]
) -> tuple[list[StripeObject], list[StripeObject]]:
    """The objects that became rows, and those to ask for one by one."""
    applied, left = [], []
    with scope(merchant.id):
        lock([lock_key(merchant.stripe_account_id, found) for found in chunk])
        doubtful = _moved_since(merchant.id, chunk, asked_at)
        with reading_ahead(merchant.id, chunk):
            for found in chunk:
                if found["id"] in doubtful:
                    left.append(found)
                    continue
                try:
                    with transaction.atomic():
                        project(merchant.id, found)
                    applied.append(found)
                except MissingReference:
                    forget()
                    left.append(found)
                except (OperationalError, InterfaceError):
                    raise  # the page comes again
                except Exception as error:  # one strange object must not keep an account from being imported
                    forget()
                    problems.append(_problem(found, error))
    return applied, left


def _moved_since(merchant_id: UUID, chunk: Sequence[StripeObject], asked_at: datetime) -> set[str]:
    """Of which objects a row was written, or a deletion came, since Stripe was asked."""
    ids = [found["id"] for found in chunk]
    gone = WebhookEvent.objects.filter(merchant_id=merchant_id, object_id__in=ids, received_at__gte=asked_at)
    moved = {object_id for object_id, kind in gone.values_list("object_id", "type") if kind.endswith(GONE)}
    model = mirrored_model(chunk[0]["object"])
    if model is not None:
        rows = model.objects.filter(merchant_id=merchant_id, stripe_id__in=ids, updated_at__gte=asked_at)
        moved |= set(rows.values_list("stripe_id", flat=True))
    return moved


def _mirror(merchant: Merchant, applied: Sequence[StripeObject], asked_at: datetime) -> None:
    """The raw objects, stamped in the time that their events are stamped in."""
    clocks = {clock for found in applied if (clock := reference(found.get("test_clock")))}
    with scope(merchant.id):
        rows = TestClock.objects.for_merchant(merchant.id).filter(stripe_id__in=clocks)
        times = dict(rows.values_list("stripe_id", "frozen_at"))
    objects = [
        AppliedObject(merchant.stripe_account_id, times.get(reference(found.get("test_clock")), asked_at), found)
        for found in applied
        if not found.get("deleted")
    ]
    with platform_scope():
        publish(ObjectsApplied(tuple(objects)))
