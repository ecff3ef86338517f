"""Moving subscribers to another version: now or at renewal, with a preview, a report, and after any accident."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from subscriptions.models import VersionMigrationStep
from subscriptions.services import moves
from tests.scenes import Scene
from tests.subscriptions.test_versions import limit, patched, versions


def migrate(scene: Scene, **body: Any) -> dict[str, Any]:
    return scene.api.made(f"/products/{scene.product['id']}/migrations", body)


def preview(scene: Scene, **body: Any) -> dict[str, Any]:
    return scene.api.made(f"/products/{scene.product['id']}/migrations/preview", body)


def worked_off(scene: Scene, migration: dict[str, Any]) -> dict[str, Any]:
    while moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"]):
        pass
    scene.deliveries.flush()
    return scene.api.found(f"/migrations/{migration['id']}")


def report(scene: Scene, migration: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.api.found(f"/migrations/{migration['id']}/steps", limit="100")["data"]
    return found


def subscription(scene: Scene, subscription_id: str | None = None) -> dict[str, Any]:
    return scene.api.found(f"/subscriptions/{subscription_id or scene.subscription['id']}")


def stripe_invoices(scene: Scene, stripe_id: str | None = None) -> list[Any]:
    wanted: Any = {"subscription": stripe_id or scene.subscription["stripe_id"], "limit": 100}
    return list(scene.stripe_client.v1.invoices.list(wanted, scene.account).data)


def more_subscribers(scene: Scene, count: int, **body: Any) -> list[dict[str, Any]]:
    """On the clock of the scene, with a quantity of two."""
    found = []
    for _ in range(count):
        customer = scene.api.made(
            "/customers", {"name": "Another", "payment_method": "pm_card_visa", "test_clock": scene.clock}
        )
        order = {"customer_id": customer["id"], "items": [{"price": scene.price["id"], "quantity": 2}], **body}
        found.append(scene.api.made("/subscriptions", order))
    scene.deliveries.flush()
    return found


@pytest.fixture
def dearer(scene: Scene) -> dict[str, Any]:
    """The product's second version: 59 dollars instead of 49, 2,000 calls instead of 1,000, no single sign-on."""
    return scene.api.made(
        f"/products/{scene.product['id']}/versions",
        {
            "features": [{"feature": "api_calls", "limit": 2000}],
            "prices": [{"price": scene.price["id"], "unit_amount": 5900}],
        },
    )


def test_all_are_moved_now_without_a_bill(scene: Scene, dearer: dict[str, Any]) -> None:
    others = more_subscribers_on_old(scene, 2)
    migration = migrate(scene, when="now")
    assert (migration["status"], migration["steps"]["pending"], migration["target_version"]) == ("running", 3, 2)
    done = worked_off(scene, migration)
    assert (done["status"], done["steps"]["moved"]) == ("completed", 3)
    assert done["finished_at"]
    new = dearer["prices"][0]
    for row in (scene.subscription, *others):
        item = subscription(scene, row["id"])["items"][0]
        assert (item["price"], item["quantity"]) == (new["id"], row["items"][0]["quantity"])
        assert len(stripe_invoices(scene, row["stripe_id"])) == 1
    assert (limit(scene), scene.allowed("sso")) == (2000, False)
    assert [(version["number"], version["subscribers"]) for version in versions(scene)] == [(2, 3), (1, 0)]
    assert sorted((step["mrr_before"], step["mrr_after"], step["status"]) for step in report(scene, migration)) == [
        (4900, 5900, "moved"), (9800, 11800, "moved"), (9800, 11800, "moved"),
    ]  # fmt: skip


def more_subscribers_on_old(scene: Scene, count: int) -> list[dict[str, Any]]:
    """Some more of the first version, which is archived: sold to them in Stripe, by the merchant."""
    scene.api.request("PATCH", f"/prices/{scene.price['id']}", {"active": True})
    found = more_subscribers(scene, count)
    scene.api.request("PATCH", f"/prices/{scene.price['id']}", {"active": False})
    return found


def test_moved_at_renewal(scene: Scene, dearer: dict[str, Any]) -> None:
    scene.advance(days=10)
    migration = migrate(scene, when="renewal")
    done = worked_off(scene, migration)
    assert (done["status"], done["steps"]["scheduled"]) == ("completed", 1)
    (step,) = report(scene, migration)
    assert (step["status"], step["mrr_before"], step["mrr_after"]) == ("scheduled", 4900, 5900)
    assert (subscription(scene)["mrr"], limit(scene)) == (4900, 1000)
    scene.advance(days=22)
    assert (subscription(scene)["mrr"], limit(scene)) == (5900, 2000)
    assert sorted(invoice.total for invoice in stripe_invoices(scene)) == [4900, 5900]
    (step,) = report(scene, migration)
    assert (step["status"], step["mrr_after"]) == ("moved", 5900)
    scene.advance(days=31)  # the schedule has let go: it renews by itself
    assert sorted(invoice.total for invoice in stripe_invoices(scene)) == [4900, 5900, 5900]
    row = scene.stripe_client.v1.subscriptions.retrieve(scene.subscription["stripe_id"], None, scene.account)
    assert row.schedule is None


def test_what_is_due_now_is_what_the_preview_says(scene: Scene, dearer: dict[str, Any]) -> None:
    scene.advance(days=10)
    found = preview(scene, when="now", proration="prorate")
    (subscriber,) = found["subscribers"]
    assert (found["moving"], found["skipped"]) == (1, 0)
    assert found["versions"] == [
        {
            "number": 1,
            "subscriptions": 1,
            "features": {
                "added": [],
                "removed": ["sso"],
                "changed": [{"feature": "api_calls", "from": 1000, "to": 2000}],
            },
        }
    ]
    assert found["sums"]["usd"] == {
        "mrr_before": 4900, "mrr_after": 5900, "due_now": subscriber["due_now"], "due_now_unknown": 0,
    }  # fmt: skip
    assert versions(scene)[0]["subscribers"] == 0  # nothing has happened
    migration = migrate(scene, when="now", proration="prorate")
    worked_off(scene, migration)
    newest, first = stripe_invoices(scene)
    assert (newest.amount_due, first.amount_due) == (subscriber["due_now"], 4900)
    assert 0 < newest.amount_due < 1000


def test_a_preview_without_proration_owes_nothing(scene: Scene, dearer: dict[str, Any]) -> None:
    for body in ({"when": "now"}, {"when": "now", "proration": "prorate_at_renewal"}, {"when": "renewal"}):
        found = preview(scene, **body)
        assert found["sums"]["usd"] == {"mrr_before": 4900, "mrr_after": 5900, "due_now": 0, "due_now_unknown": 0}


def test_one_whom_stripe_refuses_does_not_hide_the_others(scene: Scene, dearer: dict[str, Any]) -> None:
    """One was canceled in Stripe, and nobody has told us yet."""
    (other,) = more_subscribers_on_old(scene, 1)
    scene.advance(days=10)
    scene.stripe_client.v1.subscriptions.cancel(other["stripe_id"], None, scene.account)
    found = preview(scene, when="now", proration="prorate")
    due = {one["subscription"]: one["due_now"] for one in found["subscribers"]}
    assert due.pop(other["id"]) is None
    assert (found["moving"], found["sums"]["usd"]["due_now_unknown"]) == (2, 1)
    assert 0 < found["sums"]["usd"]["due_now"] == due[scene.subscription["id"]]


def test_the_chosen_are_found_with_one_statement(scene: Scene, dearer: dict[str, Any]) -> None:
    (other,) = more_subscribers_on_old(scene, 1)

    def statements(chosen: list[str]) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert preview(scene, when="now", subscriptions=chosen)["moving"] == 1
        return len(captured)

    names = [other["id"], other["stripe_id"]]
    assert statements(names * 50) == statements(names[:1])
    address, wrong = f"/products/{scene.product['id']}/migrations", [*names, "sub_of_nobody", "sub_either"]
    refused = scene.api.post(address, {"subscriptions": wrong}).json()["error"]
    assert (refused["code"], refused["param"]) == ("resource_missing", "subscriptions[2]")
    assert "sub_of_nobody" in refused["message"]


def test_discounts_stay(scene: Scene, dearer: dict[str, Any]) -> None:
    v1 = scene.stripe_client.v1
    v1.coupons.create({"id": "HALF", "percent_off": 50, "duration": "forever"}, scene.account)
    v1.subscriptions.update(scene.subscription["stripe_id"], {"discounts": [{"coupon": "HALF"}]}, scene.account)
    scene.deliveries.flush()
    assert preview(scene, when="now")["sums"]["usd"]["mrr_after"] == 2950
    worked_off(scene, migrate(scene, when="renewal"))
    scene.advance(days=32)
    assert subscription(scene)["mrr"] == 2950
    assert stripe_invoices(scene)[0].total == 2950


def test_a_price_without_counterpart_is_skipped_and_said(scene: Scene) -> None:
    api = scene.api
    body = {"product": scene.product["id"], "currency": "usd", "unit_amount": 49000, "interval": "year"}
    yearly = api.made("/prices", body)
    customer = api.made("/customers", {"name": "Y", "payment_method": "pm_card_visa", "test_clock": scene.clock})
    order = {"customer_id": customer["id"], "items": [{"price": yearly["id"]}]}
    other = api.made("/subscriptions", order)
    api.made(
        f"/products/{scene.product['id']}/versions",
        {"prices": [{"price": scene.price["id"], "unit_amount": 5900}], "drop_prices": [yearly["id"]]},
    )
    found = preview(scene, when="now")
    assert {one["subscription"]: one["skipped"] for one in found["subscribers"]} == {
        scene.subscription["id"]: "", other["id"]: "no_counterpart",
    }  # fmt: skip
    migration = migrate(scene, when="now")
    done = worked_off(scene, migration)
    assert (done["status"], done["steps"]["moved"], done["steps"]["skipped"]) == ("completed", 1, 1)
    assert {step["subscription"]: step["reason"] for step in report(scene, migration)}[other["id"]] == "no_counterpart"
    assert subscription(scene, other["id"])["items"][0]["price"] == yearly["id"]


def test_who_is_about_to_end_or_to_change_is_left_alone(scene: Scene, dearer: dict[str, Any]) -> None:
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    assert preview(scene, when="renewal")["subscribers"][0]["skipped"] == "canceling"
    assert preview(scene, when="now")["moving"] == 1
    (other,) = more_subscribers_on_old(scene, 1)
    v1 = scene.stripe_client.v1
    v1.subscription_schedules.create({"from_subscription": other["stripe_id"]}, scene.account)
    scene.deliveries.flush()
    found = preview(scene, when="now", subscriptions=[other["id"]])
    assert [one["skipped"] for one in found["subscribers"]] == ["change_scheduled"]


def test_a_card_that_declines_leaves_the_subscription_as_it_was(scene: Scene, dearer: dict[str, Any]) -> None:
    v1, customer = scene.stripe_client.v1, scene.customer["stripe_id"]
    method = v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}, scene.account)
    v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}}, scene.account)
    scene.advance(days=10)
    migration = migrate(scene, when="now", proration="prorate")
    done = worked_off(scene, migration)
    assert (done["status"], done["steps"]["failed"]) == ("completed", 1)
    (step,) = report(scene, migration)
    assert step["reason"].startswith("card_declined: ")
    assert (subscription(scene)["mrr"], subscription(scene)["status"]) == (4900, "active")
    assert limit(scene) == 1000


def test_pause_resume_and_cancel(scene: Scene, dearer: dict[str, Any]) -> None:
    more_subscribers_on_old(scene, 2)
    migration = migrate(scene, when="now")
    address = f"/migrations/{migration['id']}"
    merchant = scene.api.merchant
    assert moves.work_off(merchant=merchant, migration_id=migration["id"], limit=1)
    assert scene.api.made(f"{address}/pause")["status"] == "paused"
    assert scene.api.made(f"{address}/pause")["status"] == "paused"
    assert not moves.work_off(merchant=merchant, migration_id=migration["id"])
    assert scene.api.found(address)["steps"] == {"pending": 2, "moved": 1, "scheduled": 0, "skipped": 0, "failed": 0}
    refused = scene.api.post(f"/products/{scene.product['id']}/migrations", {})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "migration_running")
    assert scene.api.made(f"{address}/resume")["status"] == "running"
    assert moves.work_off(merchant=merchant, migration_id=migration["id"], limit=1)
    canceled = scene.api.made(f"{address}/cancel")
    assert (canceled["status"], canceled["steps"]["moved"], canceled["steps"]["skipped"]) == ("canceled", 2, 1)
    refused = scene.api.post(f"{address}/resume")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "migration_ended")
    assert not moves.work_off(merchant=merchant, migration_id=migration["id"])
    assert worked_off(scene, migrate(scene, when="now"))["steps"]["moved"] == 1


def test_cancel_takes_back_what_was_scheduled(scene: Scene, dearer: dict[str, Any]) -> None:
    more_subscribers_on_old(scene, 1)
    migration = migrate(scene, when="renewal")
    assert moves.work_off(merchant=scene.api.merchant, migration_id=migration["id"], limit=1)
    assert (scene.api.merchant.id, migration["id"]) in unfinished()
    scene.api.made(f"/migrations/{migration['id']}/cancel")
    assert (scene.api.merchant.id, migration["id"]) in unfinished()
    done = worked_off(scene, migration)
    assert (done["status"], done["steps"]["skipped"]) == ("canceled", 2)
    assert (scene.api.merchant.id, migration["id"]) not in unfinished()
    scene.advance(days=32)
    assert subscription(scene)["mrr"] == 4900


def unfinished() -> list[tuple[Any, str]]:
    return [(merchant_id, str(migration_id)) for merchant_id, migration_id in moves.unfinished(limit=10_000)]


def test_only_the_chosen(scene: Scene, dearer: dict[str, Any]) -> None:
    (other,) = more_subscribers_on_old(scene, 1)
    patched(scene.api, f"/prices/{dearer['prices'][0]['id']}", {"unit_amount": 6000})  # nobody is on it: in place
    assert preview(scene, from_versions=[1], subscriptions=[other["stripe_id"]])["moving"] == 1
    worked_off(scene, migrate(scene, when="now", subscriptions=[other["id"]]))
    assert (subscription(scene)["mrr"], subscription(scene, other["id"])["mrr"]) == (4900, 12000)
    patched(scene.api, f"/products/{scene.product['id']}", {"features": []})
    assert [version["number"] for version in versions(scene)] == [3, 2, 1]
    assert preview(scene, from_versions=[2])["moving"] == 1
    worked_off(scene, migrate(scene, when="now", from_versions=[2]))
    assert [version["subscribers"] for version in versions(scene)] == [1, 0, 1]


def test_nobody_to_move(scene: Scene, dearer: dict[str, Any]) -> None:
    worked_off(scene, migrate(scene, when="now"))
    refused = scene.api.post(f"/products/{scene.product['id']}/migrations", {})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "nothing_to_move")
    assert preview(scene)["moving"] == 0


def test_a_scheduled_move_is_in_use(scene: Scene, dearer: dict[str, Any]) -> None:
    """What is to come for somebody is not edited under his hands."""
    worked_off(scene, migrate(scene, when="renewal"))
    assert patched(scene.api, f"/prices/{dearer['prices'][0]['id']}", {"unit_amount": 9900})["version"] == 3
    scene.advance(days=32)
    assert subscription(scene)["mrr"] == 5900


def steps_of(merchant: Merchant) -> list[VersionMigrationStep]:
    with scope(merchant.id):
        return list(VersionMigrationStep.objects.for_merchant(merchant.id).order_by("id"))
