"""/api/products/{id}/versions"""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.pagination import page_body
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import valid_body
from billingos.api.views import MerchantView, find, find_all, merchant_of
from billingos.common.errors import InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from entitlements import selectors, services
from entitlements.api.prices import metering_of
from entitlements.api.products import inclusions_of
from entitlements.serializers import CreateVersion, ProductVersionSerializer
from subscriptions.models import Product
from subscriptions.selectors import prices
from subscriptions.services import Addition


class ProductVersionsView(MerchantView):
    area = "subscriptions"  # it tells how many subscribe, and what they pay: nothing for a browser's key

    @reads("List versions of a product", page_of(ProductVersionSerializer), not_found=True)
    def get(self, request: Request, product_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            product = find(selectors.products(merchant.id), product_id, noun="product")
            described = selectors.described_versions(product)
            return Response(page_body(list(ProductVersionSerializer(described, many=True).data), None))

    @writes("Publish a version of a product", CreateVersion, ProductVersionSerializer)
    @idempotent
    def post(self, request: Request, product_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            product = find(selectors.products(merchant.id), product_id, noun="product")
        fields = valid_body(CreateVersion, request.data)
        with scope(merchant.id):
            edit = _edit(merchant, product, fields)
        version = services.update_product(
            merchant=merchant, product=product, fields={}, key=idempotency_key(request), **edit
        )
        with scope(merchant.id):
            described = selectors.described_versions(product)
            (made,) = [one for one in described if one.version.id == version.id]
            return Response(ProductVersionSerializer(made).data, status=201)


def _edit(merchant: Merchant, product: Product, fields: dict[str, Any]) -> dict[str, Any]:
    """What `update_product` takes. Raises NotFound for what is not there."""
    if not fields:
        raise InvalidRequest("Say what is to change: features, prices, add_prices or drop_prices.", param="features")
    known = prices(merchant.id, product=product)  # whether they are sold is asked when the change is planned
    entries, noun = fields.get("prices", []), "price of this product"
    named = find_all(known, [entry.pop("price") for entry in entries], param="prices[{}][price]", noun=noun)
    changed = {row.stripe_id: entry for row, entry in zip(named, entries, strict=True)}
    dropped = [
        row.stripe_id for row in find_all(known, fields.get("drop_prices", []), param="drop_prices[{}]", noun=noun)
    ]
    if changed.keys() & set(dropped):
        raise InvalidRequest("A price is either changed or dropped.", param="drop_prices")
    added = []
    for index, terms in enumerate(fields.get("add_prices", [])):
        metering = metering_of(merchant, terms, param=f"add_prices[{index}][meter]")
        added.append(Addition(terms, metering))
    return {
        "inclusions": inclusions_of(merchant, fields["features"]) if "features" in fields else None,
        "changed": changed,
        "added": added,
        "dropped": dropped,
    }
