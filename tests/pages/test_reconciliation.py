"""Reconciliation in the browser: runs, what they found, and one more now."""

import re
from typing import Any

import pytest
from django.test import Client

from billingos.common.tenancy import scope
from billingos.reconciliation.models import ReconciliationRun
from tests.fixtures import Api
from tests.pages.business import Business
from tests.pages.filling import add_reconciliation
from tests.pages.looking import BUDGET, assert_strict, statements, text_of
from tests.scenes import Scene


@pytest.fixture
def business(committed_db: None) -> Business:
    return Business()


@pytest.fixture
def client(business: Business) -> Client:
    return business.browser("developer")


def test_the_list_tells_what_each_run_came_to(business: Business, client: Client) -> None:
    assert "Nothing was compared yet" in text_of(client.get(business.url("reconciliation")))
    add_reconciliation(business.merchant)
    add_reconciliation(business.merchant, drifts=2)
    add_reconciliation(business.merchant, drifts=1, dry_run=True)
    add_reconciliation(business.merchant, status="failed", error="stripe_not_connected: No.")
    add_reconciliation(Business().merchant, drifts=5)
    html = text_of(client.get(business.url("reconciliation")))
    assert re.findall(r'class="badge is-\w+">(.*?)<', html) == ["Failed", "Differs", "Repaired", "Equal"]
    assert "Run now" in html
    assert_strict(client.get(business.url("reconciliation")))
    assert "Run now" not in text_of(business.browser("viewer").get(business.url("reconciliation")))


def test_a_run_shows_its_differences(business: Business, client: Client) -> None:
    run = add_reconciliation(business.merchant, drifts=3)
    url = business.url(f"reconciliation/{run.id}")
    html = text_of(client.get(url))
    assert "Customer: email" in html
    assert "old@example.com" in html
    assert "<b>new@example.com" not in html
    assert "Event never came" in html
    assert_strict(client.get(url))
    assert len(re.findall(r'class="who"', text_of(client.get(url, {"q": "cus_1"})))) == 1
    assert "No difference matches" in text_of(client.get(url, {"kind": "missing_here"}))
    stranger = add_reconciliation(Business().merchant)
    assert client.get(business.url(f"reconciliation/{stranger.id}")).status_code == 404
    answer: Any = client.get(url, {"format": "csv"})
    exported = b"".join(answer.streaming_content).decode()
    assert exported.count("cus_") == 3


def test_the_pages_keep_their_budget(business: Business, client: Client) -> None:
    runs = [add_reconciliation(business.merchant, drifts=60) for _ in range(30)]
    assert statements(client, business.url("reconciliation")) <= BUDGET
    assert statements(client, business.url(f"reconciliation/{runs[0].id}")) <= BUDGET


def test_a_run_is_asked_for(business: Business, client: Client) -> None:
    answer = client.post(business.url("reconciliation/run"), {"dry_run": "1"})
    with scope(business.merchant.id):
        run = ReconciliationRun.objects.for_merchant(business.merchant.id).get()
    assert answer["Location"] == business.url(f"reconciliation/{run.id}")
    assert (run.dry_run, run.kind, run.status) == (True, "full", "running")
    assert "under way" in text_of(client.get(answer["Location"]))
    answer = client.post(business.url("reconciliation/run"), follow=True)
    assert "is under way" in text_of(answer)
    assert business.browser("viewer").post(business.url("reconciliation/run")).status_code == 403


def test_too_much_stands_on_the_first_page(business: Business, client: Client) -> None:
    run = add_reconciliation(business.merchant, drifts=7, alert="warning")
    for page in ("home", "reconciliation"):
        assert business.url(f"reconciliation/{run.id}") in text_of(client.get(business.url(page)))
    add_reconciliation(business.merchant)
    assert "within an hour" not in text_of(client.get(business.url("home")))


def test_the_api(scene: Scene) -> None:
    api = scene.api
    made = api.made("/reconciliation/runs", {"dry_run": True})
    assert (made["object"], made["status"], made["dry_run"]) == ("reconciliation_run", "running", True)
    answer = api.post("/reconciliation/runs", {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "reconciliation_running")
    run = add_reconciliation(api.merchant, drifts=3)
    listed = api.found("/reconciliation/runs", status="finished")
    assert [one["id"] for one in listed["data"]] == [str(run.id)]
    first = api.found(f"/reconciliation/runs/{run.id}", limit=2)
    assert first["checked"] == {"customer": 12, "event": 30}
    assert [drift["field"] for drift in first["drifts"]["data"]] == ["email", "email"]
    rest = api.found(f"/reconciliation/runs/{run.id}", cursor=first["drifts"]["next_cursor"])
    assert (len(rest["drifts"]["data"]), rest["drifts"]["has_more"]) == (1, False)
    assert api.get("/reconciliation/runs/nothing").status_code == 404
    assert api.post("/reconciliation/runs", {"kind": "some"}).json()["error"]["param"] == "kind"
    reader = Api(api.merchant, scopes=["webhooks:read"])
    assert reader.post("/reconciliation/runs", {}).status_code == 403
