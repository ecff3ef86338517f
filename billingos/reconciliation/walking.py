"""A run: Stripe's lists one after the other, page by page, each page against our rows.

A page's outcome is committed with the place that the run has come to. A run that is killed goes on there: what was
repaired before is found equal then, so that nothing is lost or told twice.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from billingos.common.errors import InvalidRequest
from billingos.common.mirrored import database_now
from billingos.common.registries import StripeObject, mirrored_model
from billingos.common.tenancy import scope
from billingos.merchants.models import ConnectedAccount
from billingos.reconciliation.alerting import alert_of
from billingos.reconciliation.comparing import GONE, Comparer, digest_theirs, told
from billingos.reconciliation.missed import make_up_for, missed, under_way
from billingos.reconciliation.models import ComparedObject, Drift, ReconciliationRun
from billingos.reconciliation.snapshots import digest_of, rules_of, snapshots
from billingos.stripe_gateway.listing import LISTS, Leg, Page, is_told_of, legs, list_page, plain_legs

EVENTS = Leg("event")
ACCOUNT = "account"
# Payment methods have no list of their own: they are compared through their events.
OBJECTS = tuple(kind for kind in LISTS if kind not in {"event", "payment_method"})
# Those whose lists can be asked for what was made lately.
BY_AGE = tuple(kind for kind in OBJECTS if kind not in {"entitlements.feature", "test_helpers.test_clock"})
# What was equal, and has not changed since on either side, is projected anew after that.
TRUSTED_FOR = timedelta(days=7)
ASKED_AT_ONCE = 50
TOGETHER = 20  # objects of one transaction, whose customers' webhooks wait for it
Compared = list[ComparedObject]


@dataclass
class Walk:
    """One run on its way. `deadline` (of the monotonic clock) is when it leaves the rest to another process."""

    comparer: Comparer
    deadline: float | None = None

    @property
    def run(self) -> ReconciliationRun:
        return self.comparer.run

    def go(self) -> bool:
        """Whether the run has come to its end. Raises a BillingError where Stripe cannot be asked."""
        done: list[str] = self.run.cursor.setdefault("done", [])
        for name, steps in self._legs():
            if name in done:
                continue
            for _ in steps:
                if self._has_to_leave():
                    return False
            done.append(name)
            self._come_to(name, "", [], {})
            if self._has_to_leave():
                return False
        return True

    def _has_to_leave(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline

    def _legs(self) -> Iterator[tuple[str, Iterator[None]]]:
        """The lists with a name each, and what is gone after all of a type were seen."""
        yield EVENTS.name, self._walk(EVENTS)
        if self.run.kind == ReconciliationRun.Kind.INCREMENTAL:
            for leg in (leg for kind in BY_AGE for leg in plain_legs(kind)):
                yield leg.name, self._walk(leg)
            return
        yield ACCOUNT, self._compare_account()
        for kind in OBJECTS:
            if f"gone {kind}" in self.run.cursor["done"]:
                continue  # its test clocks need not be asked for
            for leg in legs(self.comparer.merchant, (kind,)):
                yield leg.name, self._walk(leg)
            yield f"gone {kind}", self._look_for_the_gone(kind)

    def _walk(self, leg: Leg) -> Iterator[None]:
        """Page after page, from where the run has come to."""
        after, more = self._after(leg.name), True
        while more:
            asked_at = database_now()
            page = self._page(leg, after)
            more = page.more and bool(page.objects)
            after = page.objects[-1]["id"] if page.objects else after
            if leg == EVENTS:
                self.run.cursor.setdefault("events_asked_at", asked_at.isoformat())
                compared = self._compare_events(page.objects)
            else:
                compared = self._compare_page(leg.object_type, [told(one) for one in page.objects], asked_at)
            self._come_to(leg.name, after, compared, {leg.object_type: len(page.objects)})
            if more:
                yield

    def _page(self, leg: Leg, after: str) -> Page:
        """From the beginning again if the object that the run has come to is gone."""
        filters = {**leg.filters, **self._lately(leg)}
        try:
            return list_page(self.comparer.merchant, leg.object_type, filters, after=after)
        except InvalidRequest:
            if not after:
                raise
            return list_page(self.comparer.merchant, leg.object_type, filters)

    def _after(self, name: str) -> str:
        return str(self.run.cursor.get("after", "")) if self.run.cursor.get("list") == name else ""

    def _lately(self, leg: Leg) -> dict[str, Any]:
        """An incremental run asks for what is young. Events on test clocks bear the clock's time: of these all are
        looked at, which in live mode are none."""
        if self.run.since is None or (leg == EVENTS and not settings.STRIPE_LIVE_MODE):
            return {}
        return {"created": {"gte": int(self.run.since.timestamp())}}

    def _compare_events(self, events: Sequence[StripeObject]) -> Compared:
        compared: dict[tuple[str, str], ComparedObject] = {}
        for event in missed(self.comparer, events):
            make_up_for(self.comparer, event, compared)
        return list(compared.values())

    def _compare_page(self, object_type: str, objects: Sequence[StripeObject], asked_at: datetime) -> Compared:
        """Few statements for what is as it was when both were last found equal; the rest one by one."""
        merchant_id, ids = self.comparer.merchant.id, [one["id"] for one in objects]
        with scope(merchant_id):
            rules = rules_of(merchant_id)
            here = snapshots(merchant_id, object_type, objects)
            rows = ComparedObject.objects.for_merchant(merchant_id)
            known = {row.stripe_id: row for row in rows.filter(object_type=object_type, stripe_id__in=ids)}
            drifts = self.run.drifts.filter(object_type=object_type, stripe_id__in=ids)
            told_of = set(drifts.values_list("stripe_id", flat=True))
        compared: Compared = []
        doubtful: list[StripeObject] = []
        for one in objects:
            row = known.get(one["id"])
            if not here[one["id"]] and not is_told_of(one):
                continue
            is_left_so = self.run.dry_run and one["id"] in told_of
            if is_left_so or _is_as_it_was(row, digest_theirs(one), digest_of(here[one["id"]], rules)):
                compared.append(self.comparer.seen(object_type, one["id"], row))
            else:
                doubtful.append(one)
        return compared + self._compare_doubtful(object_type, doubtful, asked_at)

    def _compare_doubtful(self, object_type: str, objects: Sequence[StripeObject], asked_at: datetime) -> Compared:
        """Some together, as most are equal after all; those that are not one by one."""
        compared: Compared = []
        different: list[str] = []
        for start in range(0, len(objects), TOGETHER):
            chunk = objects[start : start + TOGETHER]
            equal = self.comparer.those_equal(chunk, asked_at)
            for one in chunk:
                row = equal.get(one["id"])
                if row is None:
                    different.append(one["id"])
                    row = self.comparer.compare(one, object_type, one["id"], asked_at=asked_at)
                compared.append(row)
        if different:
            self._reconsider(object_type, different)
        return compared

    def _reconsider(self, object_type: str, stripe_ids: Sequence[str]) -> None:
        """Of what has changed since the run began the event may be on its way still: it did not fail to come."""
        waits, lost = Drift.Cause.EVENT_WAITS, Drift.Cause.EVENT_NEVER_CAME
        with scope(self.comparer.merchant.id):
            rows = self.run.drifts.filter(object_type=object_type, stripe_id__in=stripe_ids, cause=lost)
            if not rows.exists():
                return
        newest = list_page(self.comparer.merchant, EVENTS.object_type).objects
        with scope(self.comparer.merchant.id):
            rows.filter(stripe_id__in=under_way(self.comparer, newest)).update(cause=waits)

    def _compare_account(self) -> Iterator[None]:
        """What Stripe says of the account itself, where it was asked before."""
        merchant = self.comparer.merchant
        with scope(merchant.id):
            here = ConnectedAccount.objects.for_merchant(merchant.id).filter(stripe_id=merchant.stripe_account_id)
            is_here = here.exists()
        if is_here:
            compared = self.comparer.compare(None, "account", str(merchant.stripe_account_id))
            self._come_to(ACCOUNT, "", [compared], {"account": 1})
        yield from ()

    def _look_for_the_gone(self, object_type: str) -> Iterator[None]:
        """What is here and was in none of Stripe's lists is asked for one by one."""
        while stripe_ids := self._unseen(object_type):
            compared = [self.comparer.compare(None, object_type, stripe_id) for stripe_id in stripe_ids]
            self._come_to(f"gone {object_type}", "", compared, {object_type: len(compared)})
            yield

    def _unseen(self, object_type: str) -> list[str]:
        """Of a customer who was deleted all is kept here, though Stripe may have thrown it away with a test clock."""
        model: Any = mirrored_model(object_type)
        if model is None:
            return []
        merchant_id = self.comparer.merchant.id
        with scope(merchant_id):
            compared = ComparedObject.objects.for_merchant(merchant_id).filter(object_type=object_type)
            seen = compared.filter(Q(run_id=self.run.id) | Q(theirs=GONE), stripe_id=OuterRef("stripe_id"))
            rows = model.objects.for_merchant(merchant_id).filter(deleted_at=None, created_at__lt=self.run.started_at)
            if any(one.name == "customer" for one in model._meta.fields):
                rows = rows.exclude(customer__deleted_at__isnull=False)
            found = rows.filter(~Exists(seen)).order_by("id")
            return list(found.values_list("stripe_id", flat=True)[:ASKED_AT_ONCE])

    def _come_to(self, name: str, after: str, compared: Compared, counts: dict[str, int]) -> None:
        """Commits how far the run is, with what it has learned."""
        run = self.run
        for object_type, count in counts.items():
            run.checked[object_type] = run.checked.get(object_type, 0) + count
        run.cursor.update({"list": name, "after": after})
        with scope(self.comparer.merchant.id):
            ComparedObject.objects.bulk_create(
                {(row.object_type, row.stripe_id): row for row in compared}.values(),
                update_conflicts=True,
                unique_fields=["merchant", "object_type", "stripe_id"],
                update_fields=["theirs", "ours", "equal_at", "run_id"],
            )
            before, run.drift_count = run.drift_count, run.drifts.count()
            if run.drift_count > before:  # told at once: a run may take hours, or come to no end
                run.alert = alert_of(run)
            run.save(update_fields=["checked", "cursor", "drift_count", "alert"])


def _is_as_it_was(row: ComparedObject | None, theirs: str, ours: str) -> bool:
    if row is None or row.equal_at is None or row.equal_at < timezone.now() - TRUSTED_FOR:
        return False
    return (row.theirs, row.ours) == (theirs, ours)
