"""/api/subscriptions/{id}/change, /preview, /unschedule"""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import writes
from billingos.api.serializers import NoBody, valid_body
from billingos.api.views import MerchantView, merchant_of
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from subscriptions import services
from subscriptions.api.answers import found_subscription, named_items, shown, with_payment
from subscriptions.changing import Wish
from subscriptions.models import Subscription
from subscriptions.serializers.changes import ChangePreviewSerializer, ChangeSubscription, PreviewOfChange
from subscriptions.serializers.lifecycle import OneSubscriptionSerializer


class ChangeSubscriptionView(MerchantView):
    area = "subscriptions"

    @writes("Change a subscription", ChangeSubscription, OneSubscriptionSerializer, status=200)
    @with_payment
    @idempotent
    def post(self, request: Request, subscription_id: str) -> Response:
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        fields = valid_body(ChangeSubscription, request.data)
        wish = _wish(merchant, row, fields)
        key = idempotency_key(request)
        return shown(merchant, services.change_subscription(merchant=merchant, subscription=row, wish=wish, key=key))


class PreviewChangeView(MerchantView):
    area = "subscriptions"

    @writes("Preview a change", PreviewOfChange, ChangePreviewSerializer, status=200, idempotency_key=False)
    def post(self, request: Request, subscription_id: str) -> Response:
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        fields = valid_body(PreviewOfChange, request.data)
        preview = services.preview_change(merchant=merchant, subscription=row, wish=_wish(merchant, row, fields))
        return Response(ChangePreviewSerializer(preview).data)


class UnscheduleChangeView(MerchantView):
    area = "subscriptions"

    @writes("Unschedule a change", NoBody, OneSubscriptionSerializer, status=200)
    @with_payment
    @idempotent
    def post(self, request: Request, subscription_id: str) -> Response:
        valid_body(NoBody, request.data)
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        key = idempotency_key(request)
        return shown(merchant, services.unschedule_change(merchant=merchant, subscription=row, key=key))


def _wish(merchant: Merchant, subscription: Subscription, fields: dict[str, Any]) -> Wish:
    if "items" not in fields:
        return Wish(**fields)
    with scope(merchant.id):
        return Wish(**{**fields, "items": named_items(merchant, fields["items"], subscription)})
