"""A backfill as people and programs see it: it begins when an account is connected, and says how far it is."""

from typing import Any

import pytest
import stripe
from django.test import Client
from django.utils import timezone

from billingos.backfill.models import Backfill, BackfillGap
from billingos.backfill.selectors import latest_backfill, unfinished_backfills
from billingos.backfill.services import start_backfill, work_off_backfill
from billingos.backfill.tasks import backfill
from billingos.common.tenancy import scope
from billingos.merchants.models import Membership, Merchant
from billingos.merchants.services import add_member
from billingos.merchants.services.connect import refresh_account
from tests.factories import MerchantFactory, UserFactory
from tests.fixtures import Api
from tests.pages.looking import BUDGET, assert_strict, statements, text_of


@pytest.fixture
def owner(merchant: Merchant) -> Client:
    user, client = UserFactory.create(), Client()
    add_member(merchant=merchant, user=user, role=Membership.Role.OWNER)
    client.force_login(user)
    return client


def running(merchant: Merchant, **columns: Any) -> Backfill:
    row = start_backfill(merchant=merchant)
    with scope(merchant.id):
        Backfill.objects.for_merchant(merchant.id).filter(id=row.id).update(**columns)
    return row


def test_it_begins_once_when_an_account_is_connected(merchant: Merchant, stripe_client: stripe.StripeClient) -> None:
    with scope(merchant.id):
        assert latest_backfill(merchant.id) is None
    refresh_account(merchant=merchant)
    with scope(merchant.id):
        row = latest_backfill(merchant.id)
    assert row
    assert merchant.id in unfinished_backfills()
    backfill(str(merchant.id))
    refresh_account(merchant=merchant)
    with scope(merchant.id):
        again = latest_backfill(merchant.id)
    assert again
    assert (again.id, again.status, again.percent) == (row.id, "completed", 100)
    assert merchant.id not in unfinished_backfills()


def test_a_task_takes_a_slice(merchant: Merchant, stripe_client: stripe.StripeClient) -> None:
    account: Any = {"stripe_account": merchant.stripe_account_id}
    for number in range(2):
        stripe_client.v1.customers.create({"name": f"C{number}"}, account)
    start_backfill(merchant=merchant)
    slices = 1
    while work_off_backfill(merchant=merchant, seconds=0):
        slices += 1
    assert slices > 3
    with scope(merchant.id):
        row = latest_backfill(merchant.id)
    assert row
    assert (row.status, row.counts["customer"]) == ("completed", 2)


def test_an_account_that_refuses_us_ends_it(committed_db: None, simulator: object) -> None:
    merchant = MerchantFactory.create()  # whose account Stripe does not know
    start_backfill(merchant=merchant)
    backfill(str(merchant.id))
    with scope(merchant.id):
        row = latest_backfill(merchant.id)
    assert row
    assert row.error
    assert row.status == "failed"


def test_the_api_says_how_far_it_is(api: Api) -> None:
    assert api.get("/backfill").status_code == 404
    begun = api.made("/backfill", {})
    assert (begun["status"], begun["stage"], begun["percent"], begun["estimate"]) == ("running", "events", 0, None)
    assert api.made("/backfill", {})["id"] == begun["id"]
    running(api.merchant, stage="invoice", share=0.25, counts={"invoice": 50})
    found = api.found("/backfill")
    assert 0 < found["percent"] < 100
    assert (found["counts"], found["estimate"]) == ({"invoice": 50}, 200)
    refused = api.post("/backfill", {"fast": True})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "fast")


def test_the_api_lists_gaps(api: Api) -> None:
    with scope(api.merchant.id):
        BackfillGap.objects.create(
            merchant=api.merchant, subscription_stripe_id="sub_1", kind="pause_unknown", since=timezone.now()
        )
    (gap,) = api.found("/backfill/gaps")["data"]
    assert (gap["subscription"], gap["kind"], gap["until"]) == ("sub_1", "pause_unknown", None)


def test_pages_show_a_bar_while_it_runs(merchant: Merchant, owner: Client) -> None:
    pages = [f"/app/{merchant.slug}/{name}" for name in ("home", "settings/stripe", "settings/stripe/import")]
    assert "backfill-bar" not in text_of(owner.get(pages[0]))
    running(merchant, stage="invoice", share=0.5, counts={"invoice": 1234})
    for page in pages:
        answer = owner.get(page)
        assert_strict(answer)
        assert 'hx-trigger="every 3s"' in text_of(answer)
        assert statements(owner, page) <= BUDGET
    assert "1,234" in text_of(owner.get(pages[2]))
    for page in pages:  # the bar asks the page of the import, wherever it stands
        asked = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"}
        polled = text_of(owner.get(pages[2], headers=asked))
        assert (">Details</a>" in polled) == (page != pages[2]), page
        assert (">Details</a>" in text_of(owner.get(page))) == (page != pages[2]), page
    running(merchant, status="completed", finished_at=timezone.now())
    assert "backfill-bar" not in text_of(owner.get(pages[0]))
    assert "every 3s" not in text_of(owner.get(pages[2]))


def test_the_button_begins_it(merchant: Merchant, owner: Client) -> None:
    page = f"/app/{merchant.slug}/settings/stripe/import"
    assert "Import</button>" in text_of(owner.get(page))
    assert owner.post(page).status_code == 302
    html = text_of(owner.get(page))
    assert "The import has begun." in html
    assert "Import</button>" not in html
