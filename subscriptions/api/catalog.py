"""/api/prices. (/api/products is answered with its features: `entitlements.api`.)"""

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import valid_body
from billingos.api.views import MerchantView, find, list_query, list_response, merchant_of
from billingos.common.tenancy import scope
from subscriptions import selectors, services
from subscriptions.serializers.catalog import CreatePrice, PriceListQuery, PriceSerializer


class PricesView(MerchantView):
    area = "catalog"

    @reads("List prices", page_of(PriceSerializer), PriceListQuery)
    def get(self, request: Request) -> Response:
        query = list_query(request, PriceListQuery)
        merchant = merchant_of(request)
        with scope(merchant.id):
            product = (
                find(selectors.products(merchant.id), query["product"], param="product", noun="product")
                if "product" in query
                else None
            )
        rows = selectors.prices(merchant.id, active=query["active"], product=product)
        return list_response(request, rows, PriceSerializer, query)

    @writes("Create a price", CreatePrice, PriceSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreatePrice, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            product = find(selectors.products(merchant.id), fields.pop("product"), param="product", noun="product")
        price = services.create_price(merchant=merchant, product=product, key=idempotency_key(request), **fields)
        with scope(merchant.id):
            return Response(PriceSerializer(selectors.prices(merchant.id).get(id=price.id)).data, status=201)


class PriceView(MerchantView):
    area = "catalog"

    @reads("Retrieve a price", PriceSerializer, not_found=True)
    def get(self, request: Request, price_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            return Response(PriceSerializer(find(selectors.prices(merchant.id), price_id, noun="price")).data)
