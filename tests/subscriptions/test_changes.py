"""Changes of a subscription: when they take effect by whose rules, what is refused, and what is taken back."""

from typing import Any

import pytest

from billingos.stripe_gateway.operations import Call, send
from subscriptions.changing import Wish
from subscriptions.items import Item, paired
from subscriptions.models import Price, ProductVersion, SubscriptionItem
from subscriptions.services import change_subscription
from tests.subscriptions.shop import Shop
from tests.test_hostile_input import refused


def change(shop: Shop, items: dict[str, int | None], **terms: Any) -> Any:
    return shop.api.post(shop.path("change"), {"items": shop.items(items), **terms})


def preview(shop: Shop, items: dict[str, int | None], **terms: Any) -> dict[str, Any]:
    return shop.api.made(shop.path("preview"), {"items": shop.items(items), **terms})


def held(shop: Shop) -> dict[str, int]:
    names = {stripe_id: name for name, stripe_id in shop.prices.items()}
    return {names[item["price"]["id"]]: item.get("quantity", 0) for item in shop.in_stripe()["items"]["data"]}


# --- By whose rules --------------------------------------------------------------------------------------------------


def test_by_default_up_at_once_and_down_at_the_renewal(basic: Shop) -> None:
    shown = preview(basic, {"pro": 1})
    assert (shown["kind"], shown["when"], shown["proration"]) == ("upgrade", "now", "prorate")
    assert (shown["mrr_before"], shown["mrr_after"]) == (1999, 4999)
    changed = change(basic, {"pro": 1}).json()
    assert (changed["mrr"], changed["scheduled_change"]) == (4999, None)
    shown = preview(basic, {"basic": 1})
    assert (shown["kind"], shown["when"], shown["now"]) == ("downgrade", "renewal", None)
    assert shown["effective_at"] == shown["next"]["at"] == "2026-02-01T00:00:00Z"
    changed = change(basic, {"basic": 1}).json()
    items = [{"price": basic.price("basic"), "quantity": 1}]
    assert changed["scheduled_change"] == {"at": "2026-02-01T00:00:00Z", "items": items}
    assert (changed["mrr"], held(basic)) == (4999, {"pro": 1})
    basic.advance(31.1)
    assert (held(basic), basic.now()["mrr"], basic.now()["scheduled_change"]) == ({"basic": 1}, 1999, None)


def test_the_merchants_rules(basic: Shop) -> None:
    basic.rule(upgrade_when="renewal", downgrade_when="now", proration="none")
    assert preview(basic, {"pro": 1})["when"] == "renewal"
    shown = preview(basic, {"free": 1})
    assert (shown["when"], shown["proration"], shown["now"]) == ("now", "none", None)
    shown = preview(basic, {"pro": 1}, when="now", proration="full_price")
    assert (shown["when"], shown["proration"], shown["now"]["amount_due"]) == ("now", "full_price", 4999)


def test_the_same_again_is_an_upgrade_and_a_year_at_twelve_months_price_too(basic: Shop) -> None:
    assert preview(basic, {"basic": 1})["kind"] == "upgrade"
    assert preview(basic, {"basic_year": 1})["kind"] == "downgrade"  # 16.66 a month


def test_quantity_alone(basic: Shop) -> None:
    changed = basic.api.made(basic.path("change"), {"quantity": 3})
    assert (changed["mrr"], held(basic)) == (3 * 1999, {"basic": 3})
    assert changed["items"][0]["stripe_id"] == basic.subscription["items"][0]["stripe_id"]
    change(basic, {"basic": 1, "addon": 1}, when="now")
    refused(basic.api.post(basic.path("change"), {"quantity": 3}), 400, "invalid_request", "quantity")


def test_what_was_shown_is_charged_an_hour_later(basic: Shop) -> None:
    wanted: list[dict[str, int | None]] = [{"pro": 1}, {"pro_year": 1}]
    for items in wanted:
        shown = preview(basic, items, when="now")
        clock = basic.v1.test_helpers.test_clocks.retrieve(basic.clock, None, basic.account)
        basic.advance_to(clock.frozen_time + 3600)
        assert preview(basic, items, when="now")["now"]["total"] != shown["now"]["total"]
        assert change(basic, items, when="now", proration_at=shown["proration_at"]).status_code == 200
        basic.deliveries.flush()
        assert basic.invoices()[-1].total == shown["now"]["total"]


def test_a_change_on_a_day_to_come(basic: Shop) -> None:
    changed = change(basic, {"pro": 1}, when="2026-01-20T00:00:00Z").json()
    assert changed["scheduled_change"]["at"] == "2026-01-20T00:00:00Z"
    basic.advance(18)
    assert held(basic) == {"basic": 1}
    basic.advance(19.1)
    assert (held(basic), basic.now()["scheduled_change"]) == ({"pro": 1}, None)
    assert len(basic.invoices()) == 2
    change(basic, {"seat": 4}, when="now")  # while the schedule is still there
    assert held(basic) == {"seat": 4}


# --- Unpaid ----------------------------------------------------------------------------------------------------------


def without_money(shop: Shop) -> None:
    card = shop.v1.payment_methods.attach(
        "pm_card_chargeCustomerFail", {"customer": shop.stripe_customer}, shop.account
    )
    settings = {"invoice_settings": {"default_payment_method": card.id}}
    shop.v1.customers.update(shop.stripe_customer, settings, shop.account)
    shop.deliveries.flush()


def test_a_change_that_is_not_paid_is_not_made(basic: Shop) -> None:
    waits = change(basic, {"free": 1}).json()["scheduled_change"]
    without_money(basic)
    before = len(basic.invoices())
    refused(change(basic, {"pro": 1}), 402, "card_declined")
    basic.deliveries.flush()
    assert (held(basic), len(basic.invoices())) == ({"basic": 1}, before)
    assert (basic.now()["status"], basic.now()["scheduled_change"]) == ("active", waits)
    basic.advance(32)
    assert (held(basic), basic.now()["scheduled_change"]) == ({"free": 1}, None)


def test_a_change_that_is_made_all_the_same(basic: Shop) -> None:
    without_money(basic)
    changed = change(basic, {"pro": 1}, payment_behavior="allow_incomplete").json()
    assert (changed["status"], changed["payment"]["status"]) == ("past_due", "requires_payment_method")
    assert held(basic) == {"pro": 1}


def test_a_change_that_waits_for_its_payment(basic: Shop) -> None:
    without_money(basic)
    changed = change(basic, {"pro": 1}, payment_behavior="pending_if_incomplete").json()
    assert (changed["status"], held(basic)) == ("active", {"basic": 1})


# --- Later changes, taken back ---------------------------------------------------------------------------------------


def test_unscheduled(basic: Shop) -> None:
    refused(basic.api.post(basic.path("unschedule"), {}), 409, "nothing_scheduled")
    change(basic, {"free": 1})
    assert basic.now()["scheduled_change"]
    assert basic.api.found("/subscriptions")["data"][0]["scheduled_change"]
    assert basic.api.made(basic.path("unschedule"), {}, key="back")["scheduled_change"] is None
    again = basic.api.post(basic.path("unschedule"), {}, key="back")
    assert (again.status_code, again["Idempotent-Replayed"]) == (200, "true")
    basic.advance(32)
    assert held(basic) == {"basic": 1}


def test_the_next_change_takes_the_place_of_one_that_waits(basic: Shop) -> None:
    change(basic, {"free": 1})
    changed = change(basic, {"pro": 1}).json()
    assert (changed["scheduled_change"], held(basic)) == (None, {"pro": 1})
    change(basic, {"free": 1})
    changed = change(basic, {"seat": 2}).json()
    assert changed["scheduled_change"]["items"] == [{"price": basic.price("seat"), "quantity": 2}]
    basic.advance(31.1)
    assert held(basic) == {"seat": 2}


def schedules(shop: Shop) -> list[str]:
    """In which state Stripe has the schedules of the customer, the newest first."""
    found = shop.v1.subscription_schedules.list({"customer": shop.stripe_customer}, shop.account)
    return [schedule.status for schedule in found.data]


@pytest.mark.parametrize("waits", [False, True])
def test_within_a_trial_nothing_is_changed_but_now(trial: Shop, waits: bool) -> None:
    if waits:
        change(trial, {"free": 1}, when="renewal")
    before = trial.now()["scheduled_change"]
    for verb in ("preview", "change"):
        body = {"items": trial.items({"pro": 1}), "when": "2026-01-10T00:00:00Z"}
        error = refused(trial.api.post(trial.path(verb), body), 400, "invalid_request", "when")
        assert "trial" in error["message"]
    assert trial.now()["scheduled_change"] == before
    assert schedules(trial) == (["active"] if waits else [])
    assert change(trial, {"pro": 1}, when="2026-01-20T00:00:00Z").status_code == 200  # after its end
    trial.advance(20.1)
    assert held(trial) == {"pro": 1}


@pytest.mark.parametrize("waits", [False, True])
def test_a_later_change_that_stripe_refuses_leaves_all_as_it_was(basic: Shop, waits: bool) -> None:
    """The price was archived, and the event that tells is not here yet."""
    if waits:
        change(basic, {"free": 1})
    before = basic.now()["scheduled_change"]
    basic.v1.prices.update(basic.price("seat"), {"active": False}, basic.account)
    refused(change(basic, {"seat": 1}, when="renewal"), 400, None, "phases[1][items][0][price]")
    basic.v1.prices.update(basic.price("seat"), {"active": True}, basic.account)
    basic.deliveries.flush()
    assert (basic.now()["scheduled_change"], basic.row().schedule_id != "") == (before, waits)
    assert schedules(basic) == (["active"] if waits else ["released"])
    assert change(basic, {"seat": 2}, when="renewal").status_code == 200
    basic.advance(32)
    assert held(basic) == {"seat": 2}


# --- Refused ---------------------------------------------------------------------------------------------------------


WRONG_WISHES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "parameter_missing", "items"),
    ({"items": [{"price": "basic"}], "quantity": 2}, "parameter_missing", "items"),
    ({"items": []}, "parameter_invalid", "items"),
    ({"quantity": -1}, "parameter_invalid", "quantity"),
    ({"quantity": 2, "when": "soon"}, "parameter_invalid", "when"),
    ({"quantity": 2, "when": ["now"]}, "parameter_invalid", "when"),
    ({"quantity": 2, "when": "2026-01-05T00:00:00Z"}, "invalid_request", "when"),
    ({"quantity": 2, "when": "2026-01-20T00:00:00"}, "parameter_invalid", "when"),
    ({"quantity": 2, "proration": "half"}, "parameter_invalid", "proration"),
    ({"quantity": 2, "proration_at": "2025-12-31T00:00:00Z"}, "invalid_request", "proration_at"),
    ({"quantity": 2, "proration_at": "2026-01-15T00:00:00Z"}, "invalid_request", "proration_at"),
    ({"quantity": 2, "when": "renewal", "proration_at": "2026-01-05T00:00:00Z"}, "invalid_request", "proration_at"),
    ({"quantity": 2, "payment_behavior": "hope"}, "parameter_invalid", "payment_behavior"),
]


def test_wishes_that_can_not_be(basic: Shop, subtests: pytest.Subtests) -> None:
    for body, code, param in WRONG_WISHES:
        with subtests.test(body=body):
            refused(basic.api.post(basic.path("change"), body), 400, code, param)
            if "payment_behavior" not in body:
                refused(basic.api.post(basic.path("preview"), body), 400, code, param)
            assert held(basic) == {"basic": 1}


WRONG_ITEMS: list[tuple[dict[str, int | None], int, str, str]] = [
    ({"euro": 1}, 400, "currency_mismatch", "items[0][price]"),
    ({"pro": 1, "addon_year": 1}, 400, "interval_mismatch", "items[1][price]"),
    ({"once": 1}, 400, "invalid_request", "items[0][price]"),
]


def test_items_that_can_not_be(basic: Shop, subtests: pytest.Subtests) -> None:
    for items, status, code, param in WRONG_ITEMS:
        with subtests.test(items=items):
            refused(change(basic, items), status, code, param)


def test_subscriptions_that_can_not_be_changed(basic: Shop) -> None:
    basic.api.made(basic.path("cancel"), {})
    refused(change(basic, {"free": 1}), 409, "canceling")
    assert change(basic, {"pro": 1}).json()["cancel_at_period_end"]
    basic.api.made(basic.path("cancel"), {"at_period_end": False})
    for verb in ("change", "preview"):
        refused(basic.api.post(basic.path(verb), {"quantity": 2}), 409, "subscription_ended")


def test_a_subscription_that_waits_for_its_first_payment(shop: Shop) -> None:
    shop.open(card="pm_card_authenticationRequired")
    shop.subscribe({"basic": 1})
    refused(change(shop, {"pro": 1}), 409, "subscription_incomplete")
    refused(shop.api.post(shop.path("pause"), {}), 409, "subscription_incomplete")


def test_an_archived_price_stays_and_is_not_chosen_again(basic: Shop) -> None:
    for name in ("basic", "pro"):
        basic.v1.prices.update(basic.price(name), {"active": False}, basic.account)
    basic.deliveries.flush()
    refused(change(basic, {"pro": 1}), 404, "resource_missing", "items[0][price]")
    assert change(basic, {"basic": 4}).status_code == 200
    assert held(basic) == {"basic": 4}
    assert change(basic, {"basic": 1, "addon": 1}, when="now").status_code == 200


def test_from_an_archived_price_to_another_at_the_renewal(basic: Shop) -> None:
    basic.v1.prices.update(basic.price("basic"), {"active": False}, basic.account)
    basic.deliveries.flush()
    assert preview(basic, {"free": 1})["next"]["amount_due"] == 0
    assert change(basic, {"free": 1}).status_code == 200
    basic.advance(32)
    assert held(basic) == {"free": 1}


# --- Killed ----------------------------------------------------------------------------------------------------------


def test_a_change_whose_answer_was_lost_is_finished_by_the_same_request(basic: Shop, monkeypatch: Any) -> None:
    """The request dies after Stripe has changed the subscription, and comes again when its event is here."""
    from billingos.stripe_gateway import intents

    body = {"items": basic.items({"pro": 1})}

    def die(*args: Any, **kwargs: Any) -> Any:
        send(*args, **kwargs)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(intents, "send", die)
        assert basic.api.post(basic.path("change"), body, key="change-1").status_code == 500
    basic.deliveries.flush()
    assert len(basic.invoices()) == 2
    changed = basic.api.made(basic.path("change"), body, key="change-1")
    basic.deliveries.flush()
    assert (held(basic), len(basic.invoices()), changed["mrr"]) == ({"pro": 1}, 2, 4999)


def test_a_scheduled_change_is_one_chain(basic: Shop, monkeypatch: Any) -> None:
    from billingos.stripe_gateway import intents

    body, calls = {"items": basic.items({"free": 1})}, []

    def die_at_the_second(merchant: Any, request: Call, *args: Any) -> Any:
        calls.append(request.operation)
        if len(calls) == 2:
            raise RuntimeError("killed")
        return send(merchant, request, *args)

    with monkeypatch.context() as patch:
        patch.setattr(intents, "send", die_at_the_second)
        assert basic.api.post(basic.path("change"), body, key="later-1").status_code == 500
    assert calls == ["subscription_schedules.create", "subscription_schedules.update"]
    basic.deliveries.flush()
    assert basic.now()["scheduled_change"] is None  # a schedule that changes nothing
    changed = basic.api.made(basic.path("change"), body, key="later-1")
    assert changed["scheduled_change"]["items"] == [{"price": basic.price("free"), "quantity": 1}]
    schedules = basic.v1.subscription_schedules.list({"customer": basic.stripe_customer}, basic.account)
    assert len(schedules.data) == 1


def test_a_key_that_is_rejected_half_way_takes_nothing_back(basic: Shop, monkeypatch: Any) -> None:
    """The same request goes on with the schedule that it has made, once the account is connected again."""
    from billingos.stripe_gateway import intents
    from billingos.stripe_gateway.client import NotConnected

    wish = Wish(quantity=3, when="renewal")

    def rejected(merchant: Any, request: Call, *args: Any) -> Any:
        if request.operation != "subscription_schedules.create":
            raise NotConnected("Stripe does not accept our key.")
        return send(merchant, request, *args)

    with monkeypatch.context() as patch:
        patch.setattr(intents, "send", rejected)
        with pytest.raises(NotConnected):
            change_subscription(merchant=basic.api.merchant, subscription=basic.row(), wish=wish, key="half")
    assert schedules(basic) == ["active"]
    change_subscription(merchant=basic.api.merchant, subscription=basic.row(), wish=wish, key="half")
    assert (schedules(basic), basic.now()["scheduled_change"]["items"][0]["quantity"]) == (["active"], 3)


# --- Items that go on ------------------------------------------------------------------------------------------------


def test_items_stay_where_price_or_product_do(shop: Shop) -> None:
    shop.open()
    shop.subscribe({"basic": 1, "seat": 3, "addon": 2})
    shop.advance(3)
    before = {item["price"]["id"]: item["id"] for item in shop.in_stripe()["items"]["data"]}
    change(shop, {"addon": 1, "seat": 5, "pro": 1}, when="now")
    after = {item["price"]["id"]: item["id"] for item in shop.in_stripe()["items"]["data"]}
    for name in ("addon", "seat"):
        assert after[shop.price(name)] == before[shop.price(name)]
    change(shop, {"addon_year": 1, "pro_year": 1}, when="now")
    yearly = {item["price"]["id"]: item["id"] for item in shop.in_stripe()["items"]["data"]}
    assert yearly[shop.price("pro_year")] == after[shop.price("pro")]
    assert yearly[shop.price("addon_year")] == after[shop.price("addon")]


def test_metered_and_licensed_items_do_not_go_on_from_each_other() -> None:
    version = ProductVersion()
    licensed, metered = (Price(version=version, usage_type=kind) for kind in ("licensed", "metered"))
    row = SubscriptionItem(price=licensed)
    assert paired([row], [Item(metered, None)])[0][0] is None
