"""/api/subscriptions"""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import valid_body
from billingos.api.views import MerchantView, find, list_query, list_response, merchant_of
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from customers.selectors import get_customer
from subscriptions import selectors, services
from subscriptions.models import Subscription
from subscriptions.serializers.lifecycle import (
    CancelSubscription,
    CreateSubscription,
    SubscriptionListQuery,
    SubscriptionSerializer,
)


class SubscriptionsView(MerchantView):
    area = "subscriptions"

    @reads("List subscriptions", page_of(SubscriptionSerializer), SubscriptionListQuery)
    def get(self, request: Request) -> Response:
        query = list_query(request, SubscriptionListQuery)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, query["customer_id"]) if "customer_id" in query else None
        rows = selectors.subscriptions(merchant.id, customer=customer, status=query.get("status"))
        return list_response(request, rows, SubscriptionSerializer, query)

    @writes("Create a subscription", CreateSubscription, SubscriptionSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateSubscription, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, fields.pop("customer_id"))
            items = _items(merchant, fields.pop("items"))
        subscription = services.create_subscription(
            merchant=merchant, customer=customer, items=items, key=idempotency_key(request), **fields
        )
        return Response(_serialised(merchant, subscription), status=201)


class SubscriptionView(MerchantView):
    area = "subscriptions"

    @reads("Retrieve a subscription", SubscriptionSerializer, not_found=True)
    def get(self, request: Request, subscription_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(selectors.subscriptions(merchant.id), subscription_id, noun="subscription")
            return Response(SubscriptionSerializer(row).data)


class CancelSubscriptionView(MerchantView):
    area = "subscriptions"

    @writes("Cancel a subscription", CancelSubscription, SubscriptionSerializer, status=200)
    @idempotent
    def post(self, request: Request, subscription_id: str) -> Response:
        fields = valid_body(CancelSubscription, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(selectors.subscriptions(merchant.id), subscription_id, noun="subscription")
        canceled = services.cancel_subscription(
            merchant=merchant,
            subscription=row,
            key=idempotency_key(request),
            **fields,
        )
        return Response(_serialised(merchant, canceled))


def _items(merchant: Merchant, wanted: list[dict[str, Any]]) -> list[services.Item]:
    rows = selectors.prices(merchant.id, active=True)
    return [
        services.Item(
            find(rows, item["price"], param=f"items[{index}][price]", noun="active price"),
            item.get("quantity", 1),
        )
        for index, item in enumerate(wanted)
    ]


def _serialised(merchant: Merchant, subscription: Subscription) -> Any:
    with scope(merchant.id):
        return SubscriptionSerializer(selectors.subscriptions(merchant.id).get(id=subscription.id)).data
