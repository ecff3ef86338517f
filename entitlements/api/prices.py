"""/api/prices. (What is metered is told by a meter, and what a price belongs to by its version: both stand below.)"""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import changes, page_of, reads, writes
from billingos.api.serializers import valid_body
from billingos.api.views import MerchantView, find, list_query, list_response, merchant_of
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from subscriptions import selectors, services
from subscriptions.serializers.catalog import CreatePrice, PriceListQuery, PriceSerializer, UpdatePrice
from usage.selectors import get_meter


class PricesView(MerchantView):
    area = "catalog"

    @reads("List prices", page_of(PriceSerializer), PriceListQuery, not_found=True)
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
            metering = metering_of(merchant, fields)
        price = services.create_price(
            merchant=merchant, product=product, metering=metering, key=idempotency_key(request), **fields
        )
        return Response(_serialised(merchant, price.id), status=201)


class PriceView(MerchantView):
    area = "catalog"

    @reads("Retrieve a price", PriceSerializer, not_found=True)
    def get(self, request: Request, price_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            return Response(PriceSerializer(find(selectors.prices(merchant.id), price_id, noun="price")).data)

    @changes("Change a price", UpdatePrice, PriceSerializer)
    def patch(self, request: Request, price_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            price = find(selectors.prices(merchant.id), price_id, noun="price")
        fields = valid_body(UpdatePrice, request.data)
        sold = services.update_price(merchant=merchant, price=price, fields=fields)
        return Response(_serialised(merchant, sold.id))


def metering_of(merchant: Merchant, fields: dict[str, Any], *, param: str = "meter") -> services.Metering | None:
    """What the price is to bill, taken out of its fields. Inside the merchant's scope; raises NotFound."""
    if "meter" not in fields:
        return None
    meter = get_meter(merchant.id, fields.pop("meter"), param=param)
    return services.Metering(meter.key, meter.name, meter.aggregation)


def _serialised(merchant: Merchant, price_id: Any) -> Any:
    with scope(merchant.id):
        return PriceSerializer(selectors.prices(merchant.id).get(id=price_id)).data
