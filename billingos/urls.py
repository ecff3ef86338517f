"""Every address of BillingOS. No trailing slash under /api."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from billingos.api.docs import page as docs_page
from billingos.api.errors import json_error
from billingos.common.errors import BillingError, NotFound
from billingos.dashboard import views as dashboard
from billingos.health import healthz, readyz
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
from usage.api import MetersView, TrackUsageView

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
    path("analytics/mrr", MrrView.as_view()),
    path("insights", InsightsView.as_view()),
    path("webhooks/events", WebhookEventsView.as_view()),
    path("webhooks/stripe", stripe_webhook),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
]

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("api/", include(api)),
    path("docs/<slug:name>", docs_page, name="docs"),
    path("api-docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("accounts/", include("allauth.urls")),
    path("ops/", admin.site.urls),
    path("app/", include("billingos.dashboard.urls")),
    path("", dashboard.home, name="home"),
]


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return json_error(request, NotFound("There is nothing at this address. See /api-docs."))
    return render(request, "errors/404.html", status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return json_error(request, BillingError("The request could not be read."))
    return render(request, "errors/400.html", status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        error = BillingError("Something went wrong here. Tell us the request id.", code="internal_error")
        error.status = 500
        return json_error(request, error)
    return render(request, "errors/500.html", status=500)


handler400 = "billingos.urls.bad_request"
handler404 = "billingos.urls.not_found"
handler500 = "billingos.urls.server_error"
