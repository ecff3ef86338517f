"""The ledger of a customer's credit balance."""

from typing import Any

from stripe_simulator.billing import balance
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import not_found
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Integer, Metadata, Range, Text, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

_URL = "/v1/customers/<customer>/balance_transactions"


@endpoint(
    "POST",
    _URL,
    {
        "amount": Integer(required=True),
        "currency": Text(required=True, longest=3),
        "description": Text(longest=350),
        "metadata": Metadata(),
    },
)
def create(work: Work, values: dict[str, Any], customer: str) -> Json:
    """Credit (negative) or debit the customer for invoices to come."""
    owner = work.get("customer", customer, "id")
    currency = values["currency"].lower()
    balance.require_currency(owner, currency)
    made = balance.adjust(work, owner, values["amount"], "adjustment", currency=currency, values=values)
    return render(work, made)


@endpoint("GET", f"{_URL}/<id>")
def retrieve(work: Work, values: dict[str, Any], customer: str, id: str) -> Json:
    """One movement."""
    return render(work, _own(work, customer, id))


@endpoint("POST", f"{_URL}/<id>", {"description": Text(longest=350), "metadata": Metadata()})
def update(work: Work, values: dict[str, Any], customer: str, id: str) -> Json:
    """Change what is said about it, never the amount."""
    made = _own(work, customer, id)
    with work.edit(made):
        if "description" in values:
            made["description"] = values["description"]
        if "metadata" in values:
            made["metadata"] = merged_metadata(made["metadata"], values["metadata"])
    return render(work, made)


@endpoint("GET", _URL, LISTING | {"created": Range(), "invoice": Text()})
def list_transactions(work: Work, values: dict[str, Any], customer: str) -> Json:
    """Movements, newest first."""
    work.get("customer", customer)
    found = [
        made
        for made in work.related("customer_balance_transaction", "customer", customer)
        if values.get("invoice") in (None, made["invoice"]) and within(values.get("created"), made["created"])
    ]
    return page(work, found, values, f"/v1/customers/{customer}/balance_transactions")


def _own(work: Work, customer: str, id: str) -> Record:
    made = work.get("customer_balance_transaction", id)
    if made["customer"] != customer:
        raise not_found("customer_balance_transaction", id, "id")
    return made
