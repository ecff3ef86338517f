"""The webhook inbox in the browser."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from billingos.common.tenancy import platform_scope
from billingos.webhooks.models import WebhookEvent
from tests.pages.business import Business
from tests.pages.looking import BUDGET, assert_strict, statements, text_of
from tests.pages.test_ops import add_events


@pytest.fixture
def business(committed_db: None) -> Business:
    return Business()


@pytest.fixture
def client(business: Business) -> Client:
    return business.browser("developer")


def types_on(html: str) -> list[str]:
    return re.findall(r'<a class="who"[^>]*>(.*?)</a>', html)


def statuses(business: Business) -> list[str]:
    with platform_scope():
        rows = WebhookEvent.objects.filter(merchant=business.merchant).order_by("id")
        return list(rows.values_list("status", flat=True))


def test_an_event_is_found_by_what_one_has_of_it(business: Business, client: Client) -> None:
    now = timezone.now()
    fields = {"object_id": "in_7", "customer_stripe_id": "cus_7", "stripe_event_id": f"evt_{business.merchant.id.hex}"}
    add_events(business.merchant, 1, type="wanted.event", status="failed", received_at=now, **fields)
    add_events(business.merchant, 3, type="other", received_at=now - timedelta(days=40))
    add_events(Business().merchant, 1, type="wanted.event", object_id="in_7")
    url = business.url("inbox")
    for query in (
        {"q": "in_7"},
        {"q": "cus_7"},
        {"q": fields["stripe_event_id"]},
        {"q": "wanted."},
        {"status": "failed"},
        {"period": "hour"},
        {"period": "month", "status": "failed", "q": "in_7"},
    ):
        assert types_on(text_of(client.get(url, query))) == ["wanted.event"], query
    assert types_on(text_of(client.get(url, {"q": "%"}))) == []
    assert "No event matches" in text_of(client.get(url, {"q": "<b>"}))
    assert len(types_on(text_of(client.get(url, {"status": "nonsense", "period": "nonsense"})))) == 4


def test_the_detail_says_what_became_of_it_and_hides_secrets(business: Business, client: Client) -> None:
    payload = {"data": {"object": {"client_secret": "pi_1_secret_Leaked", "note": "sk_live_Leaked", "amount": 4900}}}
    fields = {"payload": payload, "status": "failed", "reason": "Refused: whsec_Leaked", "attempts": 8}
    event = add_events(business.merchant, 1, **fields)[0]
    answer = client.get(business.url(f"inbox/{event.id}"))
    html = text_of(answer)
    assert_strict(answer)
    assert "Leaked" not in html
    assert "&quot;amount&quot;: 4900" in html
    assert "given up after 8 attempts" in html
    assert "Refused: ••••" in html


@pytest.mark.parametrize(
    ("status", "reason", "says"),
    [
        ("processed", "", "It was applied"),
        ("processed", "stale", "newer already"),
        ("ignored", "no handler", "keeps nothing of this type"),
        ("ignored", "other mode", "never applied here"),
        ("pending", "", "waits for its turn"),
    ],
)
def test_every_outcome_is_explained(business: Business, client: Client, status: str, reason: str, says: str) -> None:
    event = add_events(business.merchant, 1, status=status, reason=reason)[0]
    html = text_of(client.get(business.url(f"inbox/{event.id}")))
    assert says in html
    assert (">Replay</button>" in html) is (status != "pending")


def test_lag_is_told(business: Business, client: Client) -> None:
    came = datetime(2026, 3, 1, tzinfo=UTC)
    for seconds, says in ((0.4, "after 0.4 s"), (12, "after 12 s"), (300, "after 5 min"), (9000, "after 2 h")):
        done = came + timedelta(seconds=seconds)
        event = add_events(business.merchant, 1, received_at=came, processed_at=done)[0]
        assert says in text_of(client.get(business.url(f"inbox/{event.id}")))


def test_one_is_replayed(business: Business, client: Client) -> None:
    event = add_events(business.merchant, 1, status="failed")[0]
    url = business.url(f"inbox/{event.id}")
    assert "applied again" in text_of(client.post(f"{url}/replay", follow=True))
    assert statuses(business) == ["pending"]
    assert "waiting already" in text_of(client.post(f"{url}/replay", follow=True))


def test_the_chosen_are_replayed(business: Business, client: Client) -> None:
    first, second, _ = add_events(business.merchant, 3, status="failed")
    theirs = add_events(Business().merchant, 1, status="failed")[0]
    chosen = [str(first.id), str(second.id), str(theirs.id), "nonsense", "\x00"]
    shown = client.post(business.url("inbox/replay"), {"event": chosen}, follow=True)
    assert "2 events will be applied again" in text_of(shown)
    assert statuses(business) == ["pending", "pending", "failed"]
    with platform_scope():
        theirs.refresh_from_db()
    assert theirs.status == "failed"
    assert "No event was chosen" in text_of(client.post(business.url("inbox/replay"), follow=True))


def test_all_failed_are_replayed_after_a_question(business: Business, client: Client) -> None:
    now = timezone.now()
    add_events(business.merchant, 2, status="failed", received_at=now - timedelta(minutes=5))
    add_events(business.merchant, 1, status="failed", received_at=now - timedelta(days=3))
    url = business.url("inbox/replay-failed")
    asked = text_of(client.get(url, {"period": "hour"}))
    assert "Replay 2 failed events?" in asked
    sent = dict(re.findall(r'<input type="hidden" name="(period|until)" value="([^"]*)"', asked))
    add_events(business.merchant, 1, status="failed", received_at=timezone.now())  # after the question
    assert "2 failed events" in text_of(client.post(url, sent, follow=True))
    assert statuses(business) == ["pending", "pending", "failed", "failed"]
    for strange in ("", "x", "0001-01-01T00:00:00+00:00", "2026-01-01", "9999-12-31T23:59:59+00:00"):
        assert client.get(url, {"until": strange, "period": "month"}).status_code == 200
    assert "No event has failed" in text_of(client.get(url, {"until": "2026-01-01T00:00:00+00:00"}))


def test_an_empty_inbox_says_what_belongs_here(business: Business, client: Client) -> None:
    assert "Nothing has come yet" in text_of(client.get(business.url("inbox")))


def test_the_list_can_be_taken_away(business: Business, client: Client) -> None:
    add_events(business.merchant, 2, reason="sk_live_Leaked")
    file = b"".join(client.get(business.url("inbox?format=csv")).streaming_content).decode()  # type: ignore[attr-defined]  # a stream
    assert file.count("invoice.paid") == 2
    assert "Leaked" not in file
    assert business.browser("viewer").get(business.url("inbox?format=csv")).status_code == 403


def test_the_number_of_statements_does_not_grow(business: Business, client: Client) -> None:
    add_events(business.merchant, 1, status="failed")
    url = business.url("inbox")
    with_one = statements(client, url)
    add_events(business.merchant, 499, status="failed")
    assert with_one == statements(client, url) <= BUDGET
    assert statements(client, f"{url}?q=invoice.&status=failed&period=month") <= BUDGET
    with platform_scope():
        event = WebhookEvent.objects.filter(merchant=business.merchant)[0]
    assert statements(client, business.url(f"inbox/{event.id}")) <= BUDGET
