"""What is sold, who has bought it, and what they pay."""

from subscriptions.models.catalog import Coupon, Price, Product, ProductVersion, PromotionCode
from subscriptions.models.checkouts import CheckoutSession
from subscriptions.models.invoices import (
    CreditNote,
    Dispute,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    Payment,
    Refund,
    TaxRate,
)
from subscriptions.models.moves import VersionMigration, VersionMigrationStep
from subscriptions.models.subscriptions import (
    CancellationFeedback,
    Discount,
    Subscription,
    SubscriptionChange,
    SubscriptionItem,
    SubscriptionSchedule,
)

__all__ = [
    "CancellationFeedback",
    "CheckoutSession",
    "Coupon",
    "CreditNote",
    "Discount",
    "Dispute",
    "Invoice",
    "InvoiceLine",
    "InvoicePayment",
    "Payment",
    "Price",
    "Product",
    "ProductVersion",
    "PromotionCode",
    "Refund",
    "Subscription",
    "SubscriptionChange",
    "SubscriptionItem",
    "SubscriptionSchedule",
    "TaxRate",
    "VersionMigration",
    "VersionMigrationStep",
]
