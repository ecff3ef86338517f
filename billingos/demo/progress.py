"""How far the demo's history is: a small file in the state folder, so that an interrupted one goes on."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from billingos.embedded.state import read_json, write_private

NAME = "demo-progress.json"


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` steps; `at` is the demo's present (ISO 8601)."""

    done: int
    total: int
    ready: bool
    at: str

    @property
    def percent(self) -> int:
        return 100 * self.done // max(self.total, 1)

    def line(self) -> str:
        """`demo [#####.....] 52 % May 2026`"""
        bar = "#" * (self.percent // 10)
        return f"demo [{bar.ljust(10, '.')}] {self.percent} % {datetime.fromisoformat(self.at):%B %Y}"


def read() -> Progress | None:
    """How far the history is; None where no demo was begun."""
    shown = read_notes().get("shown")
    return Progress(**shown) if shown else None


def read_notes() -> dict[str, Any]:
    """What the file holds: `seed`, `start`, `end`, `customers`, `merchants` ({slug: notes}), `shown`."""
    return read_json(settings.STATE_DIR / NAME)


def write_notes(notes: dict[str, Any]) -> None:
    write_private(settings.STATE_DIR / NAME, json.dumps(notes, indent=1))
