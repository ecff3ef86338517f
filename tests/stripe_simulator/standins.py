"""Objects in place of the placeholders in Stripe's examples (``cus_xxxxxxxxxxxxx``), made when they are named."""

import re
from collections.abc import Callable
from typing import Any

import requests

_KINDS = (
    "acct|bpc|cbtxn|ch|clock|cn|cs|cus|dp|evt|ii|il|in|pi|pm|price|prod|promo|re|seti|si|sub_sched|sub|taxid|tok|txi"
    "|txr|we"
)
PLACEHOLDER = re.compile(rf"\b({_KINDS})_(?:test_)?(?:xxx+|xyz|123)\b|\b(?:sess_xyz|Z4OV52SU)\b")


class StandIns:
    """Makes objects through the API, in a connected account of its own or on the platform."""

    def __init__(self, url: str, key: tuple[str, str], wish: str, *, isolated: bool) -> None:
        """``wish`` is the request for which they stand in: it says what state they should be in."""
        self._url, self._key, self.wish = url, key, wish
        self._made: dict[str, str] = {}
        self._headers: dict[str, str] = {}
        if isolated:
            self._headers["Stripe-Account"] = self._id("accounts", type="express")

    def send(self, method: str, path: str, body: str = "") -> requests.Response:
        """One request as it stands."""
        headers = self._headers | {"Content-Type": "application/x-www-form-urlencoded"}
        return requests.request(method, self._url + path, data=body, headers=headers, auth=self._key, timeout=20)

    def filled(self, text: str) -> str:
        """The text with every placeholder replaced by the id of a fresh object, or left where none can be made."""
        return PLACEHOLDER.sub(self._stand_in, text)

    def _stand_in(self, match: re.Match[str]) -> str:
        return self.id(match[1] or {"sess_xyz": "cs"}.get(match[0], "coupon"), match[0])

    def id(self, prefix: str, otherwise: str = "") -> str:
        """The id of this account's object of a kind, made the first time."""
        if prefix not in self._made:
            make: Callable[[StandIns], str] | None = _MAKERS.get(prefix)
            self._made[prefix] = (make(self) if make else "") or otherwise
        return self._made[prefix]

    def _id(self, path: str, **values: Any) -> str:
        answer = requests.post(f"{self._url}/v1/{path}", data=values, headers=self._headers, auth=self._key, timeout=20)
        return str(answer.json().get("id", ""))

    def create(self, path: str, values: dict[str, Any]) -> str:
        """The same with bracketed names."""
        return self._id(path, **values)

    def read(self, path: str) -> Any:
        """An object's JSON."""
        return requests.get(f"{self._url}/v1/{path}", headers=self._headers, auth=self._key, timeout=20).json()


def _customer(my: StandIns) -> str:
    values = {"email": "jo@example.com", "source": "tok_visa"}
    if "start_date=1676070661" in my.wish:  # a schedule that begins in its customer's future
        values["test_clock"] = my.create("test_helpers/test_clocks", {"frozen_time": 1_676_000_000})
    return my.create("customers", values)


def _method(my: StandIns) -> str:
    made = my.create("payment_methods", {"type": "card", "card[token]": "tok_visa"})
    return made and my.create(f"payment_methods/{made}/attach", {"customer": my.id("cus")})


def _price(my: StandIns) -> str:
    recurring = {} if "mode=payment" in my.wish else {"recurring[interval]": "month"}
    return my.create("prices", {"product": my.id("prod"), "currency": "usd", "unit_amount": 900, **recurring})


def _subscription(my: StandIns) -> str:
    """Of two items, on prices of its own."""
    price = {"product": my.id("prod"), "currency": "usd", "unit_amount": 900, "recurring[interval]": "month"}
    items = {f"items[{number}][price]": my.create("prices", price) for number in range(2)}
    return my.create("subscriptions", {"customer": my.id("cus"), **items})


def _item(my: StandIns) -> str:
    return str(my.read(f"subscriptions/{my.id('sub')}")["items"]["data"][0]["id"])


def _invoice(my: StandIns) -> str:
    """A draft, or an open invoice where that is needed."""
    sent = {"collection_method": "send_invoice", "days_until_due": 30}
    made = my.create("invoices", {"customer": my.id("cus"), **sent})
    my.create("invoiceitems", {"customer": my.id("cus"), "amount": 1000, "currency": "usd", "invoice": made})
    if any(part in my.wish for part in ("credit_notes", "/mark_uncollectible", "/void")):
        my.send("post", f"/v1/invoices/{made}/finalize")
    return made


def _line(my: StandIns) -> str:
    return str(my.read(f"invoices/{my.id('in')}")["lines"]["data"][0]["id"])


def _intent(my: StandIns) -> str:
    values: dict[str, Any] = {"amount": 2000, "currency": "usd", "payment_method_types[0]": "card"}
    if "/capture" in my.wish:
        values |= {"capture_method": "manual", "confirm": "true", "payment_method": "pm_card_visa"}
    return my.create("payment_intents", values)


def _charge(my: StandIns) -> str:
    capture = "false" if "/capture" in my.wish else "true"
    return my.create("charges", {"amount": 2000, "currency": "usd", "source": "tok_visa", "capture": capture})


def _dispute(my: StandIns) -> str:
    clock = my.create("test_helpers/test_clocks", {"frozen_time": 1_700_000_000})
    customer = my.create("customers", {"source": "tok_createDispute", "test_clock": clock})
    my.create("charges", {"amount": 2000, "currency": "usd", "customer": customer})
    my.create(f"test_helpers/test_clocks/{clock}/advance", {"frozen_time": 1_700_086_400})  # a day for the bank
    return next((str(one["id"]) for one in my.read("disputes")["data"]), "")


def _balance(my: StandIns) -> str:
    path = f"customers/{my.id('cus')}/balance_transactions"
    return my.create(path, {"amount": -500, "currency": "usd"})


def _schedule(my: StandIns) -> str:
    return my.create("subscription_schedules", {"from_subscription": my.id("sub")})


def _endpoint(my: StandIns) -> str:
    return my.create("webhook_endpoints", {"url": "https://example.com/hook", "enabled_events[0]": "*"})


def _credit_note(my: StandIns) -> str:
    return my.create("credit_notes", {"invoice": my.id("in"), "amount": 100})


def _session(my: StandIns) -> str:
    line = {"line_items[0][price]": my.id("price"), "line_items[0][quantity]": 1}
    return my.create("checkout/sessions", {"mode": "subscription", "success_url": "https://example.com/ok", **line})


def _event(my: StandIns) -> str:
    my.id("cus")
    return str(my.read("events")["data"][0]["id"])


def _tax_id(my: StandIns) -> str:
    """Of the customer, where the path names one."""
    owner = f"customers/{my.id('cus')}/" if "/customers/" in my.wish else ""
    return my.create(f"{owner}tax_ids", {"type": "eu_vat", "value": "DE123456789"})


def _tax_rate(my: StandIns) -> str:
    return my.create("tax_rates", {"display_name": "VAT", "percentage": "8.1", "inclusive": "false"})


def _invoice_item(my: StandIns) -> str:
    return my.create("invoiceitems", {"customer": my.id("cus"), "amount": 100, "currency": "usd"})


def _promotion(my: StandIns) -> str:
    return my.create("promotion_codes", {"promotion[type]": "coupon", "promotion[coupon]": my.id("coupon")})


_MAKERS: dict[str, Callable[[StandIns], str]] = {
    "acct": lambda my: my.create("accounts", {"type": "express"}),
    "bpc": lambda my: my.create("billing_portal/configurations", {"features[invoice_history][enabled]": "true"}),
    "cbtxn": _balance,
    "ch": _charge,
    "clock": lambda my: my.create("test_helpers/test_clocks", {"frozen_time": 100}),
    "cn": _credit_note,
    "coupon": lambda my: my.create("coupons", {"id": "Z4OV52SU", "percent_off": 25, "duration": "once"}),
    "cs": _session,
    "cus": _customer,
    "dp": _dispute,
    "evt": _event,
    "ii": _invoice_item,
    "il": _line,
    "in": _invoice,
    "pi": _intent,
    "pm": _method,
    "price": _price,
    "prod": lambda my: my.create("products", {"name": "Plan"}),
    "promo": _promotion,
    "re": lambda my: my.create("refunds", {"charge": my.id("ch"), "amount": 100}),
    "seti": lambda my: my.create("setup_intents", {"payment_method_types[0]": "card"}),
    "si": _item,
    "sub": _subscription,
    "sub_sched": _schedule,
    "taxid": _tax_id,
    "tok": lambda my: "tok_visa",
    "txi": _tax_id,
    "txr": _tax_rate,
    "we": _endpoint,
}
