"""The demo's way in exists in the demo only, and for this machine only."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.portal.conftest import enter, text_of
from tests.scenes import Scene


@pytest.fixture
def url(scene: Scene, settings: Any) -> str:
    settings.DEMO_MODE = True
    settings.ALLOWED_HOSTS = ["*"]
    return f"/portal/demo/{scene.api.merchant.slug}"


def ask(url: str, *, host: str = "127.0.0.1:8000", address: str = "127.0.0.1", **headers: str) -> Any:
    return Client(REMOTE_ADDR=address, headers={"Host": host, **headers}).get(url)


def test_a_click_opens_the_portal_of_a_customer(scene: Scene, url: str) -> None:
    scene.api.made("/customers", {"external_id": "new", "name": "New"})
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {})
    page = ask(url)
    text = text_of(page)
    assert "New No plan" in text
    assert "a@example.com Canceling" in text
    [customer] = re.findall(r'name="customer" value="([^"]+)"><button[^>]*as a@', page.content.decode())
    tokens = set()
    for _ in range(2):
        answer = Client(headers={"Host": "127.0.0.1:8000"}).post(url, {"customer": customer})
        tokens.add(answer.headers["Location"].removeprefix("/portal/s/"))
    assert len(tokens) == 2
    assert "Pro" in text_of(enter(tokens.pop()).get("/portal/"))


@pytest.mark.parametrize(
    ("host", "address"), [("localhost", "127.0.0.1"), ("[::1]:8000", "::1"), ("127.0.0.1", "127.8.9.1")]
)
def test_this_machine_is_let_in(url: str, host: str, address: str) -> None:
    assert ask(url, host=host, address=address).status_code == 200


OTHERS: list[tuple[str, str, dict[str, str]]] = [
    ("127.0.0.1", "192.0.2.1", {}),
    ("127.0.0.1", "", {}),
    ("billing.example.com", "127.0.0.1", {}),
    ("127.0.0.1.example.com", "127.0.0.1", {}),
    ("127.0.0.1", "127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}),
    ("127.0.0.1", "127.0.0.1", {"Forwarded": "for=192.0.2.1"}),
]


def test_nobody_else_is(url: str, subtests: pytest.Subtests) -> None:
    for host, address, headers in OTHERS:
        with subtests.test(host=host):
            assert ask(url, host=host, address=address, **headers).status_code == 404


def test_outside_of_the_demo_there_is_no_such_page(url: str, settings: Any) -> None:
    assert ask(url + "-unknown").status_code == 404
    assert Client().post(url, {"customer": "nobody"}).status_code == 404
    assert Client().post(url, {"customer": "\x00"}).status_code == 404
    settings.DEMO_MODE = False
    assert ask(url).status_code == 404
    assert Client().post(url, {"customer": "nobody"}).status_code == 404
