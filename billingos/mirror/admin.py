"""Ops pages: the raw Stripe objects, as they came.

dj-stripe's own pages print secret keys, offer actions that call Stripe, and break on current invoices. These show ids
and the raw object with its secrets masked, and never ask a dj-stripe object for its name: that may query, or fail.
"""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from djstripe import models as djstripe

from billingos.common.ops_admin import OpsModelAdmin, mode_of
from billingos.common.redaction import readable_json


class RawObjectAdmin(OpsModelAdmin[Any]):
    """Lists without the payload, one object with it."""

    list_display = ("id", "account", "mode", "created", "as_of")
    list_display_links = ("id",)
    list_filter = ("livemode",)
    search_fields = ("id__exact", "djstripe_owner_account__id__exact")
    search_help_text = "The whole id of the object or of its Stripe account"
    ordering = ("-djstripe_updated", "-djstripe_id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        shown = ("djstripe_id", "id", "livemode", "created", "djstripe_updated", "djstripe_owner_account")
        return super().get_queryset(request).only(*shown)

    @admin.display(description="account")
    def account(self, row: Any) -> str:
        return str(row.djstripe_owner_account_id or "the platform's own")

    @admin.display(description="mode")
    def mode(self, row: Any) -> str:
        return mode_of(row.livemode)

    @admin.display(description="as of the event of", ordering="djstripe_updated")
    def as_of(self, row: Any) -> datetime:
        at: datetime = row.djstripe_updated  # our writer keeps the stamp of the event there
        return at

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": row.id,
            "account": self.account(row),
            "mode": self.mode(row),
            "row": row,
            "stripe_data": readable_json(row.stripe_data),
        }
        return TemplateResponse(request, "ops/raw_object.html", context)


class RawAccountAdmin(RawObjectAdmin):
    """An account has no account above it."""

    def get_list_display(self, request: HttpRequest) -> Any:
        return tuple(name for name in self.list_display if name != "account")


MIRRORED: tuple[type[Model], ...] = (djstripe.Customer, djstripe.Subscription, djstripe.Invoice)
admin.site.register(MIRRORED, RawObjectAdmin)
admin.site.register(djstripe.Account, RawAccountAdmin)
