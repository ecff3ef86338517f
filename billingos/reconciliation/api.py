"""/api/reconciliation/runs: how far PostgreSQL is what Stripe says."""

from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.authentication import key_of
from billingos.api.idempotency import idempotent_here
from billingos.api.pagination import page_body, paginate
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import ListQuery, valid_body
from billingos.api.views import MerchantView, list_query, list_response, merchant_of
from billingos.common.errors import NotFound
from billingos.common.ids import parse_uuid
from billingos.common.tenancy import scope
from billingos.reconciliation import selectors
from billingos.reconciliation.serializers import (
    CreateRun,
    DriftSerializer,
    RunListQuery,
    RunSerializer,
    RunWithDriftsSerializer,
)
from billingos.reconciliation.services import request_run
from billingos.reconciliation.tasks import wake


class RunsView(MerchantView):
    area = "webhooks"

    @reads("List reconciliation runs", page_of(RunSerializer), RunListQuery)
    def get(self, request: Request) -> Response:
        query = list_query(request, RunListQuery)
        filters = {name: query[name] for name in ("kind", "status") if name in query}
        rows = selectors.runs(merchant_of(request).id).filter(**filters)
        return list_response(request, rows, RunSerializer, query)

    @writes("Start a reconciliation run", CreateRun, RunSerializer)
    @idempotent_here
    def post(self, request: Request) -> Response:
        merchant, body = merchant_of(request), valid_body(CreateRun, request.data)
        with scope(merchant.id):
            run = request_run(merchant=merchant, api_key=key_of(request), **body)
            transaction.on_commit(lambda: wake(merchant.id, run.id))
            return Response(RunSerializer(run).data, status=201)


class RunView(MerchantView):
    area = "webhooks"

    @reads("Retrieve a reconciliation run", RunWithDriftsSerializer, ListQuery, not_found=True)
    def get(self, request: Request, run_id: str) -> Response:
        merchant_id, query = merchant_of(request).id, list_query(request)
        with scope(merchant_id):
            key = parse_uuid(run_id)
            run = selectors.runs(merchant_id).filter(id=key).first() if key else None
            if run is None:
                raise NotFound(f"No such run: {run_id[:100]}.", param="id")
            rows = selectors.drifts(merchant_id, run=run)
            page, following = paginate(rows, limit=query["limit"], cursor=query.get("cursor"))
            drifts: dict[str, Any] = page_body(list(DriftSerializer(page, many=True).data), following)
            return Response({**RunSerializer(run).data, "drifts": drifts})
