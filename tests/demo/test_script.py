"""The demo's plan: full, lively, and the same every time."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from billingos.common.periods import add_months, period_containing
from billingos.demo.cast import MERCHANTS, DemoMerchant
from billingos.demo.life import Kind
from billingos.demo.rhythm import DROPPED_DAYS, Rhythm
from billingos.demo.script import Script, write_script

END = datetime(2026, 11, 23, 11, 5, tzinfo=UTC)
DAY = timedelta(days=1)


def script_of(merchant: DemoMerchant, *, seed: int = 2026, months: int = 12, customers: int | None = None) -> Script:
    return write_script(merchant, seed=seed, start=add_months(END, -months), end=END, customers=customers)


@pytest.fixture(params=MERCHANTS, ids=lambda merchant: merchant.slug)
def script(request: pytest.FixtureRequest) -> Script:
    return script_of(request.param)


def test_each_merchant_has_at_least_sixty_customers_of_its_own(script: Script) -> None:
    companies = script.merchant.customers
    joined = [act.customer for act in script.acts if act.kind == Kind.JOIN]
    assert len(joined) == len(set(joined)) == len(companies) >= 60
    assert all(company.external_id.isascii() and company.email.endswith(".example") for company in companies)
    assert len({company.country for company in companies}) >= 12


@pytest.mark.parametrize("seed", [1, 2, 3, 2026])
def test_every_kind_of_act_occurs_whatever_the_seed(seed: int) -> None:
    for merchant in MERCHANTS:
        acts = script_of(merchant, seed=seed).acts
        assert {act.kind for act in acts} == set(Kind)
        assert {act.coupon for act in acts if act.coupon} == {coupon["id"] for coupon in merchant.coupons}
        terms = [act.terms for act in acts if act.terms and act.kind == Kind.SUBSCRIBE]
        assert {one.interval for one in terms} == {"month", "year"}
        assert {one.plan for one in terms} == {0, 1, 2}
        assert any(act.trial_days for act in acts)


def test_it_grows_in_every_month(script: Script) -> None:
    months = Counter(act.at.strftime("%Y-%m") for act in script.acts if act.kind == Kind.JOIN)
    assert len(months) >= 12
    assert script.start <= min(act.at for act in script.acts) < script.start + 7 * DAY


def test_the_same_seed_and_time_give_the_same_play(script: Script) -> None:
    assert script_of(script.merchant) == script
    assert script_of(script.merchant, seed=7).acts != script.acts
    days = (date(2026, 5, 1), date(2026, 5, 9))
    assert list(Rhythm(script).usage(*days)) == list(Rhythm(script_of(script.merchant)).usage(*days))


def test_a_customer_lives_in_an_order_that_can_be_played(script: Script) -> None:
    for customer in script.merchant.customers:
        kinds = [act.kind for act in script.acts if act.customer == customer.external_id]
        assert kinds[0] == Kind.JOIN
        assert kinds[1:2] in ([], [Kind.SUBSCRIBE])
        for earlier, later in ((Kind.CARD_FAILS, Kind.CARD_WORKS), (Kind.CANCEL_LATER, Kind.STAY)):
            assert later not in kinds or kinds.index(earlier) < kinds.index(later)


def test_cards_are_mended_before_stripe_gives_up(script: Script) -> None:
    acts = {(act.customer, act.kind): act.at for act in script.acts}
    mended = [customer for customer, kind in acts if kind == Kind.CARD_WORKS]
    assert mended
    for customer in mended:
        subscribed, broken, works = (
            acts[customer, kind] for kind in (Kind.SUBSCRIBE, Kind.CARD_FAILS, Kind.CARD_WORKS)
        )
        renewal = period_containing(subscribed, "month", 1, works).start
        assert broken < renewal < works < renewal + 7 * DAY


def test_some_are_in_trouble_at_the_end(script: Script) -> None:
    late = [act for act in script.acts if act.at > script.end - 12 * DAY]
    assert any(act.kind == Kind.CANCEL_LATER for act in late)
    mended = {act.customer for act in script.acts if act.kind == Kind.CARD_WORKS}
    assert {act.customer for act in script.acts if act.kind == Kind.CARD_FAILS} - mended


@pytest.mark.parametrize(("months", "customers"), [(1, 1), (1, 5), (3, 6), (3, 12), (24, None)])
def test_any_size_can_be_planned(months: int, customers: int | None) -> None:
    for merchant in MERCHANTS:
        script = script_of(merchant, months=months, customers=customers)
        assert len({act.customer for act in script.acts}) == (customers or len(merchant.customers))
        assert {act.at for act in script.acts} <= set(script.steps)
        assert (script.steps[0], script.steps[-1]) == (script.start, script.end)
        assert list(script.steps) == sorted(set(script.steps))


def test_weekdays_are_busy_and_weekends_quiet(script: Script) -> None:
    events = [
        event for event in Rhythm(script).usage(script.start.date(), script.end.date()) if event.meter == "api_calls"
    ]
    by_day = Counter[int]()
    for event in events:
        by_day[event.at.weekday()] += event.value
    assert max(by_day[5], by_day[6]) < 0.5 * min(by_day[day] for day in range(5))


def test_events_are_told_once_and_in_their_time(script: Script) -> None:
    events = list(Rhythm(script).usage(script.start.date(), script.end.date()))
    assert len({event.event_id for event in events}) == len(events) > 10_000
    assert {event.meter for event in events} == {meter["key"] for meter in script.merchant.meters}
    assert max(event.at for event in events) < script.end


def test_one_drops_and_some_are_near_their_limit(script: Script) -> None:
    rhythm = Rhythm(script)
    days = 2 * DROPPED_DAYS
    usage = Counter[bool]()
    for event in rhythm.usage(script.end.date() - days * DAY, script.end.date()):
        if event.customer == rhythm.dropped and event.meter == "api_calls":
            usage[event.at.date() > script.end.date() - DROPPED_DAYS * DAY] += event.value
    assert 0.2 < usage[True] / usage[False] < 0.42
    assert len(rhythm.near) >= 3
    for span in rhythm.near:
        period = period_containing(span.anchor, "month", 1, script.end)
        used = sum(
            event.value
            for event in rhythm.usage(period.start.date(), script.end.date(), living={span.customer})
            if event.meter == "api_calls" and event.at >= period.start
        )
        assert 0.8 < used / script.merchant.plans[span.terms.plan].limits["api_calls"] < 1.1
