"""Customers at the portal: with a token, or with a browser."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from billingos.common.tenancy import scope
from customers.portal_sessions import NewPortalSession, create_portal_session
from customers.selectors import get_customer
from tests.fixtures import Api
from tests.scenes import Scene

Visit = Callable[..., Client]


class CustomerApi(Api):
    """A caller with a customer token."""

    def __init__(self, token: str) -> None:
        self.key = token
        self._client = Client(raise_request_exception=False)


def session_for(api: Api, customer_id: str, **options: Any) -> NewPortalSession:
    merchant = api.merchant
    with scope(merchant.id):
        customer = get_customer(merchant.id, customer_id)
    return create_portal_session(merchant=merchant, customer=customer, **options)


def enter(token: str, client: Client | None = None) -> Client:
    """A browser that has gone through the link."""
    browser = client or Client()
    answer = browser.post("/portal/enter", {"token": token})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/portal/"), answer.content
    return browser


def text_of(response: Any) -> str:
    """What stands on the page, without its tags."""
    html = re.sub(r"<(head|svg)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    html = re.sub(r"</?(a|strong|time)\b[^>]*>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


@pytest.fixture
def customer_api(scene: Scene) -> CustomerApi:
    made = scene.api.made("/portal/sessions", {"customer_id": scene.customer["id"]})
    return CustomerApi(made["customer_token"])


@pytest.fixture
def browser(scene: Scene) -> Client:
    """Of the scene's customer, who has come in."""
    return enter(session_for(scene.api, scene.customer["id"]).link_token)
