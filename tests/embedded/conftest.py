"""Servers of a test's own, removed afterwards together with what root keeps elsewhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from billingos.embedded.postgres import remove_cluster
from billingos.embedded.state import StateFolder


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    folder = StateFolder(tmp_path / "state")
    folder.prepare()
    yield folder
    remove_cluster(folder)
