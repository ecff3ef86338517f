"""API keys come and go."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from billingos.common.errors import InvalidRequest, NotFound
from billingos.common.tenancy import scope
from billingos.merchants import scopes as key_scopes
from billingos.merchants.models import ApiKey, Merchant, User
from billingos.merchants.services.audit import record_audit


def key_digest(key: str) -> str:
    """What is stored and looked up in place of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def _key_prefix(kind: ApiKey.Kind) -> str:
    if kind == ApiKey.Kind.PUBLISHABLE:
        return "bos_pk_"
    return "bos_sk_live_" if settings.STRIPE_LIVE_MODE else "bos_sk_test_"


def create_api_key(
    *,
    merchant: Merchant,
    name: str,
    kind: ApiKey.Kind = ApiKey.Kind.SECRET,
    scopes: Sequence[str] = key_scopes.ALL,
    expires_at: datetime | None = None,
    by: User | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its plain text, which is never to be had again. Raises InvalidRequest for an unknown scope, for
    none at all, and for a key without a name."""
    granted = key_scopes.PUBLISHABLE if kind == ApiKey.Kind.PUBLISHABLE else scopes
    name = " ".join(name.split())
    if not 0 < len(name) <= 100:
        raise InvalidRequest("A name has 1 to 100 characters.", param="name")
    if unknown := set(granted) - set(key_scopes.ALL):
        raise InvalidRequest(f"Unknown scope: {', '.join(sorted(unknown))}.", param="scopes")
    if not granted:
        raise InvalidRequest("A key without a scope can do nothing. Choose one.", param="scopes")
    prefix = _key_prefix(kind)
    plain = prefix + secrets.token_urlsafe(32)
    with scope(merchant.id):
        key = ApiKey.objects.create(
            merchant=merchant,
            name=name,
            kind=kind,
            prefix=prefix,
            last4=plain[-4:],
            digest=key_digest(plain),
            scopes=list(granted),
            expires_at=expires_at,
            created_by=by,
        )
        details = {"name": name, "key": str(key), "scopes": key.scopes}
        record_audit(
            merchant_id=merchant.id, action="api_key.created", target=f"api_key {key.id}", user=by, details=details
        )
    return key, plain


def revoke_api_key(*, merchant: Merchant, key_id: UUID, by: User | None = None) -> None:
    """Ends a key now; a revoked one stays revoked at its first time. Raises NotFound."""
    with scope(merchant.id):
        key = ApiKey.objects.for_merchant(merchant.id).select_for_update().filter(id=key_id).first()
        if key is None:
            raise NotFound("No such API key.", param="id")
        if key.revoked_at is None:
            key.revoked_at = timezone.now()
            key.save(update_fields=["revoked_at"])
            details = {"name": key.name, "key": str(key)}
            record_audit(
                merchant_id=merchant.id, action="api_key.revoked", target=f"api_key {key.id}", user=by, details=details
            )
