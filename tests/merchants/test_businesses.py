"""Making a business, and what it says of itself."""

import re
from typing import Any

import pytest
from django.urls import URLResolver, get_resolver

from billingos.common.errors import BillingError, Conflict, InvalidRequest
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.countries import COUNTRIES
from billingos.merchants.models import AuditEntry, Membership, Merchant, User
from billingos.merchants.services import create_merchant, suggest_slug
from billingos.merchants.services.businesses import RESERVED_SLUGS
from billingos.merchants.services.rules import update_billing_settings, update_merchant
from tests.factories import MerchantFactory, UserFactory, unique


@pytest.fixture
def owner(committed_db: None) -> User:
    user: User = UserFactory.create()
    return user


def last_entry(merchant: Merchant) -> AuditEntry:
    with platform_scope():
        return AuditEntry.objects.filter(merchant=merchant).latest("id")


def test_whoever_makes_a_business_owns_it_and_may_make_more(owner: User) -> None:
    slugs = [unique("acme-"), unique("acme-")]
    for slug in slugs:
        merchant = create_merchant(name="  Acme   GmbH ", slug=slug, owner=owner, default_currency="eur", country="DE")
        assert (merchant.name, merchant.country, merchant.default_currency) == ("Acme GmbH", "DE", "eur")
    with platform_scope():
        mine = Membership.objects.filter(user=owner).values_list("merchant__slug", "role")
        assert sorted(mine) == [(slug, "owner") for slug in sorted(slugs)]


@pytest.mark.parametrize(
    ("param", "values"),
    [
        ("slug", ["", "Acme", "a_b", "-a", "a-", "a--b", "a/b", "a b", "x" * 61, "é", *RESERVED_SLUGS]),
        ("name", ["", "   ", "x" * 201]),
        ("country", ["", "us", "XX", "USA"]),
        ("default_currency", ["", "USD", "us", "dollars"]),
    ],
)
def test_what_cannot_be_a_business_is_refused(owner: User, param: str, values: list[str]) -> None:
    for value in values:
        fields: dict[str, Any] = {"name": "Acme", "slug": unique("acme-"), param: value}
        with pytest.raises(InvalidRequest) as refused:
            create_merchant(owner=owner, **fields)
        assert refused.value.param == param, value


def test_a_taken_slug_is_refused(owner: User) -> None:
    taken = MerchantFactory.create()
    with pytest.raises(Conflict) as refused:
        create_merchant(name="Acme", slug=taken.slug, owner=owner)
    assert refused.value.param == "slug"


def test_a_slug_is_suggested_that_nobody_has(owner: User) -> None:
    name = unique("Käse & Söhne ")
    first = suggest_slug(name)
    assert re.fullmatch(r"kase-sohne-[0-9a-f]+", first)
    create_merchant(name=name, slug=first, owner=owner)
    assert suggest_slug(name) == f"{first}-2"
    for strange in ("!!!", "日本", "", "new", "x" * 300, "a_b__c", "Invitations"):
        create_merchant(name="Strange", slug=suggest_slug(strange), owner=owner)


def test_no_merchants_address_can_hide_a_page_of_ours() -> None:
    """Everything below /app/ that is not a merchant's begins with a word that no slug may be."""
    pages = [entry for entry in get_resolver().url_patterns if str(entry.pattern) == "app/"]
    assert isinstance(pages[0], URLResolver)
    fixed = {str(entry.pattern).split("/")[0] for entry in pages[0].url_patterns}
    assert {word for word in fixed if word and "<" not in word} <= RESERVED_SLUGS


def test_every_country_has_a_name_and_a_currency() -> None:
    assert len(COUNTRIES) > 40
    for code, (name, currency) in COUNTRIES.items():
        assert re.fullmatch("[A-Z]{2}", code)
        assert name
        assert re.fullmatch("[a-z]{3}", currency)


# --- Settings -------------------------------------------------------------------------------------------------------


def test_a_change_is_written_down_with_what_was_before(owner: User) -> None:
    merchant = MerchantFactory.create(name="Before", owner=owner)
    changes = update_merchant(merchant=merchant, by=owner, name="After", default_currency="usd")
    assert changes == {"name": {"before": "Before", "after": "After"}}
    assert merchant.name == "After"
    entry = last_entry(merchant)
    assert (entry.action, entry.details, entry.user) == ("merchant.updated", changes, owner)
    assert update_merchant(merchant=merchant, by=owner, name="After") == {}
    assert last_entry(merchant) == entry


def test_the_country_is_settled_with_the_account(owner: User) -> None:
    free = MerchantFactory.create(owner=owner, stripe_account_id=None)
    update_merchant(merchant=free, by=owner, country="DE")
    bound = MerchantFactory.create(owner=owner)
    with pytest.raises(Conflict):
        update_merchant(merchant=bound, by=owner, country="DE")
    with scope(bound.id):
        assert Merchant.objects.get(id=bound.id).country == "US"


@pytest.mark.parametrize("profile", [{"name": " "}, {"country": "XX"}, {"default_currency": "US"}])
def test_nonsense_changes_nothing(owner: User, profile: dict[str, str]) -> None:
    merchant = MerchantFactory.create(owner=owner)
    with pytest.raises(BillingError):
        update_merchant(merchant=merchant, by=owner, **profile)
    assert last_entry(merchant).action == "merchant.created"


def test_rules_are_written_down_with_what_was_before(owner: User) -> None:
    merchant = MerchantFactory.create(owner=owner)
    changes = update_billing_settings(merchant=merchant, by=owner, paused_counts=True, past_due_keeps_access=True)
    assert changes == {"paused_counts": {"before": False, "after": True}}
    entry = last_entry(merchant)
    assert (entry.action, entry.details, entry.user) == ("billing_settings.updated", changes, owner)
