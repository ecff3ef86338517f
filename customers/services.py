"""Writing customers: Stripe first, then our row."""

from collections.abc import Callable, Mapping
from typing import Any

from billingos.common.errors import Conflict, InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call, made_by
from customers.models import Customer, PaymentMethod
from customers.selectors import external_id_taken
from customers.sync import EXTERNAL_ID

PLAIN = {"email", "name", "address", "tax_exempt", "metadata"}  # fields with Stripe's names


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
    check = _free_external_id(merchant, external_id)
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


def update_customer(*, merchant: Merchant, customer: Customer, fields: Mapping[str, Any]) -> Customer:
    """The customer with what `fields` has (as `UpdateCustomer`), in Stripe and here; None takes away. A payment method
    that is not the customer's yet is attached. Raises Conflict for an external id that is taken."""
    if not fields:
        return customer
    external_id = fields.get("external_id")
    changes = external_id if external_id != customer.external_id else None
    check = _free_external_id(merchant, changes)
    params = {name: "" if value is None else value for name, value in fields.items() if name in PLAIN}
    if "external_id" in fields:
        params["metadata"] = {**fields.get("metadata", {}), EXTERNAL_ID: external_id or ""}
    calls = []
    if "default_payment_method" in fields:
        method = fields["default_payment_method"]
        known = method is None or _is_attached(merchant, customer, method)
        calls = [] if known else [Call("payment_methods.attach", {"customer": customer.stripe_id}, target=method)]
        params["invoice_settings"] = {"default_payment_method": (method or "") if known else made_by(0)}
    calls.append(Call("customers.update", params, target=customer.stripe_id))
    claim = f"customer {changes}" if changes else None
    updated: Customer = execute(merchant=merchant, calls=calls, claim=claim, check=check)[-1]
    return updated


def delete_customer(*, merchant: Merchant, customer: Customer) -> None:
    """Stripe ends all subscriptions of the customer at once; what was billed stays."""
    execute(merchant=merchant, calls=[Call("customers.delete", target=customer.stripe_id)])


def _free_external_id(merchant: Merchant, external_id: str | None) -> Callable[[], None]:
    """Raises InvalidRequest now for one that looks like Stripe's; what it returns raises Conflict for one taken."""
    if external_id and external_id.startswith("cus_"):
        raise InvalidRequest("An external_id may not begin with cus_.", param="external_id")

    def check() -> None:
        if external_id and external_id_taken(merchant.id, external_id):
            raise Conflict("A customer with this external_id exists.", param="external_id", code="external_id_taken")

    return check


def _is_attached(merchant: Merchant, customer: Customer, method: str) -> bool:
    with scope(merchant.id):
        return (
            PaymentMethod.objects.for_merchant(merchant.id)
            .filter(customer=customer, stripe_id=method, deleted_at=None)
            .exists()
        )
