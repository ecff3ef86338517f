"""axe-core on every page, in light and dark, wide and narrow: nothing serious, nothing critical."""

from urllib.parse import urlsplit

import pytest

from tests.e2e.addresses import VIEWERS, Route, routes
from tests.e2e.conftest import TabOf
from tests.e2e.stage import Stage
from tests.e2e.tab import told

pytestmark = [pytest.mark.long, pytest.mark.stack]


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.name)
def test_axe_finds_nothing_grave(route: Route, stage: Stage, tab_of: TabOf) -> None:
    for viewer in VIEWERS[route.area]:
        tab, path = tab_of(viewer), stage.path(route)
        answer = tab.page.request.get(path)
        is_page = answer.headers["content-type"].startswith("text/html")
        if is_page and urlsplit(answer.url).path == path:  # and not on the way to another page
            faults = tab.grave_violations(path)
            assert not faults, told(tab.page.url, faults)
