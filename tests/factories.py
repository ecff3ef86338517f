"""Rows for tests. Tests share a database and never flush it: each makes merchants of its own."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from billingos.common.ids import uuid7
from billingos.merchants.models import Merchant, User
from billingos.merchants.services import create_merchant


def unique(prefix: str) -> str:
    return f"{prefix}{uuid7().hex[-12:]}"


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.LazyFunction(lambda: f"{unique('person-')}@example.com")
    password = factory.django.Password("correct horse battery")


class MerchantFactory(factory.Factory[Merchant]):
    """Made by the service, with its settings and its owner."""

    class Meta:
        model = Merchant

    name = factory.Faker("company")
    slug = factory.LazyFunction(lambda: unique("m-"))
    owner = factory.SubFactory(UserFactory)
    stripe_account_id = factory.LazyFunction(lambda: unique("acct_"))

    @classmethod
    def _create(cls, model_class: type[Merchant], *args: Any, **kwargs: Any) -> Merchant:
        return create_merchant(**kwargs)
