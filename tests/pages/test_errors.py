"""Error pages. None of these tests may touch a database: they ask for none, and pytest-django refuses it then."""

from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client

from tests.pages.looking import assert_strict, text_of

pytestmark = pytest.mark.urls("tests.pages.failing_urls")


@pytest.mark.parametrize(
    ("url", "status", "says"),
    [
        ("/suspect", 400, "could not be read"),
        ("/nowhere", 404, "There is nothing here"),
        ("/breaks", 500, "Something went wrong on our side"),
    ],
)
def test_errors_have_a_page_that_needs_no_database(url: str, status: int, says: str) -> None:
    client = Client(raise_request_exception=False)
    answer: Any = client.get(url, headers={"X-Request-Id": "req_12345678"})
    assert answer.status_code == status
    assert says in text_of(answer)
    assert "req_12345678" in text_of(answer)
    assert "sk_test_in_an_error" not in text_of(answer)
    assert_strict(answer)


def test_an_unknown_host_is_a_bad_request() -> None:
    answer = Client(raise_request_exception=False).get("/nowhere", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert_strict(answer)


def test_under_api_errors_stay_json() -> None:
    answer = Client().get("/api/nowhere")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "resource_missing"


def test_too_many_tries_have_a_page() -> None:
    assert "Too many tries" in render_to_string("429.html")
