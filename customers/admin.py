"""Ops page: customers of all merchants."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from billingos.common.money import Money
from billingos.common.ops_admin import InfinitePaginator, MerchantFilter, OpsModelAdmin, pretty, two_lines
from customers.models import Customer


@admin.register(Customer)
class CustomerAdmin(OpsModelAdmin[Customer]):
    list_display = ("customer", "merchant", "external_id", "stripe_id", "delinquent", "stripe_created_at")
    list_filter = ("delinquent", MerchantFilter)
    list_select_related: ClassVar[Any] = ("merchant",)
    search_fields = ("stripe_id__exact", "external_id__exact", "email__exact", "name__icontains")
    search_help_text = "The whole id or email address, or a part of the name"
    ordering = ("-id",)
    paginator = InfinitePaginator  # counting them all would cost more than the page
    fields = (
        "name", "email", "merchant", "external_id", "stripe_id", "currency", "shown_balance", "delinquent",
        "default_payment_method_id", "clock", "shown_metadata", "stripe_created_at", "last_event_at", "deleted_at",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("merchant", "test_clock")

    @two_lines(description="customer", ordering="name")
    def customer(self, customer: Customer) -> tuple[str, str]:
        return str(customer), customer.email

    @admin.display(description="balance (a credit is negative)")
    def shown_balance(self, customer: Customer) -> str:
        return str(Money(customer.balance, customer.currency)) if customer.currency else str(customer.balance)

    @admin.display(description="test clock", empty_value="none")
    def clock(self, customer: Customer) -> str | None:
        return f"{customer.test_clock.stripe_id}, at {customer.test_clock.frozen_at}" if customer.test_clock else None

    @admin.display(description="metadata")
    def shown_metadata(self, customer: Customer) -> str:
        return pretty(customer.metadata)
