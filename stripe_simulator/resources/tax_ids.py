"""Tax ids, of customers and of the account itself."""

from typing import Any

from stripe_simulator.billing import tax_ids
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, missing_param, not_found, not_simulated
from stripe_simulator.lists import page
from stripe_simulator.params import LISTING, Fields, Hash, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

_OWNER: Fields = {"account": Text(), "customer": Text(), "type": Text(required=True, choices=("customer", "self"))}


@endpoint("POST", "/v1/customers/<id>/tax_ids", tax_ids.TAX_ID)
def create_for_customer(work: Work, values: dict[str, Any], id: str) -> Json:
    """Give a customer a tax id."""
    return _create(work, work.get("customer", id), values)


@endpoint("GET", "/v1/customers/<id>/tax_ids", LISTING)
def list_of_customer(work: Work, values: dict[str, Any], id: str) -> Json:
    """A customer's tax ids."""
    work.get("customer", id)
    return page(work, tax_ids.of(work, id), values, f"/v1/customers/{id}/tax_ids")


@endpoint("GET", "/v1/customers/<id>/tax_ids/<tax_id>")
def retrieve_of_customer(work: Work, values: dict[str, Any], id: str, tax_id: str) -> Json:
    """One of a customer's tax ids."""
    return render(work, _of_customer(work, id, tax_id))


@endpoint("DELETE", "/v1/customers/<id>/tax_ids/<tax_id>")
def delete_of_customer(work: Work, values: dict[str, Any], id: str, tax_id: str) -> Json:
    """Take a tax id off a customer."""
    return _delete(work, _of_customer(work, id, tax_id))


@endpoint("POST", "/v1/tax_ids", tax_ids.TAX_ID | {"owner": Hash(fields=_OWNER)})
def create(work: Work, values: dict[str, Any]) -> Json:
    """A tax id of the account itself, or of the customer that is named."""
    return _create(work, _owner(work, values.get("owner") or {"type": "self"}), values)


@endpoint("GET", "/v1/tax_ids", LISTING | {"owner": Hash(fields=_OWNER)})
def list_all(work: Work, values: dict[str, Any]) -> Json:
    """The account's own tax ids, or those of the customer that is named."""
    customer = _owner(work, values.get("owner") or {"type": "self"})
    found = [one for one in work.all(tax_ids.KIND) if one["customer"] == (customer["id"] if customer else None)]
    return page(work, found, values, "/v1/tax_ids")


@endpoint("GET", "/v1/tax_ids/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A tax id."""
    return render(work, work.get(tax_ids.KIND, id))


@endpoint("DELETE", "/v1/tax_ids/<id>")
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Delete a tax id."""
    return _delete(work, work.get(tax_ids.KIND, id))


def _create(work: Work, customer: Record | None, values: dict[str, Any]) -> Json:
    made = tax_ids.add(work, customer, values)
    tax_ids.announce(work, made)
    return render(work, made)


def _owner(work: Work, sent: dict[str, Any]) -> Record | None:
    if sent.get("account"):
        raise not_simulated("tax ids of other accounts", "owner[account]")
    if sent["type"] == "self":
        if sent.get("customer"):
            raise invalid("`customer` goes with `type=customer`.", "owner[customer]")
        return None
    if not sent.get("customer"):
        raise missing_param("owner[customer]")
    return work.get("customer", sent["customer"], "owner[customer]")


def _of_customer(work: Work, customer: str, id: str) -> Record:
    work.get("customer", customer)
    found = work.find(tax_ids.KIND, id)
    if found is None or found["customer"] != customer:
        raise not_found(tax_ids.KIND, id, "id")
    return found


def _delete(work: Work, tax_id: Record) -> Json:
    tax_ids.remove(work, tax_id)
    return {"id": tax_id["id"], "object": tax_ids.KIND, "deleted": True}
