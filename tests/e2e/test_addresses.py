"""The walk's list of pages, without a browser: it is whole, and it knows how to fill each address."""

from typing import Any

import pytest
from django.apps import apps
from django.http import HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.http import require_GET, require_POST

from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants.roles import PERMISSIONS
from tests.e2e.addresses import FOR_ALL, GIVEN, MADE, NEEDS, VARIANTS, Outcome, Route, methods_of, routes
from tests.e2e.casting import model_for

BY_NAME = {route.name: route for route in routes()}


def test_the_tables_name_pages_that_exist() -> None:
    assert {*FOR_ALL, *GIVEN, *MADE, *NEEDS, *VARIANTS} <= set(BY_NAME)
    assert set(NEEDS.values()) <= set(PERMISSIONS)


def test_every_name_is_used_once() -> None:
    assert len(BY_NAME) == len(routes())


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.name)
def test_every_parameter_can_be_filled(route: Route) -> None:
    """A parameter named after its model is (`customer_id`); any other needs a word in casting.py or addresses.py."""
    for parameter in set(route.parameters) - {"slug", *GIVEN.get(route.name, {}), *MADE.get(route.name, ())}:
        model = model_for(route, parameter)
        assert model in apps.get_models(), parameter


@pytest.mark.parametrize("route", routes(), ids=lambda route: route.name)
def test_a_filled_address_leads_to_its_page(route: Route) -> None:
    if route.name != route.path:
        return
    try:
        assert resolve(route.fill({})).route == route.path
    except Resolver404:
        pytest.fail(f"{route.path} has no name and can't be filled")


def test_what_only_takes_posts_is_no_page() -> None:
    def view(request: object) -> None: ...
    def page(visit: Visit, /, *_: Any, **__: Any) -> HttpResponse:
        return HttpResponse()

    assert methods_of(view) == {"GET", "POST"}
    assert methods_of(require_POST(view)) == {"POST"}
    assert methods_of(require_GET(view)) == {"GET"}
    assert methods_of(merchant_page("home", methods=("POST",))(page)) == {"POST"}
    assert {"dashboard:keep_subscription", "dashboard:connect"}.isdisjoint(BY_NAME)


def test_who_may_see_what() -> None:
    customers = BY_NAME["dashboard:customers"]
    seen = {role: customers.outcome(role) for role in ("owner", "viewer", "staff", "anonymous")}
    assert list(seen.values()) == [Outcome.OPEN, Outcome.OPEN, Outcome.HIDDEN, Outcome.SIGN_IN]
    assert BY_NAME["admin:index"].outcome("owner") is Outcome.FORBIDDEN
