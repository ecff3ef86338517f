"""/api/analytics/mrr, /api/insights"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.schema import page_of, reads
from billingos.api.serializers import valid_query
from billingos.api.views import MerchantView, list_query, list_response, merchant_of
from billingos.common.errors import InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import BillingSettings
from billingos.merchants.selectors import settings_of
from customers.selectors import get_customer
from insights import selectors
from insights.revenue import mrr_series
from insights.serializers import (
    MAX_DAYS,
    DaySerializer,
    InsightQuery,
    InsightSerializer,
    MrrQuery,
    MrrSerializer,
)

DEFAULT_DAYS = timedelta(days=30)


class InsightsView(MerchantView):
    area = "insights"

    @reads("List insights", page_of(InsightSerializer), InsightQuery, not_found=True)
    def get(self, request: Request) -> Response:
        query = list_query(request, InsightQuery)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, query["customer_id"]) if "customer_id" in query else None
        rows = selectors.insights(merchant.id, status=query.get("status"), kind=query.get("kind"), customer=customer)
        return list_response(request, rows, InsightSerializer, query)


class MrrView(MerchantView):
    area = "analytics"

    @reads("Monthly recurring revenue by day", MrrSerializer, MrrQuery)
    def get(self, request: Request) -> Response:
        query = valid_query(MrrQuery, request.query_params)
        merchant = merchant_of(request)
        end = query.get("to") or datetime.now(UTC).date()
        start = query.get("from") or end - DEFAULT_DAYS
        if not timedelta(0) <= end - start <= timedelta(days=MAX_DAYS):
            raise InvalidRequest(f"From 0 to {MAX_DAYS} days before `to`.", param="from")
        currency = query.get("currency", merchant.default_currency)
        with scope(merchant.id):
            days = mrr_series(merchant.id, currency=currency, start=start, end=end)
            definition = _definition(settings_of(merchant.id))
        return Response(
            {
                "currency": currency,
                "definition": definition,
                "data": list(DaySerializer(days, many=True).data),
            }
        )


def _definition(chosen: BillingSettings) -> dict[str, Any]:
    return {
        "metric": "mrr",
        "text": "Monthly value, at the price as listed, of the active and past-due subscriptions at the end of each "
        "UTC day. Trials, one-off prices and usage do not count.",
        "settings": {"paused_counts": chosen.paused_counts},
        "doc_url": f"{settings.BASE_URL}/docs/metrics",
    }
