"""/api/products/{id}/migrations, /api/migrations"""

from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.idempotency import idempotent_here
from billingos.api.schema import page_of, reads, writes
from billingos.api.serializers import ListQuery, valid_body
from billingos.api.views import MerchantView, find, find_all, list_query, list_response, merchant_of
from billingos.common.errors import InvalidRequest, NotFound
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from subscriptions import selectors
from subscriptions.models import Product, ProductVersion, Subscription, VersionMigration
from subscriptions.move_selectors import Choice, migrations, preview_migration, steps
from subscriptions.serializers.moves import (
    CreateMigration,
    MigrationPreviewSerializer,
    MigrationSerializer,
    MigrationStepSerializer,
    StepListQuery,
)
from subscriptions.services import moves as services
from subscriptions.sync import current_version
from subscriptions.tasks import wake_migration


class MigrationsView(MerchantView):
    area = "subscriptions"

    @reads("List migrations of a product", page_of(MigrationSerializer), ListQuery, not_found=True)
    def get(self, request: Request, product_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            product = find(selectors.products(merchant.id), product_id, noun="product")
        rows = migrations(merchant.id).filter(product=product)
        return list_response(request, rows, MigrationSerializer, list_query(request))

    @writes("Migrate subscribers", CreateMigration, MigrationSerializer)
    @idempotent_here
    def post(self, request: Request, product_id: str) -> Response:
        merchant = merchant_of(request)
        choice = _choice(merchant, product_id, request.data)
        with scope(merchant.id):
            migration = services.start_migration(merchant=merchant, choice=choice)
            transaction.on_commit(lambda: wake_migration(merchant.id, migration.id))
            return Response(MigrationSerializer(_find(merchant, str(migration.id))).data, status=201)


class PreviewMigrationView(MerchantView):
    area = "subscriptions"

    @writes("Preview a migration", CreateMigration, MigrationPreviewSerializer, status=200, idempotency_key=False)
    def post(self, request: Request, product_id: str) -> Response:
        merchant = merchant_of(request)
        preview = preview_migration(merchant=merchant, choice=_choice(merchant, product_id, request.data))
        return Response(MigrationPreviewSerializer(preview).data)


class MigrationView(MerchantView):
    area = "subscriptions"

    @reads("Retrieve a migration", MigrationSerializer, not_found=True)
    def get(self, request: Request, migration_id: str) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            return Response(MigrationSerializer(_find(merchant, migration_id)).data)


class MigrationStepsView(MerchantView):
    area = "subscriptions"

    @reads("List steps of a migration", page_of(MigrationStepSerializer), StepListQuery, not_found=True)
    def get(self, request: Request, migration_id: str) -> Response:
        merchant = merchant_of(request)
        query = list_query(request, StepListQuery)
        with scope(merchant.id):
            rows = steps(_find(merchant, migration_id), status=query.get("status"))
        return list_response(request, rows, MigrationStepSerializer, query)


class _SwitchView(MerchantView):
    area = "subscriptions"

    def switch(self, request: Request, migration_id: str, service: Any) -> Response:
        merchant = merchant_of(request)
        with scope(merchant.id):
            migration = service(migration=_find(merchant, migration_id))
            transaction.on_commit(lambda: wake_migration(merchant.id, migration.id))
            return Response(MigrationSerializer(_find(merchant, migration_id)).data)


class PauseMigrationView(_SwitchView):
    @writes("Pause a migration", None, MigrationSerializer, status=200)
    @idempotent_here
    def post(self, request: Request, migration_id: str) -> Response:
        return self.switch(request, migration_id, services.pause_migration)


class ResumeMigrationView(_SwitchView):
    @writes("Resume a migration", None, MigrationSerializer, status=200)
    @idempotent_here
    def post(self, request: Request, migration_id: str) -> Response:
        return self.switch(request, migration_id, services.resume_migration)


class CancelMigrationView(_SwitchView):
    @writes("Cancel a migration", None, MigrationSerializer, status=200)
    @idempotent_here
    def post(self, request: Request, migration_id: str) -> Response:
        return self.switch(request, migration_id, services.cancel_migration)


def _find(merchant: Merchant, migration_id: str) -> VersionMigration:
    return find(migrations(merchant.id), migration_id, noun="migration")


def _choice(merchant: Merchant, product_id: str, body: Any) -> Choice:
    """Raises NotFound for a product, version or subscription that is not there."""
    with scope(merchant.id):
        product = find(selectors.products(merchant.id), product_id, noun="product")
        fields = valid_body(CreateMigration, body)
        target = _target(product, fields.get("target_version"))
        return Choice(
            target=target,
            when=fields["when"],
            proration=fields["proration"],
            from_numbers=_numbers(product, target, fields.get("from_versions", [])),
            subscription_ids=_subscription_ids(merchant, product, fields.get("subscriptions", [])),
        )


def _target(product: Product, number: int | None) -> ProductVersion:
    found = current_version(product) if number is None else _version(product, number, "target_version")
    if found is None:
        raise NotFound("This product has no version.", param="target_version")
    return found


def _version(product: Product, number: int, param: str) -> ProductVersion:
    found: ProductVersion | None = product.versions.filter(published=True, number=number).first()
    if found is None:
        raise NotFound(f"This product has no version {number}.", param=param)
    return found


def _numbers(product: Product, target: ProductVersion, numbers: list[int]) -> list[int]:
    for index, number in enumerate(numbers):
        if _version(product, number, f"from_versions[{index}]").id == target.id:
            raise InvalidRequest("That is the version to move to.", param=f"from_versions[{index}]")
    return numbers


def _subscription_ids(merchant: Merchant, product: Product, references: list[str]) -> list[UUID]:
    rows = Subscription.objects.for_merchant(merchant.id).filter(items__version__product=product).distinct()
    found = find_all(rows, references, param="subscriptions[{}]", noun="subscription to this product")
    return [row.id for row in found]
