"""One object of Stripe against our rows: it is projected, and what that changes was not as Stripe has it.

So there is no second table of what is mirrored where, and what is compared is what is kept. A dry run takes the
projection back, as is done where nothing has changed: then not even a revision has moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from billingos.common.errors import MissingReference, Unavailable
from billingos.common.events import AppliedObject, ObjectsApplied
from billingos.common.locks import lock, lock_key
from billingos.common.mirrored import database_now, instant, reference
from billingos.common.readahead import forget, mirrored_row, reading_ahead
from billingos.common.registries import StripeObject, mirrored_model, project, publish
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.reconciliation.causes import cause_of
from billingos.reconciliation.differences import OPENS_A_PAGE, Difference, differences
from billingos.reconciliation.models import ComparedObject, Drift, ReconciliationRun
from billingos.reconciliation.snapshots import Key, Snapshot, digest, digest_of, rules_of, snapshots, stamps
from billingos.stripe_gateway.client import NotConnected
from billingos.stripe_gateway.operations import retrieve
from billingos.webhooks.intake import storable
from customers.models import TestClock
from subscriptions.models import CreditNote, Subscription

log = structlog.get_logger(__name__)

TRIES = 10
# Redeeming a coupon changes it, and Stripe makes no event of that. Addresses of pages are made anew for each answer.
UNTOLD = {
    "coupon": ("times_redeemed", "valid"),
    "promotion_code": ("times_redeemed", "active"),
    "invoice": ("hosted_invoice_url", "invoice_pdf"),
    "credit_note": ("pdf",),
}
GONE = "gone"  # in place of a digest: Stripe no longer has it


class _Moved(Exception):
    """Our row was written after Stripe had been asked: the answer may be older than the row."""


class _TakeBack(Exception):
    """What was projected is not to stay."""


@dataclass
class Comparer:
    """Compares, within one run of one merchant."""

    merchant: Merchant
    run: ReconciliationRun

    def ask(self, object_type: str, stripe_id: str) -> StripeObject:
        return told(retrieve(self.merchant, object_type, stripe_id))

    def compare(
        self,
        found: StripeObject | None,
        object_type: str,
        stripe_id: str,
        *,
        asked_at: datetime | None = None,
        cause: Drift.Cause | None = None,
    ) -> ComparedObject:
        """Stores what the object differs in, repaired unless the run is dry; returns how both sides have it then.

        `found` is what Stripe answered after `asked_at` (by PostgreSQL's clock); None: it is to be asked. One that
        cannot be compared is told of, and does not keep the others from it. Raises a BillingError for what keeps all
        from being compared.
        """
        try:
            return self._until_still(found, object_type, stripe_id, asked_at, cause)
        except (Unavailable, NotConnected, OperationalError, InterfaceError):
            raise
        except Exception as error:  # whatever it is: the run goes on
            log.exception("not_compared", object_type=object_type, stripe_id=stripe_id)
            reason = str(error) if isinstance(error, MissingReference) else type(error).__name__
            what = Difference(Drift.Kind.DIFFERENT, Key("not compared", ""), stripes=reason)
            with scope(self.merchant.id):
                self._store({"object": object_type, "id": stripe_id}, [what], Drift.Cause.UNKNOWN, None, repaired=False)
            return self.seen(object_type, stripe_id, None)

    def those_equal(self, objects: Sequence[StripeObject], asked_at: datetime) -> dict[str, ComparedObject]:
        """Of objects of one type, which Stripe was asked for at `asked_at`, those that are the same here, by id: found
        for all of them in one transaction, of which nothing stays. The others are to be compared one by one."""
        merchant_id, object_type = self.merchant.id, objects[0]["object"]
        with scope(merchant_id):
            lock([lock_key(self.merchant.stripe_account_id, one) for one in objects])
            written = stamps(merchant_id, object_type, [one["id"] for one in objects])
            still = [one for one in objects if one["id"] in written and written[one["id"]].updated_at <= asked_at]
            rules, before = rules_of(merchant_id), snapshots(merchant_id, object_type, still)
            after = self._projected_together(object_type, still)
        found: dict[str, ComparedObject] = {}
        for one in still:
            stripe_id = one["id"]
            if after.get(stripe_id) == before[stripe_id]:
                row = found[stripe_id] = self.seen(object_type, stripe_id, None)
                row.theirs, row.ours = digest_theirs(one), digest_of(before[stripe_id], rules)
                row.equal_at = timezone.now()
        return found

    def _projected_together(self, object_type: str, objects: Sequence[StripeObject]) -> dict[str, Snapshot]:
        """How all would be then; nothing where one of them cannot be projected."""
        merchant_id, after = self.merchant.id, dict[str, Snapshot]()
        try:
            with transaction.atomic(), reading_ahead(merchant_id, objects):
                for one in objects:
                    undo_endings(merchant_id, one)
                    project(merchant_id, one)
                after = snapshots(merchant_id, object_type, objects)
                raise _TakeBack
        except _TakeBack:
            pass
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is: which object it comes of is found out one by one
            log.info("not_compared_together", object_type=object_type, error=f"{type(error).__name__}: {error}"[:300])
        return after

    def seen(self, object_type: str, stripe_id: str, known: ComparedObject | None) -> ComparedObject:
        """What is known of the object, as this run has seen it too."""
        row = known or ComparedObject(merchant_id=self.merchant.id, object_type=object_type, stripe_id=stripe_id)
        row.run_id = self.run.id
        return row

    def _until_still(
        self,
        found: StripeObject | None,
        object_type: str,
        stripe_id: str,
        asked_at: datetime | None,
        cause: Drift.Cause | None,
    ) -> ComparedObject:
        """An answer that a webhook has overtaken is asked for again; what the object points to is asked for once."""
        needed: dict[tuple[str, str], StripeObject] = {}
        moved = 0
        while moved < TRIES:
            if found is None:
                asked_at = database_now()
                found = self.ask(object_type, stripe_id)
            try:
                return self._compare(found, asked_at or database_now(), list(needed.values())[::-1], cause)
            except _Moved:
                found, moved = None, moved + 1
            except MissingReference as missing:
                wanted = (missing.object_type, missing.stripe_id)
                if wanted in needed:  # Stripe has said what it has of it, and that was not enough
                    raise
                needed[wanted] = self.ask(*wanted)
        raise Unavailable(f"{object_type} {stripe_id} is changing too fast to be compared.", retry_after=60)

    def _compare(
        self, found: StripeObject, asked_at: datetime, needed: list[StripeObject], cause: Drift.Cause | None
    ) -> ComparedObject:
        merchant_id, object_type = self.merchant.id, found["object"]
        with scope(merchant_id):
            lock([lock_key(self.merchant.stripe_account_id, one) for one in (*needed, found)])
            stamp = stamps(merchant_id, object_type, [found["id"]]).get(found["id"])
            if stamp and stamp.updated_at > asked_at:
                raise _Moved
            rules = rules_of(merchant_id)
            before = snapshots(merchant_id, object_type, [found])[found["id"]]
            rows = ComparedObject.objects.for_merchant(merchant_id).filter(object_type=object_type)
            known = rows.filter(stripe_id=found["id"], equal_at__isnull=False).first()
            changed, after = self._project(found, needed, before, keep=False)
            theirs, ours = digest_theirs(found), digest_of(before, rules)
            if different := [one for one in changed if not is_told_by_nobody(object_type, one)]:
                why = cause or cause_of(
                    merchant_id, found, different, stamp=stamp, known=known, theirs=theirs, ours=ours
                )
                self._store(found, different, why, known, repaired=not self.run.dry_run)
            if changed and not self.run.dry_run:
                _, after = self._project(found, needed, before, keep=True)
        row = self.seen(object_type, found["id"], known)
        if changed and self.run.dry_run:
            return row
        if changed:
            self._tell_the_mirror(found)
        row.theirs, row.ours, row.equal_at = theirs, digest_of(after, rules), timezone.now()
        return row

    def _project(
        self, found: StripeObject, needed: Sequence[StripeObject], before: Snapshot, *, keep: bool
    ) -> tuple[list[Difference], Snapshot]:
        """What becomes different, and how all is then. Nothing of it stays unless it is to `keep`."""
        merchant_id, different, after = self.merchant.id, list[Difference](), before
        try:
            with transaction.atomic():
                for one in needed:
                    if not stamps(merchant_id, one["object"], [one["id"]]):
                        project(merchant_id, one)
                undo_endings(merchant_id, found)
                project(merchant_id, found)
                if found.get("deleted"):
                    bury(merchant_id, found)
                after = snapshots(merchant_id, found["object"], [found])[found["id"]]
                different = differences(before, after, is_gone=bool(found.get("deleted")))
                if not keep:
                    raise _TakeBack
        except _TakeBack:
            pass
        return different, after

    def _store(
        self,
        found: StripeObject,
        different: Sequence[Difference],
        cause: Drift.Cause,
        known: ComparedObject | None,
        *,
        repaired: bool,
    ) -> None:
        now, created = timezone.now(), instant(found.get("created"))
        Drift.objects.bulk_create(
            Drift(
                merchant_id=self.merchant.id,
                run=self.run,
                object_type=found["object"],
                stripe_id=found["id"],
                part=str(one.key),
                field=one.field,
                ours=one.ours,
                stripes=one.stripes,
                kind=one.kind,
                cause=cause,
                object_created_at=created,
                since=known.equal_at if known else created,
                found_at=now,
                repaired_at=now if repaired else None,
            )
            for one in different
        )

    def _tell_the_mirror(self, found: StripeObject) -> None:
        """dj-stripe's tables follow what was repaired."""
        with scope(self.merchant.id):
            clock = TestClock.objects.for_merchant(self.merchant.id).filter(
                stripe_id=reference(found.get("test_clock"))
            )
            at = clock.values_list("frozen_at", flat=True).first() or timezone.now()
        with platform_scope():
            publish(ObjectsApplied((AppliedObject(self.merchant.stripe_account_id, at, found),)))


def told(found: StripeObject) -> StripeObject:
    """The object as PostgreSQL can hold it, and without what Stripe tells nobody of: with what an invoice is to be
    paid, before anybody has tried."""
    found = storable(found)
    if found["object"] == "invoice" and found.get("status") != "paid" and not found.get("attempt_count"):
        return {name: value for name, value in found.items() if name != "payments"}
    return found


def is_told_by_nobody(object_type: str, one: Difference) -> bool:
    """Whether Stripe has no event for such a change: it is taken over, and nobody is to blame."""
    return not one.key.kind and one.field in UNTOLD.get(object_type, ())


def digest_theirs(found: StripeObject) -> str:
    if found.get("deleted"):
        return GONE
    return digest({name: value for name, value in found.items() if name not in OPENS_A_PAGE})


def undo_endings(merchant_id: UUID, found: StripeObject) -> None:
    """To a projection what has ended stays so, as an old event may come after it. Stripe's answer of now is not old:
    what has ended here and not there has not; nor has what stands within it."""
    for payment in (found.get("payments") or {}).get("data", []) if found["object"] == "invoice" else ():
        undo_endings(merchant_id, payment)
    model: Any = mirrored_model(found["object"])
    if model is None or found.get("deleted"):
        return
    row: Any = mirrored_row(model, merchant_id, found["id"])
    if row is None:
        return
    columns: dict[str, Any] = {"deleted_at": None} if row.deleted_at else {}
    status = found.get("status")
    has_ended = getattr(row, "has_ended", False) or getattr(row, "status", None) == CreditNote.Status.VOID
    if has_ended and status and status != getattr(row, "status", status):
        columns["status"] = status
    if columns:
        model.objects.for_merchant(merchant_id).filter(stripe_id=found["id"]).update(**columns)
        forget()


def bury(merchant_id: UUID, found: StripeObject) -> None:
    """Of some types no deletion is known to Stripe, nor to the projections; yet what is gone is marked so. A
    subscription has ended, which says it."""
    model = mirrored_model(found["object"])
    if model and model is not Subscription:
        rows = model.objects.for_merchant(merchant_id).filter(stripe_id=found["id"], deleted_at=None)
        rows.update(deleted_at=timezone.now())
