"""API keys in the browser: shown once, scoped, ended."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from billingos.common.tenancy import platform_scope, scope
from billingos.merchants import scopes as key_scopes
from billingos.merchants.models import ApiKey, AuditEntry
from billingos.merchants.selectors import authenticate_key
from billingos.merchants.services import create_api_key, key_digest, revoke_api_key
from tests.pages.business import Business
from tests.pages.looking import BUDGET, statements, text_of

SENT = {"name": "server", "kind": "secret", "access": "all", "life": ""}


@pytest.fixture
def business(committed_db: None) -> Business:
    return Business()


@pytest.fixture
def client(business: Business) -> Client:
    return business.browser("developer")


def newest(business: Business) -> ApiKey:
    with scope(business.merchant.id):
        return ApiKey.objects.for_merchant(business.merchant.id).latest("id")


def plain_on(html: str) -> str:
    return html.split("<code>", 1)[1].split("</code>", 1)[0].strip()


def test_a_new_key_is_shown_once_and_works(
    business: Business, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = client.post(business.url("api-keys/new"), SENT)
    plain = plain_on(text_of(answer))
    assert plain.startswith("bos_sk_test_")
    assert "no-store" in answer.headers["Cache-Control"]
    assert newest(business).digest == key_digest(plain)
    found = authenticate_key(plain)
    assert found is not None
    assert found.created_by == business.people["developer"]
    for page in ("api-keys", "audit", f"api-keys/{found.id}/revoke"):
        assert plain not in text_of(client.get(business.url(page)))
    with platform_scope():
        written = str(list(AuditEntry.objects.filter(merchant=business.merchant).values()))
    sessions = [session.get_decoded() for session in Session.objects.all()]
    assert plain not in written + str(sessions) + str(client.session.items()) + caplog.text


def test_a_key_that_may_do_everything_says_so_in_one_word(business: Business, client: Client) -> None:
    client.post(business.url("api-keys/new"), SENT)
    html = text_of(client.get(business.url("api-keys")))
    assert "Everything" in html
    assert "customers:write" not in html


@pytest.mark.parametrize(
    ("sent", "scopes"),
    [
        ({"access": "all", "scope_usage": "read"}, len(key_scopes.ALL)),
        ({"access": "some", "scope_usage": "write", "scope_customers": "read"}, ["customers:read", "usage:write"]),
        ({"kind": "publishable", "access": "some"}, ["catalog:read"]),
    ],
)
def test_a_key_may_do_what_was_chosen(business: Business, client: Client, sent: dict[str, str], scopes: Any) -> None:
    assert client.post(business.url("api-keys/new"), {**SENT, **sent}).status_code == 200
    made = newest(business).scopes
    assert (len(made) if isinstance(scopes, int) else made) == scopes


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 101}, "at most 100"),
        ({"name": "\x00"}, "Null characters"),
        ({"access": "some"}, "can do nothing"),
        ({"kind": "golden"}, "Select a valid choice"),
        ({"life": "7"}, "Select a valid choice"),
        ({"access": "some", "scope_usage": "admin"}, "Select a valid choice"),
    ],
)
def test_what_makes_no_key_is_said(business: Business, client: Client, sent: dict[str, str], says: str) -> None:
    answer = client.post(business.url("api-keys/new"), {**SENT, **sent})
    assert answer.status_code == 400
    assert says in text_of(answer)
    with scope(business.merchant.id):
        assert not ApiKey.objects.for_merchant(business.merchant.id).exists()


def test_a_key_can_end_by_itself(business: Business, client: Client) -> None:
    client.post(business.url("api-keys/new"), {**SENT, "life": "30"})
    ends = newest(business).expires_at
    assert ends is not None
    assert abs(ends - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


def test_revoking_asks_and_then_ends_the_key(business: Business, client: Client) -> None:
    key = business.key()
    url = business.url(f"api-keys/{key.id}/revoke")
    asked = text_of(client.get(url))
    assert "Revoke “server”?" in asked
    assert "never used" in asked
    assert authenticate_key(business.plain) is not None
    shown = text_of(client.post(url, follow=True))
    assert "is revoked" in shown
    assert authenticate_key(business.plain) is None


def test_keys_are_filtered_by_their_state(business: Business, client: Client) -> None:
    past = timezone.now() - timedelta(days=1)
    for name, ends in (("live", None), ("expired", past), ("revoked", None), ("revoked late", past)):
        key, _ = create_api_key(merchant=business.merchant, name=f"<{name}>", expires_at=ends)
        if name.startswith("revoked"):
            revoke_api_key(merchant=business.merchant, key_id=key.id)
    names = ["live", "expired", "revoked", "revoked late"]
    for state, expected in (
        ("", names),
        ("live", ["live"]),
        ("expired", ["expired"]),
        ("revoked", ["revoked", "revoked late"]),
    ):
        html = text_of(client.get(business.url("api-keys"), {"state": state}))
        assert [name for name in names if f"&lt;{name}&gt;</span>" in html] == expected, state


def test_the_number_of_statements_does_not_grow(business: Business, client: Client) -> None:
    business.key()
    url = business.url("api-keys")
    with_one = statements(client, url)
    key = newest(business)
    with scope(business.merchant.id):
        ApiKey.objects.bulk_create(
            ApiKey(
                merchant=business.merchant,
                name=f"k{number}",
                kind=key.kind,
                prefix=key.prefix,
                last4="abcd",
                digest=key_digest(f"{business.merchant.id}{number}"),
                created_by=business.people["owner"],
            )
            for number in range(499)
        )
    assert with_one == statements(client, url) <= BUDGET
