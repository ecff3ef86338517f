"""The audit log: what was done by whom."""

from typing import Any
from uuid import UUID

from structlog.contextvars import get_contextvars

from billingos.merchants.models import ApiKey, AuditEntry, User


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
