"""/api/features"""

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import ListQuery, valid_body
from billingos.api.views import MerchantView, find, list_query, list_response, merchant_of
from billingos.common.tenancy import scope
from entitlements import selectors, services
from entitlements.serializers import CreateFeature, FeatureSerializer
from usage.selectors import get_meter


class FeaturesView(MerchantView):
    area = "catalog"

    @reads("List features", page_of(FeatureSerializer), ListQuery)
    def get(self, request: Request) -> Response:
        rows = selectors.features(merchant_of(request).id)
        return list_response(request, rows, FeatureSerializer, list_query(request))

    @writes("Create a feature", CreateFeature, FeatureSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateFeature, request.data)
        merchant = merchant_of(request)
        with scope(merchant.id):
            meter = get_meter(merchant.id, fields.pop("meter")) if "meter" in fields else None
        feature = services.create_feature(merchant=merchant, meter=meter, key=idempotency_key(request), **fields)
        with scope(merchant.id):
            return Response(FeatureSerializer(feature).data, status=201)


class FeatureView(MerchantView):
    area = "catalog"

    @reads("Retrieve a feature", FeatureSerializer, not_found=True)
    def get(self, request: Request, feature_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = find(selectors.features(merchant.id), feature_id, noun="feature")
            return Response(FeatureSerializer(row).data)
