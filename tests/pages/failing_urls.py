"""The project's addresses and one that breaks, for the tests of the error pages."""

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import path

from billingos import urls

handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500


def break_down(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("sk_test_in_an_error")


def suspect(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation


urlpatterns = [path("breaks", break_down), path("suspect", suspect), *urls.urlpatterns]
