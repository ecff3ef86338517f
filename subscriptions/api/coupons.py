"""/api/coupons, /api/promotion-codes"""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotency_key, idempotent
from billingos.api.schema import changes, page_of, reads, writes
from billingos.api.serializers import DeletedSerializer, ListQuery, valid_body
from billingos.api.views import MerchantView, find, find_all, list_query, list_response, merchant_of
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from customers.selectors import get_customer
from subscriptions import selectors
from subscriptions.models import Coupon, Product, PromotionCode
from subscriptions.serializers.coupons import (
    CouponSerializer,
    CreateCoupon,
    CreatePromotionCode,
    PromotionCodeListQuery,
    PromotionCodeSerializer,
    UpdateCoupon,
    UpdatePromotionCode,
)
from subscriptions.services import coupons as services


class CouponsView(MerchantView):
    area = "coupons"  # not the catalog's: a browser's key may not read what takes something off

    @reads("List coupons", page_of(CouponSerializer), ListQuery)
    def get(self, request: Request) -> Response:
        rows = selectors.coupons_with_products(merchant_of(request).id)
        return list_response(request, rows, CouponSerializer, list_query(request))

    @writes("Create a coupon", CreateCoupon, CouponSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreateCoupon, request.data)
        merchant = merchant_of(request)
        products = _products(merchant, fields.pop("products", []))
        coupon = services.create_coupon(
            merchant=merchant,
            coupon_id=fields.pop("id", None),
            products=products,
            key=idempotency_key(request),
            **fields,
        )
        return Response(_coupon(merchant, coupon), status=201)


class CouponView(MerchantView):
    area = "coupons"

    @reads("Retrieve a coupon", CouponSerializer, not_found=True)
    def get(self, request: Request, coupon_id: str) -> Response:
        merchant = merchant_of(request)
        return Response(_coupon(merchant, _find_coupon(merchant, coupon_id)))

    @changes("Change a coupon", UpdateCoupon, CouponSerializer)
    def patch(self, request: Request, coupon_id: str) -> Response:
        merchant = merchant_of(request)
        coupon = _find_coupon(merchant, coupon_id)
        fields = valid_body(UpdateCoupon, request.data)
        return Response(_coupon(merchant, services.update_coupon(merchant=merchant, coupon=coupon, fields=fields)))

    @changes("Delete a coupon", None, DeletedSerializer)
    def delete(self, request: Request, coupon_id: str) -> Response:
        merchant = merchant_of(request)
        coupon = _find_coupon(merchant, coupon_id)
        services.delete_coupon(merchant=merchant, coupon=coupon)
        return Response({"id": coupon.id, "object": "coupon", "deleted": True})


class PromotionCodesView(MerchantView):
    area = "coupons"

    @reads("List promotion codes", page_of(PromotionCodeSerializer), PromotionCodeListQuery, not_found=True)
    def get(self, request: Request) -> Response:
        query = list_query(request, PromotionCodeListQuery)
        merchant = merchant_of(request)
        coupon = _find_coupon(merchant, query["coupon"], param="coupon") if "coupon" in query else None
        typed = query.get("code")
        rows = selectors.promotion_codes(merchant.id, coupon=coupon, code=typed, active=query["active"])
        return list_response(request, rows, PromotionCodeSerializer, query)

    @writes("Create a promotion code", CreatePromotionCode, PromotionCodeSerializer)
    @idempotent
    def post(self, request: Request) -> Response:
        fields = valid_body(CreatePromotionCode, request.data)
        merchant = merchant_of(request)
        coupon = _find_coupon(merchant, fields.pop("coupon"), param="coupon")
        with scope(merchant.id):
            customer = get_customer(merchant.id, fields.pop("customer_id")) if "customer_id" in fields else None
        made = services.create_promotion_code(
            merchant=merchant, coupon=coupon, customer=customer, key=idempotency_key(request), **fields
        )
        return Response(_code(merchant, made), status=201)


class PromotionCodeView(MerchantView):
    area = "coupons"

    @reads("Retrieve a promotion code", PromotionCodeSerializer, not_found=True)
    def get(self, request: Request, promotion_code_id: str) -> Response:
        merchant = merchant_of(request)
        return Response(_code(merchant, _find_code(merchant, promotion_code_id)))

    @changes("Change a promotion code", UpdatePromotionCode, PromotionCodeSerializer)
    def patch(self, request: Request, promotion_code_id: str) -> Response:
        merchant = merchant_of(request)
        row = _find_code(merchant, promotion_code_id)
        fields = valid_body(UpdatePromotionCode, request.data)
        updated = services.update_promotion_code(merchant=merchant, promotion_code=row, fields=fields)
        return Response(_code(merchant, updated))


def _find_coupon(merchant: Merchant, reference: str, *, param: str = "id") -> Coupon:
    with scope(merchant.id):
        return find(selectors.coupons(merchant.id), reference, param=param, noun="coupon")


def _find_code(merchant: Merchant, reference: str) -> PromotionCode:
    with scope(merchant.id):
        return find(selectors.promotion_codes(merchant.id), reference, noun="promotion code")


def _products(merchant: Merchant, references: list[str]) -> list[Product]:
    with scope(merchant.id):
        return find_all(selectors.products(merchant.id), references, param="products[{}]", noun="product")


def _coupon(merchant: Merchant, coupon: Coupon) -> Any:
    with scope(merchant.id):
        return CouponSerializer(selectors.coupons_with_products(merchant.id).get(id=coupon.id)).data


def _code(merchant: Merchant, promotion_code: PromotionCode) -> Any:
    with scope(merchant.id):
        return PromotionCodeSerializer(selectors.promotion_codes(merchant.id).get(id=promotion_code.id)).data
