"""The documentation as web pages: every page renders, its links lead somewhere, and errors point to it."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

FOLDER = Path(settings.BASE_DIR, "docs")
PAGES = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.md"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_renders_with_anchors_and_working_links(committed_db: None, name: str) -> None:
    answer = Client().get(f"/docs/{name}")
    assert answer.status_code == 200
    html = answer.content.decode()
    anchors = set(re.findall(r'<h\d id="([^"]+)"', html))
    assert anchors
    for page, anchor in re.findall(r'href="/docs/([A-Za-z0-9/-]+)(?:#([^"]*))?"', html):
        linked = Client().get(f"/docs/{page}")
        assert linked.status_code == 200, page
        assert not anchor or f'id="{anchor}"' in linked.content.decode(), f"{page}#{anchor}"
    for anchor in re.findall(r'href="#([^"]+)"', html):
        assert anchor in anchors, anchor
    assert not re.search(r'href="[^":]+\.md', html), "a link to a file that is no page here"


def test_an_error_points_to_the_page_that_explains_its_code(committed_db: None) -> None:
    error = Client().get("/api/customers").json()["error"]
    path, _, anchor = error["doc_url"].removeprefix(settings.BASE_URL).partition("#")
    page = Client().get(path).content.decode()
    assert f'id="{anchor}"' in page
    assert error["code"] in page


def test_no_page_is_404(committed_db: None) -> None:
    assert Client().get("/docs/nothing").status_code == 404
    for name in ("..", "../README", "adr/../../README", "%2e%2e/README", "adr"):
        assert Client().get(f"/docs/{name}").status_code == 404
