"""/api/backfill: the import of what the merchant's Stripe account held before."""

from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.authentication import key_of
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import StrictSerializer
from billingos.api.views import MerchantView, list_query, list_response, merchant_of
from billingos.backfill.models import Backfill, BackfillGap
from billingos.backfill.selectors import latest_backfill
from billingos.backfill.services import start_backfill
from billingos.backfill.tasks import wake_backfill
from billingos.common.errors import NotFound
from billingos.common.tenancy import scope


class ProblemSerializer(serializers.Serializer[Any]):
    object_type = serializers.CharField()
    stripe_id = serializers.CharField()
    reason = serializers.CharField()


class BackfillSerializer(serializers.ModelSerializer[Backfill]):
    object = serializers.SerializerMethodField()
    percent = serializers.IntegerField(read_only=True)
    counts = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    estimate = serializers.IntegerField(read_only=True, allow_null=True)
    problems = ProblemSerializer(many=True, read_only=True)

    class Meta:
        model = Backfill
        fields = (
            "id", "object", "status", "stage", "percent", "counts", "estimate", "problem_count", "problems", "error",
            "created_at", "finished_at",
        )  # fmt: skip

    def get_object(self, row: Backfill) -> str:
        return "backfill"


class BackfillGapSerializer(serializers.ModelSerializer[BackfillGap]):
    object = serializers.SerializerMethodField()
    subscription = serializers.CharField(source="subscription_stripe_id", help_text="Stripe's id.")

    class Meta:
        model = BackfillGap
        fields = ("id", "object", "subscription", "kind", "since", "until")

    def get_object(self, row: BackfillGap) -> str:
        return "backfill_gap"


class StartBackfill(StrictSerializer):
    """Takes nothing."""


class BackfillView(MerchantView):
    area = "webhooks"

    @reads("Retrieve the backfill", BackfillSerializer, not_found=True)
    def get(self, request: Request) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = latest_backfill(merchant.id)
        if row is None:
            raise NotFound("Nothing was imported yet.")
        return Response(BackfillSerializer(row).data)

    @writes("Start a backfill", StartBackfill, BackfillSerializer, status=200, idempotency_key=False)
    def post(self, request: Request) -> Response:
        StartBackfill(data=request.data).is_valid(raise_exception=True)
        merchant = merchant_of(request)
        with scope(merchant.id):
            row = start_backfill(merchant=merchant, api_key=key_of(request))
            transaction.on_commit(lambda: wake_backfill(merchant.id))
        return Response(BackfillSerializer(row).data)


class BackfillGapsView(MerchantView):
    area = "webhooks"

    @reads("List gaps of the backfill", page_of(BackfillGapSerializer))
    def get(self, request: Request) -> Response:
        rows = BackfillGap.objects.for_merchant(merchant_of(request).id)
        return list_response(request, rows, BackfillGapSerializer, list_query(request))
