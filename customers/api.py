"""/api/customers"""

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import changes, page_of, reads, writes
from billingos.api.serializers import DeletedSerializer, valid_body
from billingos.api.views import MerchantView, list_query, list_response, merchant_of
from billingos.common.tenancy import scope
from customers import selectors, services
from customers.serializers import CreateCustomer, CustomerListQuery, CustomerSerializer, UpdateCustomer


class CustomersView(MerchantView):
    area = "customers"

    @reads("List customers", page_of(CustomerSerializer), CustomerListQuery)
    def get(self, request: Request) -> Response:
        query = list_query(request, CustomerListQuery)
        rows = selectors.customers(merchant_of(request).id, email=query.get("email"))
        return list_response(request, rows, CustomerSerializer, query)

    @writes("Create a customer", CreateCustomer, CustomerSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateCustomer, request.data)
        merchant = merchant_of(request)
        customer = services.create_customer(merchant=merchant, key=idempotency_key(request), **fields)
        with scope(merchant.id):
            return Response(CustomerSerializer(customer).data, status=201)


class CustomerView(MerchantView):
    area = "customers"

    @reads("Retrieve a customer", CustomerSerializer, not_found=True)
    def get(self, request: Request, customer_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = selectors.get_customer(merchant.id, customer_id, param="id")
            return Response(CustomerSerializer(customer).data)

    @changes("Change a customer", UpdateCustomer, CustomerSerializer)
    def patch(self, request: Request, customer_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = selectors.get_customer(merchant.id, customer_id, param="id")
        fields = valid_body(UpdateCustomer, request.data)
        services.update_customer(merchant=merchant, customer=customer, fields=fields)
        with scope(merchant.id):
            return Response(CustomerSerializer(selectors.customers(merchant.id).get(id=customer.id)).data)

    @changes("Delete a customer", None, DeletedSerializer)
    def delete(self, request: Request, customer_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = selectors.get_customer(merchant.id, customer_id, param="id")
        services.delete_customer(merchant=merchant, customer=customer)
        return Response({"id": customer.id, "object": "customer", "deleted": True})
