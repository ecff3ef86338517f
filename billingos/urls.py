"""Every address of BillingOS. No trailing slash under /api."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from billingos.api.docs import page as docs_page
from billingos.api.errors import json_error
from billingos.common.errors import BillingError, Forbidden, NotFound
from billingos.dashboard.views.entrance import start
from billingos.health import healthz, readyz
from billingos.portal.api import (
    PortalInvoicesView,
    PortalPaymentMethodView,
    PortalSessionsView,
    PortalSubscriptionView,
)
from billingos.webhooks.api import WebhookEventsView
from billingos.webhooks.views import stripe_webhook
from customers.api import CustomersView, CustomerView
from entitlements.api import CheckView, FeaturesView, FeatureView, ProductsView, ProductView
from insights.api import InsightsView, MrrView
from subscriptions.api import (
    CancelSubscriptionView,
    PricesView,
    PriceView,
    SubscriptionsView,
    SubscriptionView,
)
from usage.api import MetersView, TrackUsageView, UsageEventsView

api = [
    path("customers", CustomersView.as_view()),
    path("customers/<str:customer_id>", CustomerView.as_view()),
    path("features", FeaturesView.as_view()),
    path("features/<str:feature_id>", FeatureView.as_view()),
    path("products", ProductsView.as_view()),
    path("products/<str:product_id>", ProductView.as_view()),
    path("prices", PricesView.as_view()),
    path("prices/<str:price_id>", PriceView.as_view()),
    path("subscriptions", SubscriptionsView.as_view()),
    path("subscriptions/<str:subscription_id>", SubscriptionView.as_view()),
    path("subscriptions/<str:subscription_id>/cancel", CancelSubscriptionView.as_view()),
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
    path("webhooks/events", WebhookEventsView.as_view()),
    path("webhooks/stripe", stripe_webhook),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
]

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("api/", include(api)),
    path("docs/<path:name>", docs_page, name="docs"),
    path("api-docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("accounts/", include("allauth.urls")),
    path("ops/", admin.site.urls),
    path("app/", include("billingos.dashboard.urls")),
    path("portal/", include("billingos.portal.urls")),
    path("favicon.ico", RedirectView.as_view(url=static("billingos/favicon.svg"))),
    path("", start, name="home"),
]


def _page(request: HttpRequest, status: int, **context: str) -> HttpResponse:
    """An error page. Rendered without the request, so that no context processor runs, which might ask the database."""
    context["request_id"] = getattr(request, "request_id", "")
    # Customers of merchants know nothing of BillingOS: their error pages lead nowhere into it.
    template = f"portal/error_{status}.html" if request.path.startswith("/portal/") else f"errors/{status}.html"
    return HttpResponse(render_to_string(template, context), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return json_error(request, BillingError("The request could not be read."))
    return _page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return json_error(request, Forbidden("This is not allowed."))
    return _page(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _page(
        request,
        403,
        title="This form has expired",
        explanation="Go back, reload the page, and send the form again.",
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return json_error(request, NotFound("There is nothing at this address. See /api-docs."))
    return _page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        error = BillingError("Something went wrong here. Tell us the request id.", code="internal_error")
        error.status = 500
        return json_error(request, error)
    return _page(request, 500)


handler400 = "billingos.urls.bad_request"
handler403 = "billingos.urls.permission_denied"
handler404 = "billingos.urls.not_found"
handler500 = "billingos.urls.server_error"
