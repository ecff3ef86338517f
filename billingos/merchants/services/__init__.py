"""Merchants, members and keys come and go here, each with its audit entry.

`team`, `connect` and `rules` are imported by their own names.
"""

from billingos.merchants.services.audit import record_audit
from billingos.merchants.services.businesses import add_member, create_merchant, set_merchant_status, suggest_slug
from billingos.merchants.services.keys import create_api_key, key_digest, revoke_api_key

__all__ = [
    "add_member",
    "create_api_key",
    "create_merchant",
    "key_digest",
    "record_audit",
    "revoke_api_key",
    "set_merchant_status",
    "suggest_slug",
]
