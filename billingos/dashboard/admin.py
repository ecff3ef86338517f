"""Ops page: merchants and how they fare. It stands here, above all domains, because their health is drawn from them."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timesince import timesince

from billingos.common.ops_admin import OpsModelAdmin, status_column
from billingos.merchants.models import Merchant, User
from billingos.merchants.services import set_merchant_status
from billingos.webhooks.selectors import InboxHealth, inbox_health


@admin.register(Merchant)
class MerchantAdmin(OpsModelAdmin[Merchant]):
    show_full_result_count = True
    list_display = ("name", "slug", "shown_status", "stripe", "waiting", "failed", "last_event", "created_at")
    list_filter = ("status",)
    search_fields = ("name__icontains", "slug__icontains", "stripe_account_id__exact")
    ordering = ("name", "id")
    actions = ("suspend", "activate")
    fields = (
        "name", "slug", "shown_status", "stripe", "default_currency", "waiting", "failed", "last_event", "created_at",
        "updated_at",
    )  # fmt: skip

    # --- Health: read once for the page and kept on its rows ---------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = _with_health(list(changelist.result_list))
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Merchant | None:
        merchant = super().get_object(request, object_id, from_field)
        return _with_health([merchant])[0] if merchant else None

    @status_column(colours={"active": "success", "suspended": "danger"})
    def shown_status(self, merchant: Merchant) -> str:
        return merchant.status

    @admin.display(description="Stripe account", ordering="stripe_account_id")
    def stripe(self, merchant: Merchant) -> str:
        return "the platform's own" if merchant.is_platform_account else merchant.stripe_account_id or "not connected"

    @admin.display(description="waiting events")
    def waiting(self, merchant: Merchant) -> str:
        return _inbox_link(merchant, "pending", _health(merchant).waiting)

    @admin.display(description="failed events")
    def failed(self, merchant: Merchant) -> str:
        return _inbox_link(merchant, "failed", _health(merchant).failed)

    @admin.display(description="last event")
    def last_event(self, merchant: Merchant) -> str:
        at = _health(merchant).last_received_at
        return f"{timesince(at, depth=1)} ago" if at else "none yet"

    # --- Actions -----------------------------------------------------------------------------------------------------

    @admin.action(description="Suspend: stop the API keys and the pages")
    def suspend(self, request: HttpRequest, queryset: QuerySet[Merchant]) -> HttpResponse | None:
        """Asks first: the confirming form posts the same action again, with `confirmed`."""
        merchants = queryset.filter(status=Merchant.Status.ACTIVE)
        if "confirmed" in request.POST or not merchants:
            self._set_status(request, merchants, Merchant.Status.SUSPENDED)
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": "Suspend merchants?",
            "merchants": merchants,
        }
        return TemplateResponse(request, "ops/suspend.html", context)

    @admin.action(description="Activate again")
    def activate(self, request: HttpRequest, queryset: QuerySet[Merchant]) -> None:
        self._set_status(request, queryset, Merchant.Status.ACTIVE)

    def _set_status(self, request: HttpRequest, merchants: QuerySet[Merchant], status: Merchant.Status) -> None:
        by = cast(User, request.user)
        changed = [set_merchant_status(merchant_id=merchant.id, status=status, by=by) for merchant in list(merchants)]
        self.message_user(request, f"{sum(changed)} now {status}.")


def _with_health(merchants: list[Merchant]) -> list[Merchant]:
    health = inbox_health([merchant.id for merchant in merchants])
    for merchant in merchants:
        vars(merchant)["inbox_health"] = health[merchant.id]
    return merchants


def _health(merchant: Merchant) -> InboxHealth:
    found: InboxHealth = vars(merchant)["inbox_health"]
    return found


def _inbox_link(merchant: Merchant, status: str, count: int) -> str:
    inbox = reverse("admin:webhooks_webhookevent_changelist")
    query: Any = f"?merchant={merchant.slug}&status__exact={status}"
    return format_html('<a class="ops-link" href="{}{}">{}</a>', inbox, query, count) if count else "0"
