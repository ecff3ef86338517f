"""`manage.py seed_demo`: the demo merchants, over a running BillingOS with the Stripe simulator."""

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from billingos.common.errors import BillingError
from billingos.demo.seeding import seed
from billingos.embedded.state import write_private


class Command(BaseCommand):
    help = "Makes the demo merchants and their customers through the API, and .billingos/demo.json. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_MODE:
            raise CommandError("The demo is made only where BILLINGOS_DEMO=1 and Stripe is the simulator.")
        path = settings.STATE_DIR / "demo.json"
        known = json.loads(path.read_text()) if path.is_file() else {}
        try:
            seed(known, self._say, lambda document: write_private(path, json.dumps(document, indent=2)))
        except (BillingError, OSError) as error:
            raise CommandError(f"The demo is not complete: {error}. Run this command again.") from error

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
