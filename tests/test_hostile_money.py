"""Every input about money is hostile too: the same table as in test_hostile_input, for invoices and payments."""

from typing import Any

import pytest

from tests.fixtures import Api
from tests.test_hostile_input import HUGE, NUL, caller, quiet_merchant, refused

__all__ = ["caller", "quiet_merchant"]

BODIES: list[tuple[str, Any, int, str, str | None]] = [
    # path, body, status, code, param
    ("/invoices", {"lines": [{"amount": 1, "description": "A"}]}, 400, "parameter_missing", "customer_id"),
    ("/invoices", {"customer_id": "known"}, 400, "parameter_missing", "lines"),
    ("/invoices", {"customer_id": "known", "lines": []}, 400, "parameter_invalid", "lines"),
    ("/invoices", {"customer_id": "known", "lines": [7]}, 400, "parameter_invalid", "lines[0]"),
    *(("/invoices", {"customer_id": "known", "lines": [line]}, 400, code, f"lines[0][{param}]")
      for line, code, param in (
          ({}, "parameter_missing", "amount"),
          ({"amount": 1}, "parameter_missing", "description"),
          ({"amount": 1, "description": "A", "quantity": 2}, "parameter_invalid", "quantity"),
          ({"amount": 1, "unit_amount": 1, "description": "A"}, "parameter_invalid", "amount"),
          ({"unit_amount": HUGE, "description": "A"}, "parameter_invalid", "unit_amount"),
          ({"unit_amount": 1.5, "description": "A"}, "parameter_invalid", "unit_amount"),
          ({"amount": True, "description": "A"}, "parameter_invalid", "amount"),
          ({"unit_amount": 1, "description": "A", "quantity": 0}, "parameter_invalid", "quantity"),
          ({"amount": 1, "description": NUL}, "invalid_request", "description"),
          ({"amount": 1, "description": "x" * 501}, "parameter_invalid", "description"),
          ({"price": ["p"]}, "parameter_invalid", "price"),
          ({"amount": 1, "description": "A", "tax": 1}, "parameter_unknown", "tax"),
      )),
    ("/invoices", {"customer_id": "known", "lines": [{"price": "p"}]}, 404, "resource_missing", "lines[0][price]"),
    ("/invoices", {"customer_id": "unknown", "lines": [{"price": "p"}]}, 404, "resource_missing", "customer_id"),
    *(("/invoices", {"customer_id": "known", "lines": [{"amount": 1, "description": "A"}], **more}, 400,
       "parameter_invalid", param)
      for more, param in (
          ({"collection_method": "by_hand"}, "collection_method"),
          ({"days_until_due": 5}, "days_until_due"),
          ({"days_until_due": -1, "collection_method": "send_invoice"}, "days_until_due"),
          ({"currency": "dollars"}, "currency"),
          ({"draft": "perhaps"}, "draft"),
          ({"draft": True, "payment_method": "pm_1"}, "payment_method"),
          ({"metadata": {"billingos_intent": "x"}}, "metadata"),
      )),
    ("/invoices", {"customer_id": "known", "lines": [{"amount": 1, "description": "A"}], "coupon": "NONE"}, 404,
     "resource_missing", "coupon"),
    ("/invoices", {"customer_id": "known", "lines": [{"amount": 1, "description": "A"}], "payment_method": "pm_1"}, 404,
     "resource_missing", "payment_method"),
    *((f"/invoices/in_unknown/{act}", {}, 404, "resource_missing", "id")
      for act in ("finalize", "pay", "send", "void")),
    *((f"/invoices/x/{act}", {"now": 1}, 400, "parameter_unknown", "now")
      for act in ("finalize", "pay", "send", "void")),
    ("/invoices/x/pay", {"paid_out_of_band": True, "payment_method": "pm_1"}, 400, "parameter_invalid",
     "payment_method"),
    ("/refunds", {}, 400, "parameter_missing", "payment"),
    ("/refunds", {"payment": "pi_1", "invoice": "in_1"}, 400, "parameter_invalid", "payment"),
    ("/refunds", {"payment": "pi_unknown"}, 404, "resource_missing", "payment"),
    ("/refunds", {"invoice": "in_unknown"}, 404, "resource_missing", "invoice"),
    ("/refunds", {"payment": "pi_1", "amount": 0}, 400, "parameter_invalid", "amount"),
    ("/refunds", {"payment": "pi_1", "amount": HUGE}, 400, "parameter_invalid", "amount"),
    ("/refunds", {"payment": "pi_1", "reason": "bored"}, 400, "parameter_invalid", "reason"),
    *((path, body, status, code, param)
      for path in ("/credit-notes", "/credit-notes/preview")
      for body, status, code, param in (
          ({"amount": 1}, 400, "parameter_missing", "invoice"),
          ({"invoice": "in_1"}, 400, "parameter_missing", "amount"),
          ({"invoice": "in_1", "amount": 1, "lines": [{"line": "x"}]}, 400, "parameter_invalid", "lines[0][line]"),
          ({"invoice": "in_unknown", "amount": 1}, 404, "resource_missing", "invoice"),
          ({"invoice": "in_1", "amount": -1}, 400, "parameter_invalid", "amount"),
          ({"invoice": "in_1", "amount": 1, "credit_amount": "all"}, 400, "parameter_invalid", "credit_amount"),
          ({"invoice": "in_1", "amount": 1, "reason": "why not"}, 400, "parameter_invalid", "reason"),
      )),
    ("/credit-notes/cn_unknown/void", {}, 404, "resource_missing", "id"),
    ("/customers/unknown/balance", {"amount": 1}, 404, "resource_missing", "id"),
    ("/customers/known/balance", {}, 400, "parameter_missing", "amount"),
    ("/customers/known/balance", {"amount": 0}, 400, "parameter_invalid", "amount"),
    ("/customers/known/balance", {"amount": HUGE}, 400, "parameter_invalid", "amount"),
    ("/customers/known/balance", {"amount": 1, "currency": "?"}, 400, "parameter_invalid", "currency"),
    ("/customers/known/payment-methods", {}, 400, "parameter_missing", "payment_method"),
    ("/customers/known/payment-methods", {"payment_method": "pm_unknown"}, 400, "resource_missing", "payment_method"),
    *(("/customers/known/payment-methods", {"payment_method": name}, 400, "parameter_invalid", "payment_method")
      for name in ("../customers", "pm 1", "pm_1?x", "", 7)),
    ("/customers/unknown/payment-methods", {"payment_method": "pm_1"}, 404, "resource_missing", "id"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "code", "param"), BODIES)
def test_a_wrong_body(caller: Api, path: str, body: Any, status: int, code: str, param: str | None) -> None:  # noqa: F811  (a fixture)
    refused(caller.post(path, body), status, code, param)


QUERIES: list[tuple[str, str, int, str]] = [
    # path, query, status, param
    ("/invoices", "status=happy", 400, "status"),
    ("/invoices", "customer_id=unknown", 404, "customer_id"),
    ("/invoices", "subscription=unknown", 404, "subscription"),
    ("/invoices/in_unknown", "", 404, "id"),
    ("/invoices/in_unknown/document", "", 404, "id"),
    ("/invoices/in_unknown/document.pdf", "", 404, "id"),
    ("/invoices/in_unknown/document", "type=poem", 400, "type"),
    ("/payments", "status=happy", 400, "status"),
    ("/payments", "invoice=unknown", 404, "invoice"),
    ("/payments/%00", "", 404, "id"),
    ("/refunds", "payment=unknown", 404, "payment"),
    ("/refunds/re_unknown", "", 404, "id"),
    ("/credit-notes", "invoice=unknown", 404, "invoice"),
    ("/credit-notes/cn_unknown", "", 404, "id"),
    ("/subscriptions/sub_unknown/upcoming-invoice", "", 404, "id"),
    ("/customers/unknown/payment-methods", "", 404, "id"),
    ("/customers/known/payment-methods", "cursor=!!!", 400, "cursor"),
    ("/customers/unknown/balance-transactions", "", 404, "id"),
    ("/customers/known/balance-transactions", "cursor=!!!", 400, "cursor"),
    ("/customers/known/balance-transactions", "limit=0", 400, "limit"),
    ("/webhooks/events", "status=lost", 400, "status"),
]


@pytest.mark.parametrize(("path", "query", "status", "param"), QUERIES)
def test_a_wrong_query(caller: Api, path: str, query: str, status: int, param: str) -> None:  # noqa: F811  (a fixture)
    refused(caller.request("GET", f"{path}?{query}"), status, None, param)
