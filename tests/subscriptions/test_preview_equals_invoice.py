"""A preview shows the invoices that then come, to the cent and line by line: the one of the change, and the next."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.scenes import DAY, JANUARY
from tests.subscriptions.shop import Shop, as_previewed

Items = dict[str, int | None]
Setting = Callable[[Shop], None]


@dataclass
class Scenario:
    """`day` (after 1 January, when the subscription begins) is when the change is asked for; `setting` comes before.
    `now` and `next` are what is due then, where it was worked out by hand."""

    held: Items
    wanted: Items
    day: float
    terms: dict[str, Any] = field(default_factory=dict)
    when: Any = "now"
    proration: str | None = None
    setting: Setting | None = None
    now: int | None = None
    next: int | None = None
    worded: bool = True  # whether also the lines' words are foreseen


def credit(shop: Shop) -> None:
    shop.v1.customers.update(shop.stripe_customer, {"balance": -7000}, shop.account)


def debt(shop: Shop) -> None:
    shop.v1.customers.update(shop.stripe_customer, {"balance": 1234}, shop.account)


def pending_item(shop: Shop) -> None:
    params = {"customer": shop.stripe_customer, "amount": 1500, "currency": "usd", "description": "Setup"}
    shop.v1.invoice_items.create(params | {"subscription": shop.id}, shop.account)


def taxed(*, inclusive: bool) -> Setting:
    def tax(shop: Shop) -> None:
        params = {"display_name": "VAT", "percentage": 19, "inclusive": inclusive}
        rate = shop.v1.tax_rates.create(params, shop.account).id
        shop.v1.subscriptions.update(shop.id, {"default_tax_rates": [rate]}, shop.account)

    return tax


def coupon(*, on_item: bool = False, **terms: Any) -> Setting:
    def discount(shop: Shop) -> None:
        made = shop.v1.coupons.create({**terms}, shop.account).id
        discounts = [{"coupon": made}]
        items = shop.in_stripe()["items"]["data"]
        params = {"items": [{"id": items[0]["id"], "discounts": discounts}]} if on_item else {"discounts": discounts}
        shop.v1.subscriptions.update(shop.id, params, shop.account)

    return discount


def both(*settings: Setting) -> Setting:
    def all_of(shop: Shop) -> None:
        for setting in settings:
            setting(shop)

    return all_of


def more_support(shop: Shop) -> None:
    body = {"items": shop.items({"basic": 1, "addon": 3}), "proration": "prorate_at_renewal"}
    shop.api.made(shop.path("change"), body)


def canceling(shop: Shop) -> None:
    shop.api.made(shop.path("cancel"), {})


def paused(shop: Shop) -> None:
    shop.api.made(shop.path("pause"), {"behavior": "mark_uncollectible"})


def used(shop: Shop) -> None:
    payload = {"stripe_customer_id": shop.stripe_customer, "value": "300"}
    shop.v1.billing.meter_events.create(
        {"event_name": "calls", "payload": payload, "timestamp": JANUARY + 60}, shop.account
    )


def downgrade_waits(shop: Shop) -> None:
    shop.api.made(shop.path("change"), {"items": shop.items({"basic": 1}), "when": "renewal"})


HALF: dict[str, Any] = {"percent_off": 50}
TENTH: dict[str, Any] = {"percent_off": 10}
SCENARIOS: dict[str, Scenario] = {
    # January has 31 days: 15.5 days are left at half-time.
    "upgrade at half-time": Scenario({"basic": 1}, {"pro": 1}, 15.5, now=1500, next=4999),
    "upgrade on the first day": Scenario({"basic": 1}, {"pro": 1}, 0, now=3000, next=4999),
    "upgrade at an odd second": Scenario({"basic": 1}, {"pro": 1}, 11.0528819),
    "upgrade billed at the renewal": Scenario(
        {"basic": 1}, {"pro": 1}, 15.5, proration="prorate_at_renewal", next=1500 + 4999
    ),
    "upgrade at the full price": Scenario({"basic": 1}, {"pro": 1}, 10, proration="full_price", now=4999, next=4999),
    "upgrade for nothing now": Scenario({"basic": 1}, {"pro": 1}, 10, proration="none", next=4999),
    "upgrade at the renewal": Scenario({"basic": 1}, {"pro": 1}, 10, when="renewal", next=4999),
    "upgrade on a day to come": Scenario({"basic": 1}, {"pro": 1}, 10, when=15.5, next=1500),
    "upgrade on a day to come, billed at the renewal": Scenario(
        {"basic": 1}, {"pro": 1}, 10, when=15.5, proration="prorate_at_renewal", next=1500 + 4999
    ),
    "upgrade on a day after the renewal": Scenario({"basic": 1}, {"pro": 1}, 10, when=45, next=1999),
    "downgrade at half-time": Scenario({"pro": 1}, {"basic": 1}, 15.5, now=0, next=499),
    "downgrade at the renewal": Scenario({"pro": 1}, {"basic": 1}, 10, when="renewal", next=1999),
    "downgrade billed at the renewal": Scenario(
        {"pro": 1}, {"basic": 1}, 15.5, proration="prorate_at_renewal", next=499
    ),
    "more seats": Scenario({"seat": 3}, {"seat": 8}, 7.75),
    "fewer seats": Scenario({"seat": 8}, {"seat": 3}, 7.75),
    "fewer seats at the renewal": Scenario({"seat": 8}, {"seat": 3}, 7.75, when="renewal", next=3 * 777),
    "no seats": Scenario({"seat": 2}, {"seat": 0}, 20),
    "graduated tiers": Scenario({"graduated": 4}, {"graduated": 27}, 9),
    "volume tiers": Scenario({"volume": 4}, {"volume": 27}, 9),
    "graduated to volume": Scenario({"graduated": 12}, {"volume": 12}, 9),
    "volume tiers at the renewal": Scenario({"volume": 27}, {"volume": 6}, 9, when="renewal"),
    "fractions of a cent": Scenario({"tiny": 7}, {"tiny": 31}, 4.2),
    "month to year": Scenario({"basic": 1}, {"basic_year": 1}, 15.5, now=19990 - 1000),
    "month to year, nothing credited": Scenario({"basic": 1}, {"basic_year": 1}, 15.5, proration="none", now=19990),
    "month to year at the renewal": Scenario({"basic": 1}, {"basic_year": 1}, 15.5, when="renewal", next=19990),
    "month to year at the renewal, with what waits for it": Scenario(
        {"basic": 1}, {"pro_year": 1}, 15.5, when="renewal", setting=both(pending_item, credit),
        next=49990 + 1500 - 7000,
    ),
    "month to year at the renewal, with prorations that wait for it": Scenario(
        {"basic": 1, "addon": 1}, {"basic_year": 1, "addon_year": 3}, 15.5, when="renewal", setting=more_support,
        next=19990 + 3 * 5550 + 2 * 555,
    ),
    "year to month": Scenario({"basic_year": 1}, {"basic": 1}, 100),
    "year to another year": Scenario({"basic_year": 1}, {"pro_year": 1}, 73),
    "year to month at the renewal": Scenario({"basic_year": 1}, {"basic": 1}, 100, when="renewal", next=1999),
    "tax on top": Scenario({"basic": 1}, {"pro": 1}, 15.5, setting=taxed(inclusive=False)),
    "tax included": Scenario({"basic": 1}, {"pro": 1}, 12, setting=taxed(inclusive=True)),
    "tax on top at the renewal": Scenario(
        {"pro": 1}, {"basic": 1}, 12, when="renewal", setting=taxed(inclusive=False), next=1999 + 380
    ),
    "tax on top, month to year at the renewal": Scenario(
        {"pro": 1}, {"pro_year": 1}, 12, when="renewal", setting=taxed(inclusive=False)
    ),
    "credit balance": Scenario({"basic": 1}, {"pro": 1}, 15.5, setting=credit, now=0, next=0),
    "debt": Scenario({"basic": 1}, {"pro": 1}, 15.5, setting=debt, now=1500 + 1234, next=4999),
    "a pending item": Scenario({"basic": 1}, {"pro": 1}, 15.5, setting=pending_item, now=1500 + 1500, next=4999),
    "a pending item waits for the renewal": Scenario(
        {"pro": 1}, {"basic": 1}, 15.5, when="renewal", setting=pending_item, next=1999 + 1500
    ),
    "a discount for ever": Scenario({"basic": 1}, {"pro": 1}, 15.5, setting=coupon(duration="forever", **TENTH)),
    "a discount of an amount": Scenario(
        {"basic": 1, "addon": 2}, {"pro": 1, "addon": 2}, 15.5,
        setting=coupon(duration="forever", amount_off=500, currency="usd"),
    ),
    "a discount of an item": Scenario(
        {"basic": 1}, {"pro": 1}, 15.5, setting=coupon(on_item=True, duration="forever", **HALF)
    ),
    "a discount that this invoice uses up": Scenario(
        {"basic": 1}, {"pro": 1}, 10, setting=coupon(duration="once", **HALF), proration="full_price",
        now=2499, next=4999,
    ),
    "a discount that the renewal uses": Scenario(
        {"basic": 1}, {"pro": 1}, 10, setting=coupon(duration="once", **HALF), proration="none", next=2499
    ),
    "a discount used at a later change": Scenario(
        {"pro": 1}, {"basic": 1}, 10, setting=coupon(duration="once", **HALF), when="renewal", next=999
    ),
    "a discount that ends before the renewal": Scenario(
        {"basic_year": 1}, {"pro_year": 1}, 40, next=49990,
        setting=coupon(duration="repeating", duration_in_months=3, **HALF),
    ),
    "a discount that lasts beyond the renewal": Scenario(
        {"basic": 1}, {"pro": 1}, 10, setting=coupon(duration="repeating", duration_in_months=3, **HALF), next=2499
    ),
    "several items": Scenario({"basic": 1, "seat": 3}, {"pro": 1, "seat": 5, "addon": 1}, 13),
    "an item less": Scenario({"basic": 1, "addon": 1}, {"basic": 1}, 13),
    "an item more": Scenario({"basic": 1}, {"basic": 1, "addon": 1}, 13),
    "several items at the renewal": Scenario({"pro": 1, "seat": 3}, {"basic": 1, "seat": 1}, 13, when="renewal"),
    "several items to years at the renewal": Scenario(
        {"pro": 1, "addon": 1}, {"pro_year": 1, "addon_year": 1}, 13, when="renewal"
    ),
    "upgrade though it ends": Scenario({"basic": 1}, {"pro": 1}, 15.5, setting=canceling, now=1500),
    "upgrade though collection is paused": Scenario({"basic": 1}, {"pro": 1}, 15.5, setting=paused, next=4999),
    "free to paid": Scenario({"free": 1}, {"pro": 1}, 10, now=4999, next=4999),
    "free to paid at the renewal": Scenario({"free": 1}, {"pro": 1}, 10, when="renewal", next=4999),
    "paid to free": Scenario({"pro": 1}, {"free": 1}, 15.5, now=0, next=0),
    "paid to free at the renewal": Scenario({"pro": 1}, {"free": 1}, 15.5, when="renewal", next=0),
    "in a trial": Scenario({"basic": 1}, {"pro": 1}, 5, terms={"trial_days": 14}, next=4999),
    "in a trial, to a year": Scenario({"basic": 1}, {"pro_year": 1}, 5, terms={"trial_days": 14}, next=49990),
    "as the trial ends": Scenario({"basic": 1}, {"pro": 1}, 5, terms={"trial_days": 14}, when="renewal", next=4999),
    "as the trial ends, to a year": Scenario(
        {"basic": 1}, {"pro_year": 1}, 5, terms={"trial_days": 14}, when="renewal", next=49990
    ),
    "beside a metered item": Scenario({"basic": 1, "metered": None}, {"pro": 1, "metered": None}, 10, setting=used),
    "beside a metered item at the renewal": Scenario(
        {"pro": 1, "metered": None}, {"basic": 1, "metered": None}, 10, when="renewal", setting=used, next=1999 + 2100
    ),
    "a metered item leaves": Scenario({"basic": 1, "metered": None}, {"pro": 1}, 10, setting=used),
    "a metered item leaves at the renewal": Scenario(
        {"pro": 1, "metered": None}, {"basic": 1}, 10, when="renewal", setting=used, next=1999 + 2100, worded=False
    ),
    "nothing differs": Scenario({"basic": 1}, {"basic": 1}, 10, next=1999),
    "upgrade while a downgrade waits": Scenario(
        {"pro": 1}, {"pro": 2}, 15.5, setting=downgrade_waits, now=2499, next=9998
    ),
    "another downgrade while one waits": Scenario(
        {"pro": 2}, {"pro": 1}, 15.5, setting=downgrade_waits, when="renewal", next=4999
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_preview_equals_invoice(shop: Shop, name: str) -> None:
    scenario = SCENARIOS[name]
    shop.open()
    shop.subscribe(scenario.held, **scenario.terms)
    if scenario.setting:
        scenario.setting(shop)
    shop.deliveries.flush()
    if scenario.day:
        shop.advance(scenario.day)
    body = asked(shop, scenario)
    before = shop.invoices()
    preview = shop.api.made(shop.path("preview"), body)
    assert shop.deliveries.flush() == [], "a preview leaves nothing behind"

    proration_at = {"proration_at": preview["proration_at"]} if scenario.when == "now" else {}
    changed = shop.api.made(shop.path("change"), {**body, **proration_at})
    shop.deliveries.flush()
    assert came(shop, before, preview["now"])
    if preview["when"] != "now":
        assert changed["scheduled_change"]["at"] == preview["effective_at"]

    before = shop.invoices()
    renewal = preview["next"]["at"] if preview["next"] else None
    shop.advance_to(seconds(renewal) + 7200 if renewal else JANUARY + 70 * DAY)
    assert came(shop, before, preview["next"], worded=scenario.worded)
    if scenario.now is not None:
        assert preview["now"]["amount_due"] == scenario.now
    if scenario.next is not None:
        assert preview["next"]["amount_due"] == scenario.next


def asked(shop: Shop, scenario: Scenario) -> dict[str, Any]:
    when = scenario.when if isinstance(scenario.when, str) else at(JANUARY + scenario.when * DAY)
    body: dict[str, Any] = {"items": shop.items(scenario.wanted), "when": when}
    return body | ({"proration": scenario.proration} if scenario.proration else {})


def came(shop: Shop, before: list[Any], preview: dict[str, Any] | None, *, worded: bool = True) -> bool:
    """Whether the one invoice that has come since is the one that was shown; none where none was."""
    known = {row.id for row in before}
    new = [row for row in shop.invoices() if row.id not in known]
    if preview is None:
        return new == []
    shown = {name: value for name, value in preview.items() if name != "at"}
    assert new, f"no invoice came, but this was shown: {shown}"
    invoiced = as_previewed(new[0])
    for line in [*invoiced["lines"], *shown["lines"]] if not worded else []:
        del line["description"], line["quantity"], line["price"]
    assert invoiced == shown
    assert at(new[0].period_end.timestamp()) == preview["at"]
    return True


def at(timestamp: float) -> str:
    return datetime.fromtimestamp(round(timestamp), UTC).isoformat().replace("+00:00", "Z")


def seconds(instant: str) -> int:
    return round(datetime.fromisoformat(instant).timestamp())


def test_there_are_scenarios_enough() -> None:
    assert len(SCENARIOS) >= 30
