"""The feed of insights, and what people make of them."""

import re

import pytest
from django.test import Client

from billingos.common.errors import Conflict
from billingos.common.tenancy import scope
from billingos.merchants.models import AuditEntry, Membership, Merchant, User
from billingos.merchants.services import add_member
from insights.models import Insight
from insights.services import dismiss_insight
from tests.factories import MerchantFactory, UserFactory
from tests.pages.conftest import SignIn
from tests.pages.filling import add_insights
from tests.pages.looking import BUDGET, START, add_customers, assert_strict, statements, text_of


@pytest.fixture
def admin(shop: Merchant) -> User:
    user = UserFactory.create()
    add_member(merchant=shop, user=user, role=Membership.Role.ADMIN)
    return user


@pytest.fixture
def page(shop: Merchant, admin: User, browser: SignIn) -> tuple[Client, str]:
    return browser(admin), f"/app/{shop.slug}/insights"


def titles_on(html: str) -> list[str]:
    return re.findall(r'<h2 id="title-[^"]+">(.*?)</h2>', html)


def state_of(insight: Insight) -> str:
    with scope(insight.merchant_id):
        return Insight.objects.for_merchant(insight.merchant_id).get(id=insight.id).status


def test_the_feed_shows_what_is_open_with_its_evidence(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    customer = add_customers(shop, 1)[0]
    evidence = {"status": "past_due", "mrr": 4900, "currency": "usd", "ends_at": START.isoformat(), "tries": 3}
    add_insights(customer, 1, evidence=evidence)
    add_insights(customer, 1, title="Dismissed one", status="dismissed")
    add_insights(add_customers(MerchantFactory.create(), 1)[0], 1, title="Stranger")
    answer = client.get(url)
    assert_strict(answer)
    html = text_of(answer)
    assert titles_on(html) == ["Insight 000"]
    facts = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", html)
    assert [(label, re.sub(r"<[^>]+>", "", text)) for label, text in facts] == [
        ("Customer", "Person 000"),
        ("Subscription", "Past due"),
        ("Worth", "$49.00 a month"),
        ("Ends", "1 Jan 2026"),
        ("Tries", "3"),
    ]


def test_the_feed_is_narrowed_by_state_kind_and_severity(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    customer = add_customers(shop, 1)[0]
    add_insights(customer, 1, title="Failed")
    add_insights(customer, 1, title="Leaving", kind="cancellation_pending", severity="warning")
    add_insights(customer, 1, title="Over", status="resolved", closed_at=START)
    for query, titles in (
        ({}, ["Leaving", "Failed"]),
        ({"status": "resolved"}, ["Over"]),
        ({"status": "all"}, ["Over", "Leaving", "Failed"]),
        ({"status": "open' OR 1=1"}, ["Leaving", "Failed"]),
        ({"kind": "cancellation_pending"}, ["Leaving"]),
        ({"severity": "critical", "sort": "oldest"}, ["Failed"]),
        ({"status": "dismissed", "cursor": "x"}, []),
    ):
        assert titles_on(text_of(client.get(url, query))) == titles, query


def test_dismissed_and_taken_back_each_with_its_audit_entry(
    shop: Merchant, admin: User, page: tuple[Client, str]
) -> None:
    client, url = page
    insight = add_insights(add_customers(shop, 1)[0], 1)[0]
    for _ in range(2):
        answer = client.post(f"{url}/{insight.id}/dismiss")
        assert answer.headers["Location"] == url
    assert state_of(insight) == "dismissed"
    html = text_of(client.get(url))
    assert titles_on(html) == []
    assert "where you can take it back" in html
    assert f'action="{url}/{insight.id}/reopen"' in text_of(client.get(url, {"status": "dismissed"}))
    client.post(f"{url}/{insight.id}/reopen")
    assert state_of(insight) == "open"
    with scope(shop.id):
        entries = AuditEntry.objects.filter(merchant=shop, target=f"insight {insight.id}").order_by("id")
        assert [(entry.action, entry.user_id) for entry in entries] == [
            ("insight.dismissed", admin.id),
            ("insight.reopened", admin.id),
        ]


def test_what_is_over_is_neither_dismissed_nor_reopened(shop: Merchant, admin: User, page: tuple[Client, str]) -> None:
    client, url = page
    insight = add_insights(add_customers(shop, 1)[0], 1, status="resolved", closed_at=START)[0]
    assert "<form method" not in text_of(client.get(url, {"status": "resolved"})).split('id="insight-list"')[1]
    html = text_of(client.post(f"{url}/{insight.id}/reopen", follow=True))
    assert "no longer so" in html
    assert state_of(insight) == "resolved"
    with pytest.raises(Conflict):
        dismiss_insight(merchant=shop, insight_id=insight.id, by=admin)


@pytest.mark.parametrize("role", Membership.Role.values)
def test_only_who_may_act_sees_the_buttons_and_acts(shop: Merchant, browser: SignIn, role: Membership.Role) -> None:
    user = UserFactory.create()
    add_member(merchant=shop, user=user, role=role)
    insight = add_insights(add_customers(shop, 1)[0], 1)[0]
    client, url = browser(user), f"/app/{shop.slug}/insights"
    may = role in {Membership.Role.OWNER, Membership.Role.ADMIN}
    assert (">Dismiss<" in text_of(client.get(url))) is may
    assert client.post(f"{url}/{insight.id}/dismiss").status_code == (302 if may else 403)
    assert client.get(f"{url}/{insight.id}/dismiss").status_code == (405 if may else 403)
    assert state_of(insight) == ("dismissed" if may else "open")


def test_other_merchants_insights_do_not_exist(
    shop: Merchant, outsider: User, page: tuple[Client, str], browser: SignIn
) -> None:
    client, url = page
    theirs = add_insights(add_customers(MerchantFactory.create(), 1)[0], 1)[0]
    mine = add_insights(add_customers(shop, 1)[0], 1)[0]
    for act in ("dismiss", "reopen"):
        assert client.post(f"{url}/{theirs.id}/{act}").status_code == 404
        assert browser(outsider).post(f"{url}/{mine.id}/{act}").status_code == 404
        assert client.post(f"{url}/nonsense/{act}").status_code == 404
    assert browser(outsider).get(url).status_code == 404
    assert state_of(theirs) == state_of(mine) == "open"


def test_a_form_from_elsewhere_changes_nothing(shop: Merchant, admin: User) -> None:
    insight = add_insights(add_customers(shop, 1)[0], 1)[0]
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert client.post(f"/app/{shop.slug}/insights/{insight.id}/dismiss").status_code == 403
    assert state_of(insight) == "open"


def test_the_empty_feed_says_what_is_watched(page: tuple[Client, str]) -> None:
    client, url = page
    assert "Nothing needs you" in text_of(client.get(url))
    assert "failed payments and pending cancellations" in text_of(client.get(url))


def test_hostile_texts_and_evidence_are_shown_as_text(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    evil = "<script>alert(1)</script>"
    customer = add_customers(shop, 1, name=evil)[0]
    add_insights(
        customer, 1, title=evil, body=evil, evidence={evil: evil, "subscription": evil, "mrr": evil, "currency": 7}
    )
    add_insights(customer, 1, evidence={"ends_at": "soon", "mrr": 5})
    answer = client.get(url)
    assert_strict(answer)
    assert "<script>alert" not in text_of(answer)
    assert "soon" in text_of(answer)


def test_the_feed_takes_as_many_statements_for_500_as_for_one(shop: Merchant, page: tuple[Client, str]) -> None:
    client, url = page
    add_insights(add_customers(shop, 1)[0], 1)
    one = statements(client, url)
    for customer in add_customers(shop, 499):
        add_insights(customer, 1)
    assert statements(client, url) == one <= BUDGET
