"""Every address of BillingOS; those under /api are in `api_urls.py`."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from billingos.api.docs import page as docs_page
from billingos.api.errors import json_error
from billingos.common.errors import BillingError, Forbidden, NotFound
from billingos.dashboard.views.entrance import start
from billingos.health import healthz, metrics, readyz

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
    path("api/", include("billingos.api_urls")),
    path("docs/<path:name>", docs_page, name="docs"),
    path("api-docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("accounts/", include("allauth.urls")),
    path("ops/", admin.site.urls),
    path("app/", include("billingos.dashboard.urls")),
    path("portal/", include("billingos.portal.urls")),
    path("checkout/", include("billingos.portal.checkout_urls")),
    path("favicon.ico", RedirectView.as_view(url=static("billingos/favicon.svg"))),
    path("", start, name="home"),
]


def _page(request: HttpRequest, status: int, **context: str) -> HttpResponse:
    """An error page. Rendered without the request, so that no context processor runs, which might ask the database."""
    context["request_id"] = getattr(request, "request_id", "")
    # Customers of merchants know nothing of BillingOS: their error pages lead nowhere into it.
    template = (
        f"portal/error_{status}.html"
        if request.path.startswith(("/portal/", "/checkout/"))
        else f"errors/{status}.html"
    )
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
