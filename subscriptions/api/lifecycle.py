"""/api/subscriptions and what becomes of one: canceled, kept, reactivated, paused, resumed, its trial extended."""

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import NoBody, valid_body
from billingos.api.views import MerchantView, list_query, list_response, merchant_of
from billingos.common.tenancy import scope
from customers.selectors import get_customer
from subscriptions import selectors, services
from subscriptions.api.answers import found_subscription, named_items, shown, terms_of, with_payment
from subscriptions.serializers.lifecycle import (
    CancelSubscription,
    CreateSubscription,
    ExtendTrial,
    OneSubscriptionSerializer,
    PauseSubscription,
    ReactivateSubscription,
    SubscriptionListQuery,
    SubscriptionSerializer,
    UpdateSubscription,
)


class SubscriptionsView(MerchantView):
    area = "subscriptions"

    @reads("List subscriptions", page_of(SubscriptionSerializer), SubscriptionListQuery, not_found=True)
    def get(self, request: Request) -> Response:
        query = list_query(request, SubscriptionListQuery)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, query["customer_id"]) if "customer_id" in query else None
        rows = selectors.subscriptions(merchant.id, customer=customer, status=query.get("status"))
        return list_response(request, rows, SubscriptionSerializer, query)

    @writes("Create a subscription", CreateSubscription, OneSubscriptionSerializer)
    @with_payment
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateSubscription, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, fields["customer_id"])
            items = named_items(merchant, fields["items"])
        subscription = services.create_subscription(
            merchant=merchant,
            customer=customer,
            items=items,
            trial=services.Trial(days=fields.get("trial_days", 0), end=fields.get("trial_end")),
            terms=terms_of(fields),
            payment_behavior=fields["payment_behavior"],
            key=idempotency_key(request),
        )
        return shown(merchant, subscription, status=201)


class SubscriptionView(MerchantView):
    area = "subscriptions"

    @reads("Retrieve a subscription", OneSubscriptionSerializer, not_found=True)
    @with_payment
    def get(self, request: Request, subscription_id: str) -> Response:
        merchant = merchant_of(request)
        return shown(merchant, found_subscription(merchant, subscription_id))

    @writes("Update a subscription", UpdateSubscription, OneSubscriptionSerializer, status=200, idempotency_key=False)
    @with_payment
    def patch(self, request: Request, subscription_id: str) -> Response:
        fields = valid_body(UpdateSubscription, request.data)
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        updated = services.update_subscription(merchant=merchant, subscription=row, terms=terms_of(fields))
        return shown(merchant, updated)


class CancelSubscriptionView(MerchantView):
    area = "subscriptions"

    @writes("Cancel a subscription", CancelSubscription, OneSubscriptionSerializer, status=200)
    @with_payment
    @idempotent
    def post(self, request: Request, subscription_id: str) -> Response:
        fields = valid_body(CancelSubscription, request.data)
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        key = idempotency_key(request)
        return shown(merchant, services.cancel_subscription(merchant=merchant, subscription=row, key=key, **fields))


class KeepSubscriptionView(MerchantView):
    area = "subscriptions"

    @writes("Keep a subscription", NoBody, OneSubscriptionSerializer, status=200)
    @with_payment
    @idempotent
    def post(self, request: Request, subscription_id: str) -> Response:
        valid_body(NoBody, request.data)
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        key = idempotency_key(request)
        return shown(merchant, services.keep_subscription(merchant=merchant, subscription=row, key=key))


class ReactivateSubscriptionView(MerchantView):
    area = "subscriptions"

    @writes("Reactivate a subscription", ReactivateSubscription, OneSubscriptionSerializer, status=200)
    @with_payment
    @idempotent
    def post(self, request: Request, subscription_id: str) -> Response:
        fields = valid_body(ReactivateSubscription, request.data)
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        with scope(merchant.id):
            items = named_items(merchant, fields["items"]) if "items" in fields else None
        active = services.reactivate_subscription(
            merchant=merchant,
            subscription=row,
            items=items,
            terms=terms_of(fields),
            payment_behavior=fields["payment_behavior"],
            key=idempotency_key(request),
        )
        return shown(merchant, active)


class PauseSubscriptionView(MerchantView):
    area = "subscriptions"

    @writes("Pause a subscription", PauseSubscription, OneSubscriptionSerializer, status=200)
    @with_payment
    @idempotent
    def post(self, request: Request, subscription_id: str) -> Response:
        fields = valid_body(PauseSubscription, request.data)
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        key = idempotency_key(request)
        return shown(merchant, services.pause_subscription(merchant=merchant, subscription=row, key=key, **fields))


class ResumeSubscriptionView(MerchantView):
    area = "subscriptions"

    @writes("Resume a subscription", NoBody, OneSubscriptionSerializer, status=200)
    @with_payment
    @idempotent
    def post(self, request: Request, subscription_id: str) -> Response:
        valid_body(NoBody, request.data)
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        key = idempotency_key(request)
        return shown(merchant, services.resume_subscription(merchant=merchant, subscription=row, key=key))


class ExtendTrialView(MerchantView):
    area = "subscriptions"

    @writes("Extend a trial", ExtendTrial, OneSubscriptionSerializer, status=200)
    @with_payment
    @idempotent
    def post(self, request: Request, subscription_id: str) -> Response:
        merchant = merchant_of(request)
        row = found_subscription(merchant, subscription_id)
        fields = valid_body(ExtendTrial, request.data)
        key = idempotency_key(request)
        return shown(merchant, services.extend_trial(merchant=merchant, subscription=row, key=key, **fields))
