"""Whether Stripe has signed a delivery."""

from collections.abc import Iterable

import stripe
from django.conf import settings


def is_signed(body: bytes, header: str, secrets: Iterable[str]) -> bool:
    """True if any of the endpoint's secrets (several while one rotates) has signed `body` lately."""
    return any(_is_signed_by(body, header, secret) for secret in secrets)


def _is_signed_by(body: bytes, header: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body.decode(), header, secret, settings.STRIPE_WEBHOOK_TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, UnicodeDecodeError, ValueError, TypeError):
        return False  # a header that is not ASCII is a TypeError to the library
    return True
