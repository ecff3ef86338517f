"""Reading insights; inside the merchant's scope."""

from uuid import UUID

from django.db.models import Case, IntegerField, QuerySet, Value, When

from billingos.common.errors import NotFound
from customers.models import Customer
from insights.models import Insight

MOST_SEVERE_FIRST = Case(
    When(severity=Insight.Severity.CRITICAL, then=Value(0)),
    When(severity=Insight.Severity.WARNING, then=Value(1)),
    default=Value(2),
    output_field=IntegerField(),
)


def insights(
    merchant_id: UUID,
    *,
    status: str | None = None,
    kind: str | None = None,
    severity: str | None = None,
    customer: Customer | None = None,
) -> QuerySet[Insight]:
    rows = Insight.objects.for_merchant(merchant_id).select_related("customer__test_clock")
    filters = {"status": status, "kind": kind, "severity": severity, "customer": customer}
    return rows.filter(**{name: value for name, value in filters.items() if value})


def alerts(merchant_id: UUID) -> QuerySet[Insight]:
    """What is open, the most severe first, then the newest."""
    rows = insights(merchant_id, status=Insight.Status.OPEN)
    return rows.annotate(urgency=MOST_SEVERE_FIRST).order_by("urgency", "-id")


def get_insight(merchant_id: UUID, insight_id: UUID, *, lock: bool = False) -> Insight:
    """Raises NotFound. `lock` keeps it from changing until the scope ends."""
    rows = Insight.objects.for_merchant(merchant_id).filter(id=insight_id)
    found = (rows.select_for_update() if lock else rows).first()
    if found is None:
        raise NotFound("No such insight.", param="id")
    return found
