"""Ops pages: people, and what was done by whom."""

from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from billingos.common.ops_admin import OpsModelAdmin, pretty
from billingos.merchants.models import AuditEntry, User


@admin.register(User)
class UserAdmin(OpsModelAdmin[User]):
    show_full_result_count = True
    list_display = ("email", "name", "is_staff", "is_active", "last_login", "date_joined")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = ("email", "name", "is_staff", "is_superuser", "is_active", "last_login", "date_joined")
    readonly_fields: ClassVar = fields


@admin.register(AuditEntry)
class AuditEntryAdmin(OpsModelAdmin[AuditEntry]):
    list_display = ("action", "target", "merchant", "actor", "created_at")
    list_filter = ("action",)
    search_fields = ("action__exact", "target__icontains", "request_id__exact")
    ordering = ("-id",)
    fields = ("action", "target", "merchant", "actor", "created_at", "request_id", "what")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).select_related("merchant", "user", "api_key")

    @admin.display(description="by")
    def actor(self, entry: AuditEntry) -> str:
        return str(entry.user or entry.api_key or "the platform")

    @admin.display(description="details")
    def what(self, entry: AuditEntry) -> str:
        return pretty(entry.details)
