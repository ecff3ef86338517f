"""Every address below /app, walked by people of another business: there is nothing there for them."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern

from billingos.dashboard.urls import urlpatterns
from tests.pages.business import Business, filled
from tests.pages.looking import text_of

ROUTES = [str(entry.pattern) for entry in urlpatterns if isinstance(entry, URLPattern)]
OF_MERCHANTS = [route for route in ROUTES if route.startswith("<slug:slug>")]


@pytest.fixture
def business(committed_db: None, simulator: Any) -> Business:
    return Business()


def with_ids(business: Business) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each route whose ids `Business` can fill in, with them."""
    ids = business.ids()
    for route in OF_MERCHANTS:
        names = set(re.findall(r"<\w+:(\w+)>", route)) - {"slug"}
        if names and names <= ids.keys():
            yield route, ids


@pytest.mark.parametrize("route", OF_MERCHANTS)
def test_anothers_pages_do_not_exist(business: Business, route: str) -> None:
    stranger = Business()
    unknown = {name: uuid4() for name in re.findall(r"<\w+:(\w+)>", route)}
    url = filled(route, business.merchant.slug, {**unknown, **business.ids()})
    client = stranger.browser("owner")
    for answer in (client.get(url), client.post(url)):
        assert answer.status_code == 404, url
        assert business.merchant.name not in text_of(answer)
    nobody = Client().get(url)
    assert (nobody.status_code, nobody.headers["Location"]) == (302, f"/accounts/login/?next={url}")


def test_anothers_objects_do_not_exist_under_ones_own_name(business: Business) -> None:
    stranger = Business()
    client, walked = stranger.browser("owner"), 0
    for route, ids in with_ids(business):
        url = filled(route, stranger.merchant.slug, ids)
        for method in (client.get, client.post):
            answer = method(url)
            assert answer.status_code in {404, 405}, url
        assert 404 in {client.get(url).status_code, client.post(url).status_code}, url
        walked += 1
    assert walked >= 7
