"""What the home page of the demo's merchants tells while their history is being played."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from billingos.dashboard.progress import progress_of
from billingos.demo.progress import NAME
from billingos.merchants.models import Merchant


@pytest.mark.parametrize(
    ("slug", "ready", "told"), [("northwind", False, True), ("northwind", True, False), ("acme", False, False)]
)
def test_told_until_it_is_there_and_to_the_demos_merchants_alone(
    tmp_path: Path, settings: Any, slug: str, ready: bool, told: bool
) -> None:
    settings.STATE_DIR = tmp_path
    assert progress_of(Merchant(slug=slug)) is None
    shown = {"done": 62, "total": 248, "ready": ready, "at": "2026-02-20T11:53:46+00:00"}
    (tmp_path / NAME).write_text(json.dumps({"merchants": {"northwind": {}}, "shown": shown}))
    found = progress_of(Merchant(slug=slug))
    assert (found is not None) is told
    if found:
        assert (found.percent, found.known_until) == (25, datetime(2026, 2, 20, 11, 53, 46, tzinfo=UTC))
