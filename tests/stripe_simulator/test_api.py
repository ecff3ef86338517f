"""The surface: keys, errors, lists, expansion, idempotency."""

import threading
import time
from typing import Any

import pytest
import requests
import stripe

from stripe_simulator import Simulator
from stripe_simulator.billing import subscriptions
from tests.stripe_simulator.conftest import Shop, client_of, moment

KEY = ("sk_test_simulator", "")


def post(shop: Shop, path: str, values: dict[str, str], **headers: str) -> requests.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(shop.url + path, data=values, headers=sent, auth=KEY, timeout=10)


@pytest.mark.parametrize(
    ("path", "values", "status", "expected"),
    [
        ("/v1/nothing", {}, 404, {"type": "invalid_request_error"}),
        (
            "/v1/prices",
            {"unit_amount": "5", "product": "p"},
            400,
            {"code": "parameter_missing", "param": "currency"},
        ),
        ("/v1/customers", {"mail": "x"}, 400, {"code": "parameter_unknown", "param": "mail"}),
        (
            "/v1/customers",
            {"address[town]": "x"},
            400,
            {"code": "parameter_unknown", "param": "address[town]"},
        ),
        ("/v1/customers", {"balance": "1.5"}, 400, {"code": "parameter_invalid_integer", "param": "balance"}),
        ("/v1/customers/cus_none", {}, 404, {"code": "resource_missing", "param": "id"}),
        (
            "/v1/subscriptions",
            {"customer": "cus_none"},
            400,
            {"code": "resource_missing", "param": "customer"},
        ),
        (
            "/v1/prices",
            {"currency": "usd", "unit_amount": "5", "product": "prod_none"},
            400,
            {"code": "resource_missing", "param": "product"},
        ),
        (
            "/v1/customers",
            {"payment_method": "pm_card_chargeDeclined"},
            402,
            {"decline_code": "generic_decline"},
        ),
        (
            "/v1/payment_methods",
            {"type": "card", "card[number]": "4242424242424241"},
            402,
            {"code": "incorrect_number", "type": "card_error"},
        ),
    ],
)
def test_errors_have_stripes_shape(
    shop: Shop, path: str, values: dict[str, str], status: int, expected: dict[str, str]
) -> None:
    answer = post(shop, path, values)
    error = answer.json()["error"]
    assert answer.status_code == status
    assert expected.items() <= error.items()
    assert error["message"]
    assert ("doc_url" in error) == ("code" in error)
    assert answer.headers["Request-Id"].startswith("req_")


def test_only_the_configured_key_is_let_in(shop: Shop) -> None:
    wrong = stripe.StripeClient("sk_test_other_key_0123", base_addresses={"api": shop.url})
    with pytest.raises(stripe.AuthenticationError, match=r"Invalid API Key provided: sk_test_\*+0123"):
        wrong.v1.customers.list()
    assert requests.get(f"{shop.url}/v1/customers", timeout=10).status_code == 401
    assert requests.get(f"{shop.url}/healthz", timeout=10).status_code == 200


def test_headers_are_echoed(shop: Shop) -> None:
    answer = post(shop, "/v1/customers", {}, Idempotency_Key="one", Stripe_Version="2026-08-26.dahlia")
    assert answer.headers["Idempotency-Key"] == "one"
    assert answer.headers["Stripe-Version"] == "2026-08-26.dahlia"


def test_lists_are_newest_first_with_cursors_both_ways(shop: Shop) -> None:
    made = [shop.client.v1.customers.create({"name": str(number)}).id for number in range(7)]
    newest = list(reversed(made))
    first = shop.client.v1.customers.list({"limit": 3})
    assert ([one.id for one in first], first.has_more, first.url) == (newest[:3], True, "/v1/customers")
    second = shop.client.v1.customers.list({"limit": 3, "starting_after": newest[2]})
    assert ([one.id for one in second], second.has_more) == (newest[3:6], True)
    last = shop.client.v1.customers.list({"limit": 3, "starting_after": newest[5]})
    assert ([one.id for one in last], last.has_more) == (newest[6:], False)
    back = shop.client.v1.customers.list({"limit": 2, "ending_before": newest[3]})
    assert ([one.id for one in back], back.has_more) == (newest[1:3], True)
    assert [one.id for one in shop.client.v1.customers.list({"limit": 2}).auto_paging_iter()] == newest
    for wrong in ({"limit": 0}, {"limit": 101}, {"starting_after": "cus_none"}):
        values: Any = wrong
        with pytest.raises(stripe.InvalidRequestError):
            shop.client.v1.customers.list(values)


def test_a_cursor_that_left_the_filter_keeps_its_place(shop: Shop) -> None:
    customer, price = shop.customer(), shop.price(100)
    made = [shop.subscribe(customer, price).id for _ in range(3)]
    shop.client.v1.subscriptions.cancel(made[1])
    after = shop.client.v1.subscriptions.list({"customer": customer, "starting_after": made[1]})
    assert [one.id for one in after] == [made[0]]


def test_filters(shop: Shop) -> None:
    clock = shop.clock(moment(2026, 1, 1))
    timed = shop.customer(clock)
    plain = shop.customer()
    assert [one.id for one in shop.client.v1.customers.list({"test_clock": clock})] == [timed]
    assert [one.id for one in shop.client.v1.customers.list()] == [plain]
    assert [one.id for one in shop.client.v1.customers.search({"query": "email:'jo@example.com'"})] == [
        plain,
        timed,
    ]
    price = shop.price(100)
    subscription = shop.subscribe(plain, price).id
    shop.subscribe(plain, shop.price(200))
    assert [one.id for one in shop.client.v1.subscriptions.list({"price": price})] == [subscription]
    now = int(time.time())
    assert shop.client.v1.invoices.list({"created": {"gt": now + 5}}).data == []
    assert len(shop.client.v1.invoices.list({"created": {"gte": now - 60}, "status": "paid"}).data) == 2
    only = shop.client.v1.events.list({"types": ["price.created", "product.created"], "limit": 100})
    assert {one.type for one in only} == {"price.created", "product.created"}


def test_expansion(shop: Shop) -> None:
    customer = shop.customer()
    shop.subscribe(customer, shop.price(100))
    paths = [
        "data.customer",
        "data.latest_invoice.payments.data.payment.payment_intent",
        "data.items.data.price.product",
    ]
    found = shop.client.v1.subscriptions.list({"expand": paths}).data[0]
    assert isinstance(found.customer, stripe.Customer)
    assert found.customer.id == customer
    invoice: Any = found.latest_invoice
    assert invoice.payments.data[0].payment.payment_intent.status == "succeeded"
    product: Any = found["items"].data[0].price.product
    assert product.name == "Plan"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        shop.client.v1.customers.list({"expand": ["data.nonsense"]})


def test_idempotent_requests_are_replayed(shop: Shop) -> None:
    first = post(shop, "/v1/customers", {"name": "A"}, Idempotency_Key="k1")
    again = post(shop, "/v1/customers", {"name": "A"}, Idempotency_Key="k1")
    assert (again.status_code, again.json()) == (200, first.json())
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(shop.client.v1.customers.list().data) == 1

    other = post(shop, "/v1/customers", {"name": "B"}, Idempotency_Key="k1")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")


def test_failures_are_replayed_unless_they_were_never_executed(shop: Shop) -> None:
    invalid = post(shop, "/v1/customers", {"nome": "A"}, Idempotency_Key="k1")
    assert invalid.status_code == 400
    assert post(shop, "/v1/customers", {"name": "A"}, Idempotency_Key="k1").status_code == 200

    declined = {"payment_method": "pm_card_chargeDeclinedInsufficientFunds"}
    first = post(shop, "/v1/customers", declined, Idempotency_Key="k2")
    again = post(shop, "/v1/customers", declined, Idempotency_Key="k2")
    assert [one.name for one in shop.client.v1.customers.list()] == ["A"]
    assert first.json()["error"]["decline_code"] == "insufficient_funds"
    assert (again.status_code, again.json(), again.headers["Idempotent-Replayed"]) == (
        402,
        first.json(),
        "true",
    )


def test_a_crash_is_a_500_that_undoes_and_is_replayed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*args: object) -> None:
        raise RuntimeError("a bug")

    customer, price = shop.customer(), shop.price(100)
    values = {"customer": customer, "items[0][price]": price}
    with monkeypatch.context() as patch:
        patch.setattr(subscriptions, "start", crash)
        first = post(shop, "/v1/subscriptions", values, Idempotency_Key="k")
    assert (first.status_code, first.json()["error"]["type"]) == (500, "api_error")
    assert shop.client.v1.subscriptions.list({"status": "all"}).data == []
    assert shop.client.v1.customers.retrieve(customer).currency is None
    assert post(shop, "/v1/subscriptions", values, Idempotency_Key="k").status_code == 500
    assert post(shop, "/v1/subscriptions", values, Idempotency_Key="k'").status_code == 200


def test_a_key_in_use_is_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    entered, leave = threading.Event(), threading.Event()

    def slowly(url: str, body: bytes, headers: dict[str, str]) -> int:
        entered.set()
        leave.wait(5)
        return 200

    simulator = Simulator(deliver=slowly)
    simulator.add_webhook_endpoint("http://app.test/hook", enabled_events=["customer.created"])
    with simulator.serve() as server:
        shop = Shop(simulator, client_of(server.url), server.url)
        answers: list[int] = []

        def create() -> None:
            answers.append(post(shop, "/v1/customers", {}, Idempotency_Key="k").status_code)

        thread = threading.Thread(target=create)
        thread.start()
        assert entered.wait(5)
        conflict = post(shop, "/v1/customers", {}, Idempotency_Key="k")
        leave.set()
        thread.join()
        assert (conflict.status_code, answers) == (409, [200])
        assert post(shop, "/v1/customers", {}, Idempotency_Key="k").headers["Idempotent-Replayed"] == "true"


def test_metadata_and_deletion(shop: Shop) -> None:
    made = shop.client.v1.customers.create({"metadata": {"a": "1", "b": "2"}})
    changed = shop.client.v1.customers.update(made.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.to_dict()["metadata"] == {"b": "2", "c": "3"}
    event = shop.received[-1]
    assert event["data"]["previous_attributes"] == {"metadata": {"a": "1", "c": None}}
    assert shop.client.v1.customers.update(made.id, {"metadata": ""}).to_dict()["metadata"] == {}
    shop.client.v1.customers.delete(made.id)
    assert shop.client.v1.customers.retrieve(made.id).deleted
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        shop.client.v1.customers.update(made.id, {"name": "x"})
