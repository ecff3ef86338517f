"""Writing customers: Stripe first, then our row."""

from typing import Any

from billingos.common.errors import Conflict, InvalidRequest
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from customers.models import Customer
from customers.selectors import external_id_taken
from customers.sync import EXTERNAL_ID


def create_customer(
    *,
    merchant: Merchant,
    external_id: str | None = None,
    email: str | None = None,
    name: str | None = None,
    payment_method: str | None = None,
    test_clock: str | None = None,
    metadata: dict[str, str] | None = None,
    key: str | None = None,
) -> Customer:
    """A customer in Stripe and here.

    `payment_method` is attached and becomes the default. `key` is the caller's Idempotency-Key. Raises Conflict for an
    external id that is taken, InvalidRequest for one that looks like Stripe's, and what Stripe refuses.
    """
    if external_id and external_id.startswith("cus_"):
        raise InvalidRequest("An external_id may not begin with cus_.", param="external_id")

    def check() -> None:
        if external_id and external_id_taken(merchant.id, external_id):
            raise Conflict("A customer with this external_id exists.", param="external_id", code="external_id_taken")

    params: dict[str, Any] = {
        "email": email,
        "name": name,
        "test_clock": test_clock,
        "metadata": {**(metadata or {}), **({EXTERNAL_ID: external_id} if external_id else {})},
    }
    if payment_method:
        params["payment_method"] = payment_method
        params["invoice_settings"] = {"default_payment_method": payment_method}
    params = {name: value for name, value in params.items() if value not in (None, {})}
    customer: Customer = execute(
        merchant=merchant,
        calls=[Call("customers.create", params)],
        key=key,
        claim=f"customer {external_id}" if external_id else None,
        check=check,
    )[0]
    return customer
