"""Walking through an account: nothing is left out, and nothing points to what comes later."""

from typing import Any

from billingos.stripe_gateway.listing import LISTS, Leg, legs, list_page, pages
from tests.scenes import Scene

EVERYTHING = tuple(kind for kind in LISTS if kind not in {"event", "payment_method"})


def test_a_walk_finds_what_lives_on_clocks_and_what_has_ended(scene: Scene) -> None:
    merchant, v1 = scene.api.merchant, scene.stripe_client.v1
    plain = v1.customers.create({"name": "No clock"}, scene.account)
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": False})
    found: dict[str, list[dict[str, Any]]] = {}
    for leg in legs(merchant, EVERYTHING):
        found.setdefault(leg.object_type, []).extend(row for page in pages(merchant, leg) for row in page)
    assert {row["id"] for row in found["customer"]} == {plain.id, scene.customer["stripe_id"]}
    (subscription,) = found["subscription"]
    assert (subscription["status"], subscription["items"]["data"][0]["discounts"]) == ("canceled", [])
    (invoice,) = found["invoice"]
    assert invoice["payments"]["data"][0]["status"] == "paid"  # asked for with the list
    assert [price["id"] for price in found["price"]] == [scene.price["stripe_id"]]
    assert list(found) == [kind for kind in EVERYTHING if kind in found]  # the order of the walk


def test_pages_continue_where_they_stopped(scene: Scene) -> None:
    merchant, v1 = scene.api.merchant, scene.stripe_client.v1
    made = [v1.customers.create({"name": f"Customer {n}"}, scene.account).id for n in range(5)]
    newest = list_page(merchant, "customer", limit=2)
    assert (len(newest.objects), newest.more) == (2, True)
    rest = list(pages(merchant, Leg("customer"), after=newest.objects[-1]["id"]))
    assert {row["id"] for row in [*newest.objects, *rest[0]]} == set(made)


def test_long_lists_inside_come_whole(scene: Scene) -> None:
    merchant, v1 = scene.api.merchant, scene.stripe_client.v1
    customer = v1.customers.create({"name": "Many lines"}, scene.account)
    draft = v1.invoices.create({"customer": customer.id, "pending_invoice_items_behavior": "exclude"}, scene.account)
    for number in range(12):
        line = {"customer": customer.id, "invoice": draft.id, "amount": 100 + number, "currency": "usd"}
        v1.invoice_items.create(line, scene.account)  # type: ignore[arg-type]  # a literal
    (invoice,) = list_page(merchant, "invoice", {"customer": customer.id}).objects
    assert len(invoice["lines"]["data"]) == 12
