"""The intake's short way: it needs neither sessions nor cookies nor anything else that pages do."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from billingos.webhooks.views import stripe_webhook

ADDRESS = "/api/webhooks/stripe"


class IntakeMiddleware:
    """Answers deliveries before the middlewares that follow."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != ADDRESS:
            return self.get_response(request)
        response = stripe_webhook(request)
        response["Content-Length"] = str(len(response.content))
        return response
