"""/api/checkout/sessions: a till for one price."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotent
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import (
    MAX_QUANTITY,
    IntegerField,
    ListQuery,
    MetadataField,
    StrictSerializer,
    TextField,
    valid_body,
)
from billingos.api.views import MerchantView, find, list_query, list_response, merchant_of
from billingos.common.errors import InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.portal.checkouts import url_of, way_back
from customers.portal_sessions import check_return_url
from customers.selectors import get_customer
from subscriptions import selectors
from subscriptions.models import CheckoutSession
from subscriptions.redeeming import named_discounts
from subscriptions.services import Sale, expire_checkout, open_checkout

MAX_URL = 2000


class CreateCheckoutSession(StrictSerializer):
    price = TextField(max_length=255, help_text="The price's id, ours or Stripe's.")
    quantity = IntegerField(min_value=1, max_value=MAX_QUANTITY, default=1)
    customer_id = TextField(
        required=False,
        max_length=255,
        help_text="Our id, Stripe's id, or your external_id. Omit: the buyer becomes one.",
    )
    email = serializers.EmailField(
        required=False, max_length=320, help_text="Filled in for a buyer who is no customer."
    )
    success_url = TextField(
        max_length=MAX_URL, help_text="Where a buyer goes on; `{CHECKOUT_SESSION_ID}` in it becomes the session's id."
    )
    cancel_url = TextField(required=False, max_length=MAX_URL, help_text="Where a buyer goes who does not buy.")
    trial_days = IntegerField(min_value=0, max_value=730, default=0)
    coupon = TextField(required=False, max_length=255, help_text="A coupon's id, ours or Stripe's.")
    promotion_code = TextField(required=False, max_length=255, help_text="A promotion code's id, ours or Stripe's.")
    allow_promotion_codes = serializers.BooleanField(default=False, help_text="Whether the buyer may enter a code.")
    payment_method_collection = serializers.ChoiceField(
        ["always", "if_required"], default="always", help_text="if_required: no card for a trial or a total of nought."
    )
    metadata = MetadataField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for one, other in (
            ("customer_id", "email"),
            ("coupon", "promotion_code"),
            ("coupon", "allow_promotion_codes"),
            ("promotion_code", "allow_promotion_codes"),
        ):
            if attrs.get(one) and attrs.get(other):
                raise serializers.ValidationError({other: [f"Not together with {one}."]})
        return attrs


class CheckoutSessionSerializer(serializers.ModelSerializer[CheckoutSession]):
    """`url` is where the buyer goes: Stripe's page, or ours for what is free. Null once the session has ended."""

    object = serializers.SerializerMethodField()
    url = serializers.SerializerMethodField()
    price = serializers.UUIDField(source="price_id", read_only=True)
    customer = serializers.UUIDField(source="customer_id", read_only=True, allow_null=True)
    subscription = serializers.UUIDField(source="subscription_id", read_only=True, allow_null=True)

    class Meta:
        model = CheckoutSession
        fields = (
            "id", "object", "stripe_id", "status", "url", "price", "quantity", "customer", "email", "subscription",
            "payment_id", "trial_days", "success_url", "cancel_url", "expires_at", "completed_at", "metadata",
            "created_at", "updated_at",
        )  # fmt: skip

    def get_object(self, session: CheckoutSession) -> str:
        return "checkout_session"

    def get_url(self, session: CheckoutSession) -> str | None:
        return url_of(session) if session.status == CheckoutSession.Status.OPEN else None


class CheckoutSessionListQuery(ListQuery):
    customer_id = TextField(required=False, max_length=255)
    status = serializers.ChoiceField(CheckoutSession.Status.choices, required=False)


class CheckoutSessionsView(MerchantView):
    area = "subscriptions"

    @reads("List checkout sessions", page_of(CheckoutSessionSerializer), CheckoutSessionListQuery, not_found=True)
    def get(self, request: Request) -> Response:
        query = list_query(request, CheckoutSessionListQuery)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, query["customer_id"]) if "customer_id" in query else None
        rows = selectors.checkout_sessions(merchant.id, customer=customer, status=query.get("status"))
        return list_response(request, rows, CheckoutSessionSerializer, query)

    @writes("Create a checkout session", CreateCheckoutSession, CheckoutSessionSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateCheckoutSession, request.data)
        merchant = merchant_of(request)
        for name in ("success_url", "cancel_url"):
            if name in fields:
                check_return_url(fields[name].replace("{CHECKOUT_SESSION_ID}", "id"), param=name)
        with scope(merchant.id):
            customer = get_customer(merchant.id, fields["customer_id"]) if "customer_id" in fields else None
            sale = _sale(merchant, fields)
        session = open_checkout(
            merchant=merchant,
            sale=sale,
            customer=customer,
            email=fields.get("email", ""),
            success_url=fields["success_url"],
            cancel_url=fields.get("cancel_url", ""),
            way_back=way_back,
        )
        return Response(_serialised(merchant, session), status=201)


class CheckoutSessionView(MerchantView):
    area = "subscriptions"

    @reads("Retrieve a checkout session", CheckoutSessionSerializer, not_found=True)
    def get(self, request: Request, session_id: str) -> Response:
        merchant = merchant_of(request)
        return Response(_serialised(merchant, _find(merchant, session_id)))


class ExpireCheckoutSessionView(MerchantView):
    area = "subscriptions"

    @writes("Expire a checkout session", None, CheckoutSessionSerializer, status=200)
    @idempotent
    def post(self, request: Request, session_id: str) -> Response:
        valid_body(StrictSerializer, request.data)
        merchant = merchant_of(request)
        session = expire_checkout(merchant=merchant, session=_find(merchant, session_id))
        return Response(_serialised(merchant, session))


def _sale(merchant: Merchant, fields: dict[str, Any]) -> Sale:
    price = find(selectors.prices(merchant.id, active=True), fields["price"], param="price", noun="active price")
    named = {name: fields[name] for name in ("coupon", "promotion_code") if name in fields}
    discount = next(iter(named_discounts(merchant.id, **named)), None)
    if discount and price.unit_amount == 0:
        raise InvalidRequest("Nothing can be taken off what is free.", param=next(iter(named)))
    return Sale(
        price=price,
        quantity=fields["quantity"],
        trial_days=fields["trial_days"],
        discount=discount,
        allow_promotion_codes=fields["allow_promotion_codes"],
        collect_payment_method=fields["payment_method_collection"],
        metadata=fields.get("metadata", {}),
    )


def _find(merchant: Merchant, session_id: str) -> CheckoutSession:
    with scope(merchant.id):
        return find(selectors.checkout_sessions(merchant.id), session_id, noun="checkout session")


def _serialised(merchant: Merchant, session: CheckoutSession) -> Any:
    with scope(merchant.id):
        return CheckoutSessionSerializer(selectors.checkout_sessions(merchant.id).get(id=session.id)).data
