"""/api/products: products with the features that they include."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import changes, page_of, reads, writes
from billingos.api.serializers import valid_body
from billingos.api.views import MerchantView, find, list_query, list_response, merchant_of
from billingos.common.errors import InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from entitlements import selectors, services
from entitlements.models import Feature
from entitlements.serializers import CreateProduct, ProductListQuery, ProductSerializer, UpdateProduct


class ProductsView(MerchantView):
    area = "catalog"

    @reads("List products", page_of(ProductSerializer), ProductListQuery)
    def get(self, request: Request) -> Response:
        query = list_query(request, ProductListQuery)
        rows = selectors.products(merchant_of(request).id, active=query["active"])
        return list_response(request, rows, ProductSerializer, query)

    @writes("Create a product", CreateProduct, ProductSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateProduct, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            inclusions = inclusions_of(merchant, fields.pop("features", []))
        product = services.create_product_with_features(
            merchant=merchant, inclusions=inclusions, key=idempotency_key(request), **fields
        )
        with scope(merchant.id):
            return Response(ProductSerializer(selectors.products(merchant.id).get(id=product.id)).data, status=201)


class ProductView(MerchantView):
    area = "catalog"

    @reads("Retrieve a product", ProductSerializer, not_found=True)
    def get(self, request: Request, product_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(selectors.products(merchant.id), product_id, noun="product")
            return Response(ProductSerializer(row).data)

    @changes("Change a product", UpdateProduct, ProductSerializer)
    def patch(self, request: Request, product_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            product = find(selectors.products(merchant.id), product_id, noun="product")
        fields = valid_body(UpdateProduct, request.data)
        with scope(merchant.id):
            inclusions = inclusions_of(merchant, fields.pop("features")) if "features" in fields else None
        services.update_product(merchant=merchant, product=product, fields=fields, inclusions=inclusions)
        with scope(merchant.id):
            return Response(ProductSerializer(selectors.products(merchant.id).get(id=product.id)).data)


def inclusions_of(merchant: Merchant, wanted: list[dict[str, Any]]) -> list[services.Inclusion]:
    """Raises NotFound for an unknown feature, InvalidRequest for a limit where none can be."""
    inclusions: list[services.Inclusion] = []
    for index, entry in enumerate(wanted):
        path = f"features[{index}]"
        feature = selectors.get_feature(merchant.id, entry["feature"], param=f"{path}[feature]")
        if feature.type == Feature.Type.BOOLEAN and entry.get("limit") is not None:
            raise InvalidRequest("A boolean feature has no limit.", param=f"{path}[limit]")
        if feature in [inclusion.feature for inclusion in inclusions]:
            raise InvalidRequest("This feature is listed twice.", param=f"{path}[feature]")
        inclusions.append(services.Inclusion(feature, entry.get("limit")))
    return inclusions
