"""Signed deliveries, made before the clock starts, and a sender that costs little: raw sockets, kept open."""

import hashlib
import hmac
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

T = 1_767_225_600
MONTH = 31 * 86_400
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Delivery:
    event_id: str
    body: bytes
    signature: str

    def request(self, path: str) -> bytes:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Stripe-Signature: {self.signature}\r\nContent-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


def delivery(type: str, found: Object, created: int, secret: str, account: str | None) -> Delivery:
    name = f"evt_{next(_numbers)}_{hashlib.sha256(json.dumps(found).encode()).hexdigest()[:12]}"
    event = {
        "id": name, "object": "event", "api_version": "2026-08-26.dahlia", "type": type, "created": created,
        "livemode": False, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None},
        "data": {"object": found}, **({"account": account} if account else {}),
    }  # fmt: skip
    body = json.dumps(event).encode()
    now = int(time.time())
    digest = hmac.new(secret.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return Delivery(name, body, f"t={now},v1={digest}")


_numbers = itertools.count()


class Shop:
    """A product with a price, and customers who subscribe, pay and change: eight events each, of five kinds."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.product: Object = {
            "id": f"prod_{tag}", "object": "product", "created": T, "name": "Pro", "active": True, "metadata": {},
            "livemode": False, "description": None, "default_price": None, "type": "service", "images": [],
        }  # fmt: skip
        self.price: Object = {
            "id": f"price_{tag}", "object": "price", "created": T, "product": self.product["id"], "currency": "usd",
            "unit_amount": 4900, "unit_amount_decimal": "4900", "type": "recurring", "active": True, "metadata": {},
            "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"}, "livemode": False,
            "billing_scheme": "per_unit", "tiers_mode": None, "lookup_key": None, "nickname": None,
        }  # fmt: skip
        self.objects: dict[str, Object] = {found["id"]: found for found in (self.product, self.price)}

    def catalog(self) -> list[tuple[str, Object, int]]:
        return [("product.created", self.product, T), ("price.created", self.price, T)]

    def life(self, number: int) -> list[tuple[str, Object, int]]:
        """Eight events of one customer: (type, object, stamp)."""
        customer, subscription = self._customer(number), self._subscription(number)
        draft = self._invoice(number, "draft", 0)
        told = [
            ("customer.created", customer, T),
            ("customer.subscription.created", subscription, T + 1),
            ("invoice.created", draft, T + 2),
            ("invoice.finalized", {**draft, "status": "open"}, T + 3),
            ("payment_intent.succeeded", self._payment(number), T + 4),
            ("invoice.paid", self._invoice(number, "paid", 4900), T + 4),
            ("invoice_payment.paid", self._invoice_payment(number), T + 4),
            ("customer.updated", {**customer, "name": f"Customer {number}, renamed"}, T + 5),
        ]
        for _, found, _ in told:
            self.objects[found["id"]] = found
        return told

    def _customer(self, number: int) -> Object:
        return {
            "id": f"cus_{self.tag}_{number}", "object": "customer", "created": T, "email": f"c{number}@example.com",
            "name": f"Customer {number}", "currency": "usd", "balance": 0, "delinquent": False, "livemode": False,
            "invoice_settings": {"default_payment_method": None}, "metadata": {}, "test_clock": None, "address": None,
            "tax_exempt": "none", "discount": None, "default_source": None, "shipping": None, "description": None,
        }  # fmt: skip

    def _subscription(self, number: int) -> Object:
        name = f"sub_{self.tag}_{number}"
        item = {
            "id": f"si_{self.tag}_{number}", "object": "subscription_item", "price": self.price, "quantity": 1,
            "created": T, "subscription": name, "metadata": {}, "discounts": [], "tax_rates": [],
            "current_period_start": T, "current_period_end": T + MONTH,
        }  # fmt: skip
        return {
            "id": name, "object": "subscription", "created": T, "customer": f"cus_{self.tag}_{number}",
            "status": "active", "currency": "usd", "start_date": T, "billing_cycle_anchor": T, "livemode": False,
            "items": {"object": "list", "data": [item], "has_more": False, "url": "/v1/subscription_items"},
            "cancel_at_period_end": False, "metadata": {}, "discounts": [], "collection_method": "charge_automatically",
            "latest_invoice": None, "default_payment_method": None, "default_source": None, "schedule": None,
            "pending_setup_intent": None, "test_clock": None, "trial_start": None, "trial_end": None, "ended_at": None,
            "cancel_at": None, "canceled_at": None, "days_until_due": None, "default_tax_rates": [],
        }  # fmt: skip

    def _payment(self, number: int) -> Object:
        return {
            "id": f"pi_{self.tag}_{number}", "object": "payment_intent", "created": T, "amount": 4900,
            "amount_received": 4900, "amount_capturable": 0, "currency": "usd", "status": "succeeded", "metadata": {},
            "customer": f"cus_{self.tag}_{number}", "payment_method": None, "latest_charge": None, "description": None,
            "last_payment_error": None, "canceled_at": None, "capture_method": "automatic", "next_action": None,
            "confirmation_method": "automatic", "client_secret": None, "payment_method_types": ["card"],
            "livemode": False,
        }  # fmt: skip

    def _invoice_payment(self, number: int) -> Object:
        paid = {"type": "payment_intent", "payment_intent": f"pi_{self.tag}_{number}"}
        return {
            "id": f"inpay_{self.tag}_{number}", "object": "invoice_payment", "created": T, "currency": "usd",
            "invoice": f"in_{self.tag}_{number}", "payment": paid, "status": "paid", "amount_requested": 4900,
            "amount_paid": 4900, "is_default": True, "livemode": False,
            "status_transitions": {"paid_at": T, "canceled_at": None},
        }  # fmt: skip

    def _invoice(self, number: int, status: str, paid: int) -> Object:
        name, subscription = f"in_{self.tag}_{number}", f"sub_{self.tag}_{number}"
        price = {"price": self.price["id"], "product": self.product["id"]}
        details = {"subscription": subscription, "subscription_item": f"si_{self.tag}_{number}", "proration": False}
        line = {
            "id": f"il_{self.tag}_{number}", "object": "line_item", "amount": 4900, "currency": "usd", "quantity": 1,
            "description": "1 × Pro (at $49.00 / month)", "period": {"start": T, "end": T + MONTH}, "metadata": {},
            "pricing": {"type": "price_details", "price_details": price},
            "parent": {"type": "subscription_item_details", "subscription_item_details": details},
            "discount_amounts": [], "discounts": [], "taxes": [], "invoice": name, "livemode": False,
        }  # fmt: skip
        return {
            "id": name, "object": "invoice", "created": T, "customer": f"cus_{self.tag}_{number}", "status": status,
            "currency": "usd", "number": f"{self.tag}-{number}", "subtotal": 4900, "total": 4900, "amount_due": 4900,
            "amount_paid": paid, "amount_remaining": 4900 - paid, "period_start": T, "period_end": T,
            "attempt_count": 1,
            "parent": {"type": "subscription_details", "subscription_details": {"subscription": subscription}},
            "lines": {"object": "list", "data": [line], "has_more": False, "url": f"/v1/invoices/{name}/lines"},
            "status_transitions": {"finalized_at": T, "paid_at": T if paid else None}, "livemode": False,
            "collection_method": "charge_automatically", "metadata": {}, "discounts": [], "total_taxes": [],
            "billing_reason": "subscription_create", "starting_balance": 0, "ending_balance": 0, "default_source": None,
            "default_payment_method": None, "default_tax_rates": [], "attempted": True, "auto_advance": True,
        }  # fmt: skip


class Sender(threading.Thread):
    """Sends deliveries one after the other over one connection; notes when each was sent and answered."""

    def __init__(self, port: int, path: str, deliveries: Iterator[Delivery], until: float) -> None:
        super().__init__(daemon=True)
        self._port, self._path, self._deliveries, self._until = port, path, deliveries, until
        self.latencies: list[float] = []
        self.refused = 0
        self.done = False  # as it should be, not by an accident

    def run(self) -> None:
        self._send_all()
        self.done = True

    def _send_all(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for found in self._deliveries:
                if time.monotonic() >= self._until:
                    return
                began = time.perf_counter()
                status = exchange(connection, found.request(self._path))
                self.latencies.append(time.perf_counter() - began)
                self.refused += status != 200


def exchange(connection: socket.socket, request: bytes) -> int:
    """The status of the answer to one request."""
    connection.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _received(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += _received(connection)
    return int(head.split(b" ", 2)[1])


def _received(connection: socket.socket) -> bytes:
    found = connection.recv(65536)
    if not found:
        raise ConnectionError("The server has closed the connection.")
    return found


class Shared:
    """An iterator that several threads take from."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self._next, self._lock = iter(deliveries), threading.Lock()

    def __iter__(self) -> Iterator[Delivery]:
        return self

    def __next__(self) -> Delivery:
        with self._lock:
            return next(self._next)
