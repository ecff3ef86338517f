"""`manage.py reconcile --merchant SLUG`: is PostgreSQL what Stripe says?"""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from billingos.common.errors import BillingError
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.reconciliation.models import Drift, ReconciliationRun
from billingos.reconciliation.selectors import drifts
from billingos.reconciliation.services import reconcile
from billingos.reconciliation.snapshots import plain

HEADERS = ("object", "id", "field", "here", "in Stripe", "cause", "repaired")
WIDEST = 40  # characters of a cell


class Command(BaseCommand):
    help = (
        "Compares a merchant's rows with Stripe and repairs what differs. "
        "The exit status is 1 if anything did, 0 if nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", required=True, metavar="SLUG", help="whose rows: the slug of its pages")
        kinds = parser.add_mutually_exclusive_group()
        kinds.add_argument("--full", action="store_true", help="compare everything (the default)")
        kinds.add_argument("--incremental", action="store_true", help="compare what is new since the last run")
        parser.add_argument("--dry-run", action="store_true", help="only tell, repair nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        merchant = self._merchant(options["merchant"])
        kinds = ReconciliationRun.Kind
        kind = kinds.INCREMENTAL if options["incremental"] else kinds.FULL
        try:
            run = reconcile(merchant=merchant, kind=kind, dry_run=options["dry_run"])
        except BillingError as error:
            raise CommandError(error.message, returncode=2) from error
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"The database does not answer: {error}", returncode=2) from error
        with scope(merchant.id):
            found = list(drifts(merchant.id, run=run).order_by("id"))
        if options["json"]:
            self.stdout.write(json.dumps({"checked": run.checked, "drifts": [_as_json(drift) for drift in found]}))
        else:
            self._print(run, found)
        if found:
            sys.exit(1)

    def _merchant(self, slug: str) -> Merchant:
        with platform_scope():
            merchant = Merchant.objects.filter(slug=slug).first()
        if merchant is None:
            raise CommandError(f"There is no merchant with the slug {slug!r}.", returncode=2)
        return merchant

    def _print(self, run: ReconciliationRun, found: list[Drift]) -> None:
        rows = [HEADERS, *(_cells(drift) for drift in found)]
        if found:
            widths = [max(len(row[column]) for row in rows) for column in range(len(HEADERS))]
            for row in rows:
                self.stdout.write(
                    "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
                )
        counts = ", ".join(f"{count:,} {kind}" for kind, count in run.checked.items()) or "nothing"
        self.stdout.write(f"Checked: {counts}.")
        what = f"{len(found):,} difference{'' if len(found) == 1 else 's'}" if found else "No difference"
        self.stdout.write(f"{what}{', nothing was repaired' if found and run.dry_run else ''}.")


def _cells(drift: Drift) -> tuple[str, ...]:
    what = f"{drift.part}.{drift.field}".strip(".") if drift.field or drift.part else drift.get_kind_display().lower()
    cells = (
        drift.object_type,
        drift.stripe_id,
        what,
        _short(drift.ours),
        _short(drift.stripes),
        drift.get_cause_display().lower() if drift.cause else "",
        "yes" if drift.repaired_at else "no",
    )
    return cells


def _short(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _as_json(drift: Drift) -> dict[str, Any]:
    names = ("object_type", "stripe_id", "part", "field", "ours", "stripes", "kind", "cause")
    times = ("object_created_at", "since", "found_at", "repaired_at")
    return {name: getattr(drift, name) for name in names} | {name: plain(getattr(drift, name)) for name in times}
