"""Reading insights; inside the merchant's scope."""

from uuid import UUID

from django.db.models import QuerySet

from customers.models import Customer
from insights.models import Insight


def insights(
    merchant_id: UUID, *, status: str | None = None, kind: str | None = None, customer: Customer | None = None
) -> QuerySet[Insight]:
    rows = Insight.objects.for_merchant(merchant_id).select_related("customer")
    filters = {"status": status, "kind": kind, "customer": customer}
    return rows.filter(**{name: value for name, value in filters.items() if value})
