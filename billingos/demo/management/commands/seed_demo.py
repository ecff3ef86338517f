"""`manage.py seed_demo`: the demo merchants, over a running BillingOS with the Stripe simulator."""

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from billingos.common.errors import BillingError
from billingos.demo.seeding import seed


class Command(BaseCommand):
    help = "Makes the demo merchants and their customers through the API, and .billingos/demo.json. Safe to run again."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO_MODE:
            raise CommandError("The demo is made only where BILLINGOS_DEMO=1 and Stripe is the simulator.")
        path = settings.STATE_DIR / "demo.json"
        known = json.loads(path.read_text()) if path.is_file() else {}
        try:
            for document in seed(known, self._say):
                write_private(path, document)
        except (BillingError, OSError) as error:
            raise CommandError(f"The demo is not complete: {error}. Run this command again.") from error
        self._say("demo ready")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def write_private(path: Path, document: dict[str, Any]) -> None:
    """Whole or not at all, and for this user's eyes only: the file holds passwords and keys."""
    draft = path.with_suffix(".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=2)
    draft.replace(path)
