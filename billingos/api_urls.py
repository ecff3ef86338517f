"""Every address under /api, without a trailing slash."""

from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from billingos.backfill.api import BackfillGapsView, BackfillView
from billingos.portal.api import (
    PortalInvoicesView,
    PortalPaymentMethodView,
    PortalSessionsView,
    PortalSubscriptionView,
)
from billingos.portal.checkout_api import CheckoutSessionsView, CheckoutSessionView, ExpireCheckoutSessionView
from billingos.reconciliation.api import RunsView, RunView
from billingos.webhooks.api import WebhookEventsView
from billingos.webhooks.views import stripe_webhook
from customers.api import CustomersView, CustomerView
from entitlements.api.checks import CheckView
from entitlements.api.features import FeaturesView, FeatureView
from entitlements.api.prices import PricesView, PriceView
from entitlements.api.products import ProductsView, ProductView
from entitlements.api.versions import ProductVersionsView
from insights.api import InsightsView, MrrView
from subscriptions.api.changes import ChangeSubscriptionView, PreviewChangeView, UnscheduleChangeView
from subscriptions.api.coupons import CouponsView, CouponView, PromotionCodesView, PromotionCodeView
from subscriptions.api.documents import InvoicePageView, InvoicePdfView
from subscriptions.api.invoices import (
    CreditNotesView,
    CreditNoteView,
    FinalizeInvoiceView,
    InvoicesView,
    InvoiceView,
    PayInvoiceView,
    PreviewCreditNoteView,
    SendInvoiceView,
    UpcomingInvoiceView,
    VoidCreditNoteView,
    VoidInvoiceView,
)
from subscriptions.api.lifecycle import (
    CancelSubscriptionView,
    ExtendTrialView,
    KeepSubscriptionView,
    PauseSubscriptionView,
    ReactivateSubscriptionView,
    ResumeSubscriptionView,
    SubscriptionsView,
    SubscriptionView,
)
from subscriptions.api.moves import (
    CancelMigrationView,
    MigrationStepsView,
    MigrationsView,
    MigrationView,
    PauseMigrationView,
    PreviewMigrationView,
    ResumeMigrationView,
)
from subscriptions.api.payments import (
    BalanceTransactionsView,
    BalanceView,
    PaymentMethodsView,
    PaymentMethodView,
    PaymentsView,
    PaymentView,
    RefundsView,
    RefundView,
)
from usage.api import MetersView, TrackUsageView, UsageEventsView

urlpatterns = [
    path("customers", CustomersView.as_view()),
    path("customers/<str:customer_id>", CustomerView.as_view()),
    path("customers/<str:customer_id>/balance", BalanceView.as_view()),
    path("customers/<str:customer_id>/balance-transactions", BalanceTransactionsView.as_view()),
    path("customers/<str:customer_id>/payment-methods", PaymentMethodsView.as_view()),
    path("customers/<str:customer_id>/payment-methods/<str:payment_method_id>", PaymentMethodView.as_view()),
    path("features", FeaturesView.as_view()),
    path("features/<str:feature_id>", FeatureView.as_view()),
    path("products", ProductsView.as_view()),
    path("products/<str:product_id>", ProductView.as_view()),
    path("products/<str:product_id>/versions", ProductVersionsView.as_view()),
    path("products/<str:product_id>/migrations", MigrationsView.as_view()),
    path("products/<str:product_id>/migrations/preview", PreviewMigrationView.as_view()),
    path("migrations/<str:migration_id>", MigrationView.as_view()),
    path("migrations/<str:migration_id>/steps", MigrationStepsView.as_view()),
    path("migrations/<str:migration_id>/pause", PauseMigrationView.as_view()),
    path("migrations/<str:migration_id>/resume", ResumeMigrationView.as_view()),
    path("migrations/<str:migration_id>/cancel", CancelMigrationView.as_view()),
    path("prices", PricesView.as_view()),
    path("prices/<str:price_id>", PriceView.as_view()),
    path("coupons", CouponsView.as_view()),
    path("coupons/<str:coupon_id>", CouponView.as_view()),
    path("promotion-codes", PromotionCodesView.as_view()),
    path("promotion-codes/<str:promotion_code_id>", PromotionCodeView.as_view()),
    path("subscriptions", SubscriptionsView.as_view()),
    path("subscriptions/<str:subscription_id>", SubscriptionView.as_view()),
    path("subscriptions/<str:subscription_id>/change", ChangeSubscriptionView.as_view()),
    path("subscriptions/<str:subscription_id>/preview", PreviewChangeView.as_view()),
    path("subscriptions/<str:subscription_id>/unschedule", UnscheduleChangeView.as_view()),
    path("subscriptions/<str:subscription_id>/cancel", CancelSubscriptionView.as_view()),
    path("subscriptions/<str:subscription_id>/keep", KeepSubscriptionView.as_view()),
    path("subscriptions/<str:subscription_id>/pause", PauseSubscriptionView.as_view()),
    path("subscriptions/<str:subscription_id>/resume", ResumeSubscriptionView.as_view()),
    path("subscriptions/<str:subscription_id>/reactivate", ReactivateSubscriptionView.as_view()),
    path("subscriptions/<str:subscription_id>/extend-trial", ExtendTrialView.as_view()),
    path("checkout/sessions", CheckoutSessionsView.as_view()),
    path("checkout/sessions/<str:session_id>", CheckoutSessionView.as_view()),
    path("checkout/sessions/<str:session_id>/expire", ExpireCheckoutSessionView.as_view()),
    path("subscriptions/<str:subscription_id>/upcoming-invoice", UpcomingInvoiceView.as_view()),
    path("invoices", InvoicesView.as_view()),
    path("invoices/<str:invoice_id>", InvoiceView.as_view()),
    path("invoices/<str:invoice_id>/document", InvoicePageView.as_view()),
    path("invoices/<str:invoice_id>/document.pdf", InvoicePdfView.as_view()),
    path("invoices/<str:invoice_id>/finalize", FinalizeInvoiceView.as_view()),
    path("invoices/<str:invoice_id>/pay", PayInvoiceView.as_view()),
    path("invoices/<str:invoice_id>/send", SendInvoiceView.as_view()),
    path("invoices/<str:invoice_id>/void", VoidInvoiceView.as_view()),
    path("credit-notes", CreditNotesView.as_view()),
    path("credit-notes/preview", PreviewCreditNoteView.as_view()),
    path("credit-notes/<str:credit_note_id>", CreditNoteView.as_view()),
    path("credit-notes/<str:credit_note_id>/void", VoidCreditNoteView.as_view()),
    path("payments", PaymentsView.as_view()),
    path("payments/<str:payment_id>", PaymentView.as_view()),
    path("refunds", RefundsView.as_view()),
    path("refunds/<str:refund_id>", RefundView.as_view()),
    path("entitlements/check", CheckView.as_view()),
    path("meters", MetersView.as_view()),
    path("usage/track", TrackUsageView.as_view()),
    path("usage/events", UsageEventsView.as_view()),
    path("analytics/mrr", MrrView.as_view()),
    path("insights", InsightsView.as_view()),
    path("portal/sessions", PortalSessionsView.as_view()),
    path("portal/subscription", PortalSubscriptionView.as_view()),
    path("portal/invoices", PortalInvoicesView.as_view()),
    path("portal/payment-method", PortalPaymentMethodView.as_view()),
    path("reconciliation/runs", RunsView.as_view()),
    path("reconciliation/runs/<str:run_id>", RunView.as_view()),
    path("backfill", BackfillView.as_view()),
    path("backfill/gaps", BackfillGapsView.as_view()),
    path("webhooks/events", WebhookEventsView.as_view()),
    path("webhooks/stripe", stripe_webhook),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
]
