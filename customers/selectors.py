"""Reading customers. Everything here runs inside the merchant's scope."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q, QuerySet

from billingos.common.errors import NotFound
from billingos.common.ids import parse_uuid
from customers.models import Customer


def customers(merchant_id: UUID, *, email: str | None = None, search: str | None = None) -> QuerySet[Customer]:
    """The merchant's living customers; `search` looks into name, e-mail and external id."""
    rows = Customer.objects.for_merchant(merchant_id).filter(deleted_at=None).select_related("test_clock")
    if email:
        rows = rows.filter(email=email)
    if search:
        rows = rows.filter(Q(name__icontains=search) | Q(email__icontains=search) | Q(external_id__icontains=search))
    return rows


def get_customer(merchant_id: UUID, customer_id: str, *, param: str = "customer_id") -> Customer:
    """The customer that `customer_id` names: a UUID is our id, then an external id; `cus_…` is Stripe's; anything else
    is an external id. Raises NotFound."""
    rows = customers(merchant_id)
    found: Customer | None = None
    if key := parse_uuid(customer_id):
        found = rows.filter(id=key).first()
    elif customer_id.startswith("cus_"):
        found = rows.filter(stripe_id=customer_id).first()
        customer_id = ""
    if found is None and customer_id:
        found = rows.filter(external_id=customer_id).first()
    if found is None:
        raise NotFound("No such customer.", param=param)
    return found


def get_customers(merchant_id: UUID, customer_ids: Collection[str]) -> dict[str, Customer]:
    """What `get_customer` finds for each of the ids, in one statement; ids that name nobody are left out."""
    keys = {text: key for text in customer_ids if (key := parse_uuid(text))}
    wanted = Q(id__in=keys.values()) | Q(external_id__in=customer_ids) | Q(stripe_id__in=customer_ids)
    found = list(customers(merchant_id).filter(wanted))
    by_id = {customer.id: customer for customer in found}
    by_stripe_id = {customer.stripe_id: customer for customer in found}
    by_external_id = {customer.external_id: customer for customer in found}
    resolved = {
        text: by_stripe_id.get(text)
        if text.startswith("cus_")
        else (text in keys and by_id.get(keys[text])) or by_external_id.get(text)
        for text in customer_ids
    }
    return {text: customer for text, customer in resolved.items() if customer}


def external_id_taken(merchant_id: UUID, external_id: str) -> bool:
    return customers(merchant_id).filter(external_id=external_id).exists()
