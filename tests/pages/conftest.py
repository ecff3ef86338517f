"""People at their browsers: members, outsiders, staff, nobody."""

from collections.abc import Callable

import pytest
from django.test import Client

from billingos.merchants.models import Membership, Merchant, User
from billingos.merchants.services import add_member
from tests.factories import MerchantFactory, UserFactory

SignIn = Callable[[User], Client]


@pytest.fixture
def shop(committed_db: None) -> Merchant:
    merchant = MerchantFactory.create()
    return merchant


@pytest.fixture
def member(shop: Merchant) -> User:
    user = UserFactory.create()
    add_member(merchant=shop, user=user, role=Membership.Role.VIEWER)
    return user


@pytest.fixture
def outsider(committed_db: None) -> User:
    """Works for another merchant."""
    user = UserFactory.create()
    MerchantFactory.create(owner=user)
    return user


@pytest.fixture
def staff(committed_db: None) -> User:
    user = UserFactory.create(is_staff=True)
    return user


@pytest.fixture
def browser() -> SignIn:
    """A browser in which the person is signed in."""

    def open_browser(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return open_browser
