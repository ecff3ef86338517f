"""Merchants, members and keys come and go here, each with its audit entry."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from structlog.contextvars import get_contextvars

from billingos.common.errors import Conflict, InvalidRequest, NotFound
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants import scopes as key_scopes
from billingos.merchants.models import ApiKey, AuditEntry, BillingSettings, Membership, Merchant, User


def record_audit(
    *,
    merchant_id: UUID | None,
    action: str,
    target: str = "",
    user: User | None = None,
    api_key: ApiKey | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Adds an audit entry inside the caller's transaction. `details` must hold no secret."""
    AuditEntry.objects.create(
        merchant_id=merchant_id,
        action=action,
        target=target,
        user=user,
        api_key=api_key,
        details=details or {},
        request_id=get_contextvars().get("request_id", ""),
    )


def create_merchant(
    *,
    name: str,
    slug: str,
    owner: User,
    default_currency: str = "usd",
    stripe_account_id: str | None = None,
    is_platform_account: bool = False,
) -> Merchant:
    """A merchant with its settings and its first owner. Raises Conflict for a slug or account that is taken."""
    merchant = Merchant(
        name=name,
        slug=slug,
        default_currency=default_currency,
        stripe_account_id=stripe_account_id,
        is_platform_account=is_platform_account,
    )
    try:
        with platform_scope(), transaction.atomic():
            merchant.save(force_insert=True)
            BillingSettings.objects.create(merchant=merchant)
            Membership.objects.create(merchant=merchant, user=owner, role=Membership.Role.OWNER)
            record_audit(merchant_id=merchant.id, action="merchant.created", target=f"merchant {slug}", user=owner)
    except IntegrityError as error:
        raise Conflict(f"A merchant with the slug {slug} or with that account exists.", param="slug") from error
    return merchant


def set_merchant_status(*, merchant_id: UUID, status: Merchant.Status, by: User) -> bool:
    """Suspends a merchant or lets it work again; False if it was so already. While suspended, its keys and its people's
    pages answer as if it did not exist; what Stripe does for it goes on."""
    with platform_scope():
        changed = Merchant.objects.filter(id=merchant_id).exclude(status=status).update(status=status) == 1
        if changed:
            target = f"merchant {merchant_id}"
            record_audit(merchant_id=merchant_id, action=f"merchant.{status}", target=target, user=by)
    return changed


def add_member(*, merchant: Merchant, user: User, role: Membership.Role, by: User | None = None) -> Membership:
    """Lets `user` work for `merchant`; again with another role changes the role."""
    with scope(merchant.id):
        membership, _ = Membership.objects.update_or_create(merchant=merchant, user=user, defaults={"role": role})
        record_audit(
            merchant_id=merchant.id,
            action="member.set",
            target=f"user {user.id}",
            user=by,
            details={"role": role},
        )
    return membership


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
    """A new key and its plain text, which is never to be had again. Raises InvalidRequest for an unknown scope."""
    granted = key_scopes.PUBLISHABLE if kind == ApiKey.Kind.PUBLISHABLE else scopes
    if unknown := set(granted) - set(key_scopes.ALL):
        raise InvalidRequest(f"Unknown scope: {', '.join(sorted(unknown))}.", param="scopes")
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
        record_audit(merchant_id=merchant.id, action="api_key.created", target=f"api_key {key.id}", user=by)
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
            record_audit(merchant_id=merchant.id, action="api_key.revoked", target=f"api_key {key.id}", user=by)
