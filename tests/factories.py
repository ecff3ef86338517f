"""Rows for tests. Tests share a database and never flush it: each makes merchants of its own."""

from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from factory.base import Factory
from factory.declarations import LazyFunction, SubFactory
from factory.django import DjangoModelFactory
from factory.faker import Faker

from billingos.common.ids import uuid7
from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Merchant, User
from billingos.merchants.services import create_merchant


def unique(prefix: str) -> str:
    return f"{prefix}{uuid7().hex[-12:]}"


@cache
def hashed(password: str) -> str:
    """Once for all people of a run: a hash takes as long as the rest of most tests."""
    return make_password(password)


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = LazyFunction(lambda: f"{unique('person-')}@example.com")
    password = LazyFunction(lambda: hashed("correct horse battery"))


class MerchantFactory(Factory[Merchant]):
    """Made by the service, with its settings and its owner."""

    class Meta:
        model = Merchant

    name = Faker("company")
    slug = LazyFunction(lambda: unique("m-"))
    owner = SubFactory(UserFactory)
    stripe_account_id = LazyFunction(lambda: unique("acct_"))

    @classmethod
    def _create(cls, model_class: type[Merchant], *args: Any, **kwargs: Any) -> Merchant:
        return create_merchant(**kwargs)


def platform_merchant() -> Merchant:
    """The one merchant who is the platform's own account: tests share it."""
    with platform_scope():
        found = Merchant.objects.filter(is_platform_account=True).first()
    made: Merchant = found or MerchantFactory.create(stripe_account_id=None, is_platform_account=True)
    return made
