"""Each page of the business for each role: what is allowed works, what is not is a 403 page and changes nothing."""

from typing import Any

import pytest
from django.urls import URLPattern

from billingos.backfill.models import Backfill
from billingos.common.tenancy import scope
from billingos.dashboard.urls import urlpatterns
from billingos.merchants.models import ApiKey, BillingSettings, Invitation, Membership, Merchant
from billingos.merchants.roles import role_allows
from billingos.reconciliation.models import ReconciliationRun
from billingos.webhooks.models import WebhookEvent
from tests.pages.business import ROLES, Business, filled
from tests.pages.looking import assert_strict, text_of
from tests.pages.test_business import CHANGES

MODULES = ("api_keys", "audit", "backfill", "inbox", "onboarding", "reconciliation", "settings", "team")
EVENT = object()  # stands for the id of an event
ROUTES = {
    str(entry.name): str(entry.pattern)
    for entry in urlpatterns
    if isinstance(entry, URLPattern) and entry.callback.__module__.split(".")[-1] in MODULES
}
# name: (permission to see it, permission to send it, what is sent); None where there is no such method.
PAGES: dict[str, tuple[str | None, str | None, dict[str, Any]]] = {
    "onboarding": ("read", None, {}),
    "api_keys": ("keys.manage", None, {}),
    "new_api_key": ("keys.manage", "keys.manage", {"name": "k", "kind": "secret", "access": "all", "life": ""}),
    "revoke_api_key": ("keys.manage", "keys.manage", {}),
    "inbox": ("read", None, {}),
    "replay_events": (None, "webhooks.replay", {"event": EVENT}),
    "replay_failed": ("webhooks.replay", "webhooks.replay", {}),
    "event": ("read", None, {}),
    "replay_event": (None, "webhooks.replay", {}),
    "reconciliation": ("read", None, {}),
    "reconciliation_run": ("read", None, {}),
    "run_reconciliation": (None, "webhooks.replay", {}),
    "team": ("read", None, {}),
    "invite": ("team.manage", "team.manage", {"email": "new@example.com", "role": "viewer"}),
    "member_role": ("team.manage", "team.manage", {"role": "developer"}),
    "remove_member": ("team.manage", "team.manage", {}),
    "resend_invitation": (None, "team.manage", {}),
    "withdraw_invitation": ("team.manage", "team.manage", {}),
    "settings": ("read", "settings.manage", {"name": "Renamed", "default_currency": "eur"}),
    "billing_rules": ("read", "settings.manage", {"paused_counts": "on", **CHANGES}),
    "stripe_connection": ("read", None, {}),
    "backfill": ("read", "connect.manage", {}),
    "connect": (None, "connect.manage", {}),
    "connect_refresh": (None, "connect.manage", {}),
    "connect_again": ("connect.manage", None, {}),
    "connect_done": ("connect.manage", None, {}),
    "audit": ("read", None, {}),
}
SENDS = [(name, role) for name, page in PAGES.items() if page[1] for role in ROLES]


@pytest.fixture
def business(committed_db: None, simulator: Any) -> Business:
    return Business()


def test_every_page_of_these_is_here() -> None:
    assert ROUTES.keys() == PAGES.keys()


def state_of(merchant: Merchant) -> dict[str, Any]:
    with scope(merchant.id):
        return {
            "merchant": list(Merchant.objects.filter(id=merchant.id).values("name", "default_currency")),
            "rules": list(BillingSettings.objects.for_merchant(merchant.id).values("paused_counts")),
            "backfills": Backfill.objects.for_merchant(merchant.id).count(),
            "keys": list(ApiKey.objects.for_merchant(merchant.id).order_by("id").values("id", "revoked_at")),
            "members": list(Membership.objects.for_merchant(merchant.id).order_by("id").values("user", "role")),
            "invitations": list(
                Invitation.objects.for_merchant(merchant.id).order_by("id").values("email", "digest", "revoked_at")
            ),
            "runs": ReconciliationRun.objects.for_merchant(merchant.id).count(),
            "events": list(WebhookEvent.objects.filter(merchant_id=merchant.id).order_by("id").values("status")),
        }


@pytest.mark.parametrize("role", ROLES)
def test_who_may_see_what(business: Business, role: str) -> None:
    ids, client = business.ids(), business.browser(role)
    for name, (needs, _, _) in PAGES.items():
        url = filled(ROUTES[name], business.merchant.slug, ids)
        answer = client.get(url)
        expected = 405 if needs is None else 200 if role_allows(role, needs) else 403
        if needs is None and not role_allows(role, str(PAGES[name][1])):
            expected = 403
        assert answer.status_code == expected, (name, role)
        assert_strict(answer) if expected != 405 else None


@pytest.mark.parametrize(("name", "role"), SENDS)
def test_who_may_send_what(business: Business, name: str, role: str) -> None:
    ids = business.ids()
    _, needs, data = PAGES[name]
    sent = {field: str(ids["event_id"]) if value is EVENT else value for field, value in data.items()}
    before = state_of(business.merchant)
    answer = business.browser(role).post(filled(ROUTES[name], business.merchant.slug, ids), sent)
    if role_allows(role, str(needs)):
        assert answer.status_code == (200 if name == "new_api_key" else 302), text_of(answer)
        assert name in {"connect", "connect_refresh"} or state_of(business.merchant) != before
    else:
        assert answer.status_code == 403
        assert "not open to you" in text_of(answer)
        assert state_of(business.merchant) == before


def test_admins_cannot_reach_owners_by_hand(business: Business) -> None:
    second = business.join("owner")
    with scope(business.merchant.id):
        owner = Membership.objects.for_merchant(business.merchant.id).get(user=second)
        admin = Membership.objects.for_merchant(business.merchant.id).get(user=business.people["admin"])
    client, before = business.browser("admin"), state_of(business.merchant)
    for url, data in (
        (f"team/{owner.id}/remove", {}),
        (f"team/{owner.id}/role", {"role": "viewer"}),
    ):
        assert client.get(business.url(url)).status_code == 403
        assert client.post(business.url(url), data).status_code == 403
    for url, data in (
        (f"team/{admin.id}/role", {"role": "owner"}),
        ("team/invite", {"email": "a@example.com", "role": "owner"}),
    ):
        answer = client.post(business.url(url), data)
        assert answer.status_code == 400
        assert "Select a valid choice" in text_of(answer)
    assert state_of(business.merchant) == before


@pytest.mark.parametrize("role", ROLES)
def test_what_one_may_not_do_is_not_offered(business: Business, role: str) -> None:
    """No page leads to an address that would refuse: every link and form of every page is followed or known allowed."""
    ids, client = business.ids(), business.browser(role)
    refused = [
        filled(ROUTES[name], business.merchant.slug, ids)
        for name, (see, send, _) in PAGES.items()
        if not role_allows(role, str(see or send))
    ]
    for name, (see, _, _) in PAGES.items():
        if see is None or not role_allows(role, see):
            continue
        html = text_of(client.get(filled(ROUTES[name], business.merchant.slug, ids)))
        for url in refused:
            assert f'href="{url}' not in html, (name, url)
            assert f'action="{url}' not in html, (name, url)
    for page in ("settings", "settings/billing"):
        assert (">Save<" in text_of(client.get(business.url(page)))) is role_allows(role, "settings.manage")


def test_everybody_may_leave_but_the_last_owner(business: Business) -> None:
    for role in ("viewer", "owner"):
        with scope(business.merchant.id):
            mine = Membership.objects.for_merchant(business.merchant.id).get(user=business.people[role])
        client = business.browser(role)
        assert f"team/{mine.id}/remove" in text_of(client.get(business.url("team")))
        answer = client.post(business.url(f"team/{mine.id}/remove"))
        left = role == "viewer"
        assert answer.headers["Location"] == ("/app/" if left else business.url("team"))
        shown = text_of(client.get(answer.headers["Location"]))
        assert ("You have left" in shown) is left
        assert ("needs an owner" in shown) is not left
