"""/api/portal/…: sessions are made with a secret key; the rest is the customer's own, with the customer token."""

from django.conf import settings
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.authentication import key_of
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import ListQuery, valid_body
from billingos.api.views import MerchantView, list_query, list_response, merchant_of
from billingos.common.errors import NotFound
from billingos.common.tenancy import scope
from billingos.portal.authentication import CustomerTokenAuthentication, session_of
from billingos.portal.card_pages import open_page
from billingos.portal.serializers import (
    CardPageSerializer,
    CreateCardPage,
    CreatePortalSession,
    PortalInvoiceSerializer,
    PortalSessionSerializer,
    PortalSubscriptionSerializer,
)
from customers.portal_sessions import check_return_url, create_portal_session
from customers.selectors import get_customer
from entitlements.selectors import balances
from subscriptions.selectors import invoices, main_subscription


class PortalSessionsView(MerchantView):
    area = "portal"

    @writes("Create a portal session", CreatePortalSession, PortalSessionSerializer, idempotency_key=False)
    def post(self, request: Request) -> Response:
        """Takes no Idempotency-Key: the answer holds secrets, which are not kept, and another session does no harm."""
        fields = valid_body(CreatePortalSession, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, fields["customer_id"])
        made = create_portal_session(
            merchant=merchant, customer=customer, return_url=fields.get("return_url", ""), by=key_of(request)
        )
        answer = {
            "id": made.session.id,
            "object": "portal_session",
            "customer": customer.id,
            "url": link_of(made.link_token),
            "customer_token": made.customer_token,
            "return_url": made.session.return_url,
            "expires_at": made.session.expires_at,
        }
        return Response(PortalSessionSerializer(answer).data, status=201)


def link_of(link_token: str) -> str:
    return f"{settings.BASE_URL}{reverse('portal:link', kwargs={'token': link_token})}"


class CustomerView(MerchantView):
    """A view of what one customer has, for that customer."""

    authentication_classes = (CustomerTokenAuthentication,)
    permission_classes = ()


class PortalSubscriptionView(CustomerView):
    @reads("Retrieve the customer's subscription", PortalSubscriptionSerializer, not_found=True)
    def get(self, request: Request) -> Response:
        customer = session_of(request).customer
        with scope(customer.merchant_id):
            subscription = main_subscription(customer)
            if subscription is None:
                raise NotFound("This customer has no subscription.")
            context = {"balances": balances(customer)}
            return Response(PortalSubscriptionSerializer(subscription, context=context).data)


class PortalInvoicesView(CustomerView):
    @reads("List the customer's invoices", page_of(PortalInvoiceSerializer), ListQuery)
    def get(self, request: Request) -> Response:
        query = list_query(request)
        return list_response(request, invoices(session_of(request).customer), PortalInvoiceSerializer, query)


class PortalPaymentMethodView(CustomerView):
    @writes("Change the customer's payment method", CreateCardPage, CardPageSerializer, idempotency_key=False)
    def post(self, request: Request) -> Response:
        """Takes no Idempotency-Key: it changes nothing until the customer has been on Stripe's page."""
        fields = valid_body(CreateCardPage, request.data)
        session = session_of(request)
        return_url = fields.get("return_url") or session.return_url
        if return_url:
            check_return_url(return_url)
        page = open_page(session, back_to=return_url)
        body = {"object": "card_page", "url": page.url, "expires_at": page.expires_at}
        return Response(CardPageSerializer(body).data, status=201)
