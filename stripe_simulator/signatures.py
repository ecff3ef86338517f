"""``Stripe-Signature``: ``t=…,v1=…``, the HMAC-SHA256 of time and body under the endpoint's secret."""

import hashlib
import hmac


def sign(body: bytes, secret: str, timestamp: int) -> str:
    """The header's value for a body sent at ``timestamp`` (Unix seconds)."""
    signed = str(timestamp).encode() + b"." + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
