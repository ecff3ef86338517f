"""Static files come from where they lie, without collectstatic."""

import re
import warnings
from pathlib import Path

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client

from tests.pages.looking import text_of


def test_every_file_that_the_pages_name_is_served() -> None:
    html = text_of(Client().get("/nowhere"))
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', html)
    assert "/static/billingos/layout.css" in files
    for file in [*files, "/static/billingos/ops.css", "/static/django_htmx/htmx-2.min.js"]:
        answer = Client().get(file)
        assert answer.status_code == 200, file
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_browsers_that_ask_for_favicon_ico_get_ours() -> None:
    assert Client().get("/favicon.ico", follow=True).status_code == 200


def test_a_server_starts_without_a_folder_of_collected_files() -> None:
    assert settings.STATIC_ROOT is None
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        WSGIHandler()
    assert [warning for warning in heard if "directory" in str(warning.message)] == []


@pytest.mark.parametrize("path", sorted((settings.BASE_DIR / "templates").rglob("*.html")), ids=lambda path: path.name)
def test_templates_hold_nothing_inline_and_ask_nobody_else(path: Path) -> None:
    source = path.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|https?://(?!www\.w3\.org)", source)
