"""`manage.py backfill --merchant SLUG`: all that a merchant's Stripe account holds, into PostgreSQL."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billingos.backfill.models import Backfill, BackfillGap
from billingos.backfill.selectors import latest_backfill
from billingos.backfill.services import start_backfill, work_off_backfill
from billingos.common.errors import BillingError
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant


class Command(BaseCommand):
    help = "Imports all that a merchant's Stripe account holds. Run again after a failure, it goes on where it stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--merchant", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        with platform_scope():
            merchant = Merchant.objects.filter(slug=options["merchant"]).first()
        if merchant is None:
            raise CommandError(f"There is no merchant {options['merchant']!r}.")
        try:
            start_backfill(merchant=merchant)
            work_off_backfill(merchant=merchant, told=self._tell)
        except BillingError as error:
            raise CommandError(f"{error.message} Run this command again to go on.") from error
        with scope(merchant.id):
            row = latest_backfill(merchant.id)
            gaps = BackfillGap.objects.for_merchant(merchant.id).count()
        if row is None or row.status == Backfill.Status.RUNNING:
            raise CommandError("Another process is at this merchant's backfill.")
        self._report(row, gaps)

    def _tell(self, row: Backfill) -> None:
        self.stdout.write(f"{row.percent:3d} %  {row.stage}: {row.counts.get(row.stage, 0)}")
        self.stdout.flush()

    def _report(self, row: Backfill, gaps: int) -> None:
        for object_type, count in row.counts.items():
            self.stdout.write(f"{object_type:24} {count}")
        for problem in row.problems:
            self.stdout.write(f"left out: {problem['object_type']} {problem['stripe_id']}: {problem['reason']}")
        self.stdout.write(f"{gaps} gaps in the history (GET /api/backfill/gaps)")
        self.stdout.write("Done.")
