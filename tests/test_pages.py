"""The merchant's pages: for its own people alone, under a strict policy, with no secret in them."""

import pytest
from django.test import Client

from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Membership, Merchant, User
from billingos.merchants.services import add_member
from tests.factories import MerchantFactory, UserFactory
from tests.fixtures import Api


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def member(merchant: Merchant) -> User:
    person: User = UserFactory.create()
    add_member(merchant=merchant, user=person, role=Membership.Role.VIEWER)
    return person


def test_a_merchants_page_is_for_its_own_people(api: Api) -> None:
    made = api.made("/customers", {"name": "Secretive Ltd", "email": "hidden@example.com"})
    address = f"/app/{api.merchant.slug}/customers"
    mine = signed_in(member(api.merchant)).get(address)
    assert (mine.status_code, made["email"] in mine.content.decode()) == (200, True)
    assert api.key not in mine.content.decode()
    for stranger in (UserFactory.create(), member(MerchantFactory.create())):
        hidden = signed_in(stranger).get(address)
        assert hidden.status_code == 404
        assert "hidden@example.com" not in hidden.content.decode()
    anonymous = Client().get(address)
    assert (anonymous.status_code, anonymous["Location"].startswith("/accounts/login/")) == (302, True)


def test_a_suspended_merchants_page_is_gone(merchant: Merchant) -> None:
    person = member(merchant)
    with platform_scope():
        Merchant.objects.filter(id=merchant.id).update(status=Merchant.Status.SUSPENDED)
    assert signed_in(person).get(f"/app/{merchant.slug}/customers").status_code == 404


@pytest.mark.parametrize("address", ["/accounts/login/", "/nothing", "/docs/api", "/api/nothing", "/healthz"])
def test_pages_let_nothing_in_but_their_own(committed_db: None, address: str) -> None:
    answer = Client().get(address)
    policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
    assert {policy[name] for name in ("default-src", "script-src", "style-src", "form-action")} == {"'self'"}
    assert {policy[name] for name in ("object-src", "base-uri", "frame-ancestors")} == {"'none'"}
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_scripts_of_the_api_pages_are_their_own(committed_db: None) -> None:
    policy = Client().get("/api-docs")["Content-Security-Policy"]
    assert "script-src 'self';" in policy
