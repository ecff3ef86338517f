"""The reference of the intake: a view without middleware that checks the HMAC and inserts, and no more."""

import hashlib
import hmac
import json

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def take(request: HttpRequest) -> HttpResponse:
    body = request.body
    sent = dict(part.split("=", 1) for part in request.headers["Stripe-Signature"].split(","))
    signed = f"{sent['t']}.".encode() + body
    expected = hmac.new(settings.STRIPE_WEBHOOK_SECRETS[0].encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, sent["v1"]):
        return HttpResponse(status=400)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bare_events (id, payload) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [json.loads(body)["id"], body.decode()],
        )
    return HttpResponse("ok", headers={"Content-Length": "2"})


urlpatterns = [path("take", take)]
