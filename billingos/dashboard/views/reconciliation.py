"""How far PostgreSQL is what Stripe says: runs, what they found, and one more now."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet, Value
from django.db.models.functions import Concat, StrIndex, Substr
from django.http import HttpResponseBase

from billingos.common.errors import NotFound
from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants.roles import EXPORT, WEBHOOKS_REPLAY
from billingos.reconciliation.models import Drift, ReconciliationRun
from billingos.reconciliation.selectors import drifts, runs, standing_alert
from billingos.reconciliation.services import request_run
from billingos.reconciliation.tasks import wake
from billingos.ui.listing import NEWEST, Filter, Listing
from billingos.ui.statuses import words

MOST_FIELDS = 8
KINDS = {
    Drift.Kind.DIFFERENT: "Not the same",
    Drift.Kind.MISSING_HERE: "Missing here",
    Drift.Kind.MISSING_THERE: "Missing in Stripe",
}
CAUSES = {
    Drift.Cause.EVENT_NEVER_CAME: "Event never came",
    Drift.Cause.EVENT_FAILED: "Event failed",
    Drift.Cause.EVENT_WAITS: "Event waits",
    Drift.Cause.CHANGED_HERE: "Changed here",
    Drift.Cause.UNKNOWN: "Not known",
}
TYPES = {"payment_intent": "Payment", "entitlements.feature": "Feature", "test_helpers.test_clock": "Test clock"}
KIND = Filter("kind", "What", [(kind.value, KINDS[kind]) for kind in Drift.Kind])
CAUSE = Filter("cause", "Cause", [(cause.value, CAUSES[cause]) for cause in Drift.Cause if cause.value])
EXPORTED = (
    "object_type", "stripe_id", "part", "field", "ours", "stripes", "kind", "cause", "since", "found_at", "repaired_at",
)  # fmt: skip
COLUMNS: Mapping[str, Callable[[Drift], Any]] = {name: attrgetter(name) for name in EXPORTED}


@dataclass(frozen=True, slots=True)
class Found:
    """One kind of difference, and how often a run found it."""

    words: str
    count: int


@dataclass(frozen=True, slots=True)
class Row:
    """One difference in words."""

    drift: Drift
    title: str
    part: str
    ours: str
    stripes: str
    cause: str


@merchant_page("reconciliation")
def reconciliation(visit: Visit) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    listing = Listing(visit.request, orders=(NEWEST,), filters=[])
    with scope(merchant_id):
        page = listing.page(runs(merchant_id))
        alert = standing_alert(merchant_id)
    context = {
        "listing": listing,
        "page": page,
        "alert": alert,
        "under_way": any(run.status == ReconciliationRun.Status.RUNNING for run in page.rows),
        "may_run": visit.may(WEBHOOKS_REPLAY) and visit.merchant.is_connected,
    }
    return visit.render("dashboard/reconciliation/list.html", context)


@merchant_page("reconciliation")
def reconciliation_run(visit: Visit, run_id: UUID) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    listing = Listing(visit.request, orders=(NEWEST,), filters=[KIND, CAUSE])
    with visit.told(), scope(merchant_id):
        run = runs(merchant_id).filter(id=run_id).first()
        if run is None:
            raise NotFound("No such run.")

    def found() -> QuerySet[Drift]:
        chosen = {key: value for key in ("kind", "cause") if (value := listing.value(key))}
        rows = drifts(merchant_id, run=run, **chosen)
        return rows.filter(stripe_id=listing.search) if listing.search else rows

    if listing.wants_csv:
        visit.demand(EXPORT)
        return listing.csv("drifts", found, COLUMNS, lambda: scope(merchant_id))
    with scope(merchant_id):
        page = listing.page(found())
        fields = by_field(drifts(merchant_id, run=run)) if run.drift_count else []
    context = {
        "run": run,
        "listing": listing,
        "page": page,
        "rows": [row_of(drift) for drift in page.rows],
        "fields": fields[:MOST_FIELDS],
        "more_fields": len(fields) - MOST_FIELDS,
        "checked": sorted((type_words(kind), count) for kind, count in run.checked.items() if count),
        "can_export": visit.may(EXPORT),
    }
    return visit.render("dashboard/reconciliation/detail.html", context)


@merchant_page("reconciliation", needs=WEBHOOKS_REPLAY, methods=("POST",))
def run_reconciliation(visit: Visit) -> HttpResponseBase:
    asked = None
    with visit.told():
        asked = request_run(merchant=visit.merchant, dry_run="dry_run" in visit.request.POST, by=visit.user)
        wake(visit.merchant.id, asked.id)
    return visit.redirect("reconciliation_run", run_id=asked.id) if asked else visit.redirect("reconciliation")


def by_field(rows: QuerySet[Drift]) -> Sequence[Found]:
    """What differed how often, the most frequent first."""
    counts: dict[str, int] = {}
    kind_of_part = Substr("part", 1, StrIndex(Concat("part", Value(" ")), Value(" ")) - 1)  # it names which, too
    grouped = rows.order_by().annotate(kind_of_part=kind_of_part)
    told = grouped.values_list("object_type", "kind_of_part", "field", "kind").annotate(count=Count("id"))
    for object_type, part, field, kind, count in told:
        text = field_words(object_type, part, field, kind)
        counts[text] = counts.get(text, 0) + count
    return [Found(text, count) for text, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


def field_words(object_type: str, part: str, field: str, kind: str) -> str:
    """Customer: email. Subscription: item missing here."""
    what = words(part.partition(" ")[0]).lower() if part else ""
    is_whole = kind != Drift.Kind.DIFFERENT and object_type != "event"
    rest = " ".join(filter(None, (what, KINDS[Drift.Kind(kind)].lower() if is_whole else field.replace("_", " "))))
    return f"{type_words(object_type)}: {rest}" if rest else type_words(object_type)


def row_of(drift: Drift) -> Row:
    return Row(
        drift,
        field_words(drift.object_type, drift.part, drift.field, drift.kind),
        drift.part.partition(" ")[2],
        "here" if drift.kind == Drift.Kind.MISSING_THERE else value_words(drift.ours),
        "there" if drift.kind == Drift.Kind.MISSING_HERE and not drift.stripes else value_words(drift.stripes),
        CAUSES[Drift.Cause(drift.cause)],
    )


def value_words(value: Any) -> str:
    """As people read it: nothing, a yes or no, text, what an event is about; else JSON."""
    if value in (None, ""):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict) and value.keys() >= {"object", "id"}:
        return f"{type_words(value['object']).lower()} {value['id']}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def type_words(object_type: str) -> str:
    return TYPES.get(object_type) or words(object_type)
