"""Every kind of price, as Stripe has it and as MRR counts it."""

from typing import Any

import pytest

from subscriptions.mrr import subscription_mrr
from tests.scenes import Scene
from tests.subscriptions.test_versions import patched

MONTHLY = {"currency": "usd", "interval": "month"}
TIERS = [{"up_to": 10, "unit_amount": 500}, {"up_to": "inf", "unit_amount_decimal": "0.5", "flat_amount": 100}]


def made(scene: Scene, **body: Any) -> dict[str, Any]:
    return scene.api.made("/prices", {"product": scene.product["id"], **body})


def stripe_price(scene: Scene, price: dict[str, Any]) -> Any:
    expand: Any = {"expand": ["tiers"]}
    return scene.stripe_client.v1.prices.retrieve(price["stripe_id"], expand, scene.account)


@pytest.mark.parametrize("mode", ["graduated", "volume"])
def test_tiers(scene: Scene, mode: str) -> None:
    price = made(scene, **MONTHLY, tiers_mode=mode, tiers=TIERS, tax_behavior="exclusive")
    assert (price["billing_scheme"], price["tiers_mode"], price["unit_amount"]) == ("tiered", mode, None)
    found = stripe_price(scene, price)
    assert [(tier.up_to, str(tier.unit_amount_decimal)) for tier in found.tiers] == [(10, "500"), (None, "0.5")]
    assert (found.tax_behavior, price["tax_behavior"]) == ("exclusive", "exclusive")
    changed = patched(scene.api, f"/prices/{price['id']}", {"tiers_mode": mode, "tiers": TIERS[1:]})
    assert (len(changed["tiers"]), changed["version"], changed["tax_behavior"]) == (1, 2, "exclusive")
    assert (
        patched(scene.api, f"/prices/{changed['id']}", {"tiers_mode": mode, "tiers": TIERS[1:]})["id"] == changed["id"]
    )


def test_free_one_off_and_fractions_of_a_cent(scene: Scene) -> None:
    assert made(scene, **MONTHLY, unit_amount=0)["unit_amount"] == 0
    assert made(scene, currency="usd", unit_amount=900)["interval"] == ""
    exact = made(scene, **MONTHLY, unit_amount_decimal="0.05")
    assert (exact["unit_amount"], exact["unit_amount_decimal"]) == (None, "0.05")
    assert str(stripe_price(scene, exact).unit_amount_decimal) == "0.05"


def test_packages_count_as_many_as_they_fill(scene: Scene) -> None:
    price = made(scene, **MONTHLY, unit_amount=300, transform_quantity={"divide_by": 5, "round": "up"})
    assert price["transform_quantity"] == {"divide_by": 5, "round": "up"}
    customer = scene.api.made("/customers", {"name": "Seats", "payment_method": "pm_card_visa"})
    order = {"customer_id": customer["id"], "items": [{"price": price["id"], "quantity": 11}]}
    subscription = scene.api.made("/subscriptions", order)
    (invoice,) = scene.stripe_client.v1.invoices.list({"subscription": subscription["stripe_id"]}, scene.account).data
    assert subscription["mrr"] == invoice.total == 900


@pytest.mark.parametrize(("rounded", "packages"), [("up", 3), ("down", 2)])
def test_packages_are_rounded(rounded: str, packages: int) -> None:
    price = {
        "unit_amount": 300, "recurring": {"interval": "month"},
        "transform_quantity": {"divide_by": 5, "round": rounded},
    }  # fmt: skip
    shown = {"status": "active", "items": {"data": [{"quantity": 11, "price": price}]}}
    assert subscription_mrr(shown) == 300 * packages


def test_a_metered_price_makes_stripes_meter_once(scene: Scene) -> None:
    body = {**MONTHLY, "usage_type": "metered", "meter": "api_calls", "unit_amount_decimal": "0.2"}
    price = made(scene, **body)
    (meter,) = scene.stripe_client.v1.billing.meters.list(None, scene.account).data
    assert (meter.event_name, meter.display_name, meter.default_aggregation.formula) == (
        "api_calls", "API calls", "sum",
    )  # fmt: skip
    assert (price["usage_type"], price["meter_id"]) == ("metered", meter.id)
    assert made(scene, **body, nickname="Another")["meter_id"] == meter.id
    assert len(scene.stripe_client.v1.billing.meters.list(None, scene.account).data) == 1
    scene.api.made("/meters", {"key": "gb", "name": "GB", "aggregation": "count"})
    version = scene.api.made(
        f"/products/{scene.product['id']}/versions",
        {"features": [], "add_prices": [{**body, "meter": "gb"}, {**body, "meter": "gb", "interval": "year"}]},
    )
    gigabytes = {one["meter_id"] for one in version["prices"]} - {meter.id, ""}
    assert (version["number"], len(version["prices"]), len(gigabytes)) == (2, 5, 1)


def test_a_key_that_is_sent_again_makes_one_price(scene: Scene) -> None:
    body = {**MONTHLY, "usage_type": "metered", "meter": "api_calls", "unit_amount": 2}
    first = scene.api.made("/prices", {"product": scene.product["id"], **body}, key="metered-1")
    assert scene.api.made("/prices", {"product": scene.product["id"], **body}, key="metered-1") == first
    assert len(scene.api.found("/prices")["data"]) == 2


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({**MONTHLY, "tiers": TIERS}, 400, "tiers_mode"),
    ({**MONTHLY, "tiers_mode": "volume", "unit_amount": 1}, 400, "tiers"),
    ({**MONTHLY, "tiers_mode": "volume", "tiers": TIERS[:1]}, 400, "tiers"),
    ({**MONTHLY, "tiers_mode": "volume", "tiers": [*TIERS[1:], *TIERS[1:]]}, 400, "tiers"),
    ({**MONTHLY, "tiers_mode": "volume", "tiers": [TIERS[0], TIERS[0], TIERS[1]]}, 400, "tiers"),
    ({**MONTHLY, "tiers_mode": "volume", "tiers": [{"up_to": "inf"}]}, 400, "tiers[0][unit_amount]"),
    ({**MONTHLY, "tiers_mode": "volume", "tiers": TIERS, "unit_amount": 5}, 400, "tiers"),
    ({**MONTHLY, "unit_amount": 5, "unit_amount_decimal": "5"}, 400, "unit_amount_decimal"),
    ({**MONTHLY, "unit_amount_decimal": 0.5}, 400, "unit_amount_decimal"),
    ({**MONTHLY, "unit_amount_decimal": "-1"}, 400, "unit_amount_decimal"),
    ({**MONTHLY, "unit_amount": 5, "usage_type": "metered"}, 400, "meter"),
    ({**MONTHLY, "unit_amount": 5, "meter": "api_calls"}, 400, "usage_type"),
    ({**MONTHLY, "unit_amount": 5, "usage_type": "metered", "meter": "none"}, 404, "meter"),
    ({"currency": "usd", "unit_amount": 5, "usage_type": "metered", "meter": "api_calls"}, 400, "interval"),
    ({**MONTHLY, "unit_amount": 5, "transform_quantity": {"divide_by": 0, "round": "up"}}, 400,
     "transform_quantity[divide_by]"),
]  # fmt: skip


def test_a_wrong_price_is_refused(scene: Scene, subtests: pytest.Subtests) -> None:
    for body, status, param in BAD:
        with subtests.test(body=body):
            answer = scene.api.post("/prices", {"product": scene.product["id"], **body})
            assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.content
