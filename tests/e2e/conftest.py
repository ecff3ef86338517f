"""One stack and one browser for all tests of this folder, closed with its last: an open browser keeps Django from its
database (see chromium.py)."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.chromium import open_chromium, require_chromium
from tests.e2e.stage import Stage, open_stage
from tests.e2e.tab import Tab

TabOf = Callable[[str], Tab]


@pytest.fixture(scope="package")
def chromium_program() -> str:
    return require_chromium()


@pytest.fixture(scope="package")
def stage(chromium_program: str) -> Iterator[Stage]:
    with open_stage() as stage:
        yield stage


@pytest.fixture(scope="package")
def chromium(chromium_program: str, stage: Stage) -> Iterator[Browser]:
    with open_chromium(chromium_program) as browser:
        yield browser


@pytest.fixture(scope="package")
def tab_of(chromium: Browser, stage: Stage) -> Iterator[TabOf]:
    """The tab of somebody in a role, the same one each time."""
    tabs: dict[str, Tab] = {}

    def tab_of(role: str) -> Tab:
        if role not in tabs:
            tabs[role] = Tab(stage.open(chromium, role))
        return tabs[role]

    yield tab_of
    for tab in tabs.values():
        tab.page.context.close()
