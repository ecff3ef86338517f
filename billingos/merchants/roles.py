"""What each role of a merchant's team may do. Pure: a role's name and a permission's name in, yes or no out."""

from collections.abc import Mapping

READ = "read"
EXPORT = "export"
BILLING_WRITE = "billing.write"
INSIGHTS_ACT = "insights.act"
KEYS_MANAGE = "keys.manage"
WEBHOOKS_REPLAY = "webhooks.replay"
TEAM_MANAGE = "team.manage"
OWNERS_MANAGE = "owners.manage"
SETTINGS_MANAGE = "settings.manage"
CONNECT_MANAGE = "connect.manage"

# In the order of docs/roles.md, which a test holds equal to this.
PERMISSIONS: Mapping[str, str] = {
    READ: "see every page of the business",
    EXPORT: "download lists as CSV",
    KEYS_MANAGE: "create and revoke API keys",
    WEBHOOKS_REPLAY: "apply received events again",
    BILLING_WRITE: "change what customers pay: cancel subscriptions, refund, and the like",
    INSIGHTS_ACT: "dismiss insights and act on them",
    TEAM_MANAGE: "invite, change and remove people who are not owners",
    SETTINGS_MANAGE: "change the business's name, currency, branding and billing rules",
    CONNECT_MANAGE: "connect the Stripe account that the money goes to",
    OWNERS_MANAGE: "make, change and remove owners",
}

_VIEWER = frozenset({READ})
_DEVELOPER = _VIEWER | {EXPORT, KEYS_MANAGE, WEBHOOKS_REPLAY}
_ADMIN = _DEVELOPER | {BILLING_WRITE, INSIGHTS_ACT, TEAM_MANAGE, SETTINGS_MANAGE}

GRANTS: Mapping[str, frozenset[str]] = {
    "owner": frozenset(PERMISSIONS),
    "admin": _ADMIN,
    "developer": _DEVELOPER,
    "viewer": _VIEWER,
}


# One line for whoever chooses a role for somebody.
SUMMARIES: Mapping[str, str] = {
    "owner": "Everything, the owners and the Stripe connection included.",
    "admin": "Customers’ billing, the team and the settings; not the owners, not the Stripe connection.",
    "developer": "Sees everything, exports, manages API keys and replays events. Changes no customer’s billing here.",
    "viewer": "Sees everything, changes nothing.",
}


def role_allows(role: str, permission: str) -> bool:
    """Whether `role` holds `permission`; False for a role that does not exist, ValueError for such a permission."""
    if permission not in PERMISSIONS:
        raise ValueError(f"There is no permission {permission!r}.")
    return permission in GRANTS.get(role, frozenset())


def permission_for_role(role: str) -> str:
    """What one must hold to give somebody `role`, or to change or remove somebody who has it."""
    return OWNERS_MANAGE if role == "owner" else TEAM_MANAGE
