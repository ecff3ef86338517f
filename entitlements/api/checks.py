"""/api/entitlements/check"""

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.schema import reads
from billingos.api.serializers import valid_query
from billingos.api.views import MerchantView, merchant_of
from billingos.common.tenancy import scope
from customers.selectors import get_customer
from entitlements import selectors
from entitlements.serializers import BalanceSerializer, CheckQuery


class CheckView(MerchantView):
    area = "entitlements"

    @reads("Check an entitlement", BalanceSerializer, CheckQuery, not_found=True)
    def get(self, request: Request) -> Response:
        query = valid_query(CheckQuery, request.query_params)
        merchant = merchant_of(request)
        with scope(merchant.id):
            customer = get_customer(merchant.id, query["customer_id"])
            feature = selectors.get_feature(merchant.id, query["feature"])
            return Response(BalanceSerializer(selectors.check(customer, feature)).data)
