"""The customer's credit balance: a ledger. Negative is credit, positive is what the customer owes."""

from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.events import updating
from stripe_simulator.params import merged_metadata
from stripe_simulator.work import Work


def adjust(
    work: Work,
    customer: Record,
    amount: int,
    type: str,
    *,
    currency: str | None = None,
    invoice: str | None = None,
    credit_note: str | None = None,
    values: dict[str, Any] | None = None,
) -> Record:
    """Move the balance by ``amount`` (minor units) and write down why; ``values`` are a request's own words."""
    with updating(work, customer):
        customer["balance"] += amount
        if currency is not None and customer["currency"] is None:
            customer["currency"] = currency
    return note(work, customer, amount, type, invoice=invoice, credit_note=credit_note, values=values)


def note(
    work: Work,
    customer: Record,
    amount: int,
    type: str,
    *,
    invoice: str | None = None,
    credit_note: str | None = None,
    values: dict[str, Any] | None = None,
) -> Record:
    """The transaction of a balance that has just been moved."""
    given = values or {}
    body: Record = {
        "amount": amount,
        "checkout_session": None,
        "created": work.now(customer["_clock"]),
        "credit_note": credit_note,
        "currency": customer["currency"] or "usd",
        "customer": customer["id"],
        "customer_account": None,
        "description": given.get("description"),
        "ending_balance": customer["balance"],
        "invoice": invoice,
        "metadata": merged_metadata({}, given.get("metadata") or {}),
        "type": type,
    }
    return work.insert("customer_balance_transaction", body, clock=customer["_clock"])


def settle(work: Work, customer: Record, invoice: Record) -> int:
    """Set an invoice that is being finalised against the balance; what is still due (minor units)."""
    starting = int(customer["balance"])
    owed = invoice["total"] + starting
    ending, due = (owed, 0) if owed < 0 else (0, owed)
    if ending != starting:
        adjust(work, customer, ending - starting, "applied_to_invoice", invoice=invoice["id"])
    with work.edit(invoice):
        invoice |= {"starting_balance": starting, "ending_balance": ending}
    return due


def give_back(work: Work, invoice: Record) -> None:
    """Undo what a voided invoice took from the balance, or put there."""
    applied = (invoice["ending_balance"] or 0) - (invoice["starting_balance"] or 0)
    customer = work.find("customer", invoice["customer"])
    if applied and customer is not None:
        adjust(work, customer, -applied, "unapplied_from_invoice", invoice=invoice["id"])


def require_currency(customer: Record, currency: str) -> None:
    """A StripeError where the customer is billed in another currency."""
    if customer["currency"] not in (None, currency):
        raise invalid(
            f"The customer's balance is in {customer['currency']}; {currency} cannot be added to it.", "currency"
        )
