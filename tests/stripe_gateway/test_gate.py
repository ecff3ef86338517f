"""When Stripe may be called: the breaker and the budget, in Redis and in a process's own memory alike."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import stripe

from billingos.common.errors import StripeUnavailable
from billingos.merchants.models import Merchant
from billingos.stripe_gateway import traffic
from billingos.stripe_gateway.client import client as gateway_client
from billingos.stripe_gateway.gate import Gate, MemoryGate, RedisGate, Rules, SharedGate, rules
from billingos.stripe_gateway.gate import gate as shared_gate
from billingos.stripe_gateway.operations import retrieve
from billingos.stripe_gateway.traffic import in_background
from customers.services import create_customer
from tests.factories import unique

RULES = Rules(failures=3, span=10, pause=0.2, probe=0.2, limit=10, share=0.3)


@pytest.fixture(params=[MemoryGate, RedisGate])
def gate(request: Any, settings: Any) -> Gate:
    settings.STRIPE_API_BASE = unique("http://nowhere-")  # a state of its own
    made: Gate = request.param()
    return made


def ask(gate: Gate, account: str = "acct_1", *, background: bool = False, rules: Rules = RULES) -> Any:
    return gate.ask(account, background=background, rules=rules)


def fail(gate: Gate, times: int, rules: Rules = RULES) -> None:
    for _ in range(times):
        gate.tell("failed", rules)


# --- Breaker ---------------------------------------------------------------------------------------------------------


def test_it_opens_after_failures_in_a_row_only(gate: Gate) -> None:
    fail(gate, 2)
    gate.tell("answered", RULES)
    fail(gate, 2)
    assert ask(gate).reason == ""
    fail(gate, 1)
    refused = ask(gate)
    assert refused.reason == "open"
    assert 0 < refused.wait <= RULES.pause
    assert ask(gate, "acct_2").reason == "open"  # it is Stripe that does not answer, not one account


def test_failures_far_apart_do_not_open_it(gate: Gate) -> None:
    short = replace(RULES, span=0.05)
    for _ in range(5):
        fail(gate, 1, short)
        time.sleep(0.06)
    assert ask(gate).reason == ""


def test_one_probe_decides(gate: Gate) -> None:
    fail(gate, 3)
    time.sleep(RULES.pause + 0.05)
    assert gate.state()["open_for"] == 0
    assert [ask(gate).reason for _ in range(3)] == ["", "open", "open"]
    fail(gate, 1)  # the probe's end
    assert ask(gate).reason == "open"
    time.sleep(RULES.pause + 0.05)
    assert ask(gate).reason == ""
    gate.tell("answered", RULES)
    assert [ask(gate).reason for _ in range(3)] == [""] * 3


def test_a_probe_that_never_ends_holds_the_others_up_for_a_while_only(gate: Gate) -> None:
    fail(gate, 3)
    time.sleep(RULES.pause + 0.05)
    assert ask(gate).reason == ""
    assert ask(gate).reason == "open"
    time.sleep(RULES.probe + 0.05)
    assert ask(gate).reason == ""


# --- Budget ----------------------------------------------------------------------------------------------------------


def test_people_are_never_held_up_and_background_work_takes_its_share(gate: Gate) -> None:
    slow = replace(RULES, limit=10, share=0.3)
    taken = [ask(gate, background=True, rules=slow).reason for _ in range(6)]
    assert taken == ["", "", "", "spent", "spent", "spent"]
    assert {ask(gate, rules=slow).reason for _ in range(30)} == {""}
    waits = ask(gate, background=True, rules=slow)
    assert waits.reason == "spent"
    assert waits.wait > 0.3  # people have taken more than the limit gives: background work comes after them
    assert ask(gate, "acct_2", background=True, rules=slow).reason == ""


def test_a_share_grows_again_with_time(gate: Gate) -> None:
    while ask(gate, background=True).reason == "":
        pass
    waits = ask(gate, background=True).wait
    assert 0 < waits <= 1 / (RULES.limit * RULES.share)
    time.sleep(waits + 0.01)
    assert ask(gate, background=True).reason == ""


def test_after_a_429_the_account_is_left_alone(gate: Gate) -> None:
    gate.close_tap("acct_1", 0.2)
    assert (ask(gate).reason, ask(gate, background=True).reason) == ("closed", "closed")
    assert ask(gate, "acct_2").reason == ""
    time.sleep(0.25)
    assert ask(gate).reason == ""


def test_calls_are_counted_by_their_end(gate: Gate) -> None:
    gate.tell("answered", RULES)
    fail(gate, 3)
    ask(gate)
    gate.close_tap("acct_1", 1)
    found = gate.state()
    assert {name: found[name] for name in ("answered", "failed", "refused", "limited")} == {
        "answered": 1,
        "failed": 3,
        "refused": 1,
        "limited": 1,
    }


def test_without_redis_each_process_keeps_its_own(settings: Any) -> None:
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    gate = SharedGate()
    fail(gate, 3)
    assert ask(gate).reason == "open"
    assert gate.state()["open_for"] > 0


# --- At work ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def short(settings: Any) -> None:
    settings.STRIPE_BREAKER_FAILURES = 3
    settings.STRIPE_BREAKER_PAUSE_SECONDS = 0.5


@pytest.fixture
def faults(merchant: Merchant, settings: Any) -> Iterator[Any]:
    """Sets what goes wrong next at the simulator, for this merchant's account."""
    where = f"{settings.STRIPE_API_BASE}/_simulator/faults"

    def plan(**counts: int) -> None:
        requests.post(where, json={"account": merchant.stripe_account_id, **counts}, timeout=5).raise_for_status()

    yield plan
    plan()
    shared_gate.tell("answered", rules())


def test_server_errors_open_it_and_an_answer_closes_it(merchant: Merchant, faults: Any, short: None) -> None:
    faults(error_500=4)
    for _ in range(2):  # the library asks twice
        with pytest.raises(StripeUnavailable):
            retrieve(merchant, "customer", "cus_x")
    started = time.monotonic()
    with pytest.raises(StripeUnavailable) as refused:
        create_customer(merchant=merchant, name="Nobody")
    assert time.monotonic() - started < 0.2
    assert refused.value.retry_after == 1
    faults()
    time.sleep(0.6)
    assert retrieve(merchant, "customer", "cus_x")["deleted"] is True
    assert create_customer(merchant=merchant, name="Somebody").name == "Somebody"


def test_refusals_are_answers(merchant: Merchant, faults: Any, short: None) -> None:
    for _ in range(5):
        assert retrieve(merchant, "customer", "cus_none")["deleted"] is True
    assert shared_gate.state()["open_for"] == 0


def test_a_429_closes_the_tap_of_its_account(merchant: Merchant, other_merchant: Merchant, faults: Any) -> None:
    faults(rate_limit=1)
    with pytest.raises(StripeUnavailable) as slow:
        retrieve(merchant, "customer", "cus_x")
    assert slow.value.retry_after
    with pytest.raises(StripeUnavailable) as refused:
        retrieve(merchant, "customer", "cus_x")
    assert "Nothing was asked" in refused.value.message
    assert retrieve(other_merchant, "customer", "cus_x")["deleted"] is True


def test_background_work_waits_its_turn_and_not_for_ever(merchant: Merchant, settings: Any) -> None:
    settings.STRIPE_REQUESTS_PER_SECOND = 20
    settings.STRIPE_BACKGROUND_SHARE = 0.25
    started = time.monotonic()
    with in_background():
        for _ in range(10):  # five at once, five at five a second
            retrieve(merchant, "customer", "cus_x")
    assert 0.8 < time.monotonic() - started < 4
    settings.STRIPE_BACKGROUND_WAIT_SECONDS = 0
    with in_background(), pytest.raises(StripeUnavailable) as refused:
        [retrieve(merchant, "customer", "cus_x") for _ in range(10)]
    assert refused.value.retry_after == 1
    retrieve(merchant, "customer", "cus_x")


def test_every_call_of_the_library_passes_the_gate(simulator: Any) -> None:
    assert isinstance(gateway_client()._requestor._client, traffic.GuardedClient)
    assert issubclass(traffic.GuardedClient, stripe.RequestsClient)
