"""What an API key may do. A scope is `<area>:<read|write>`; writing includes reading."""

AREAS = (
    "analytics",
    "catalog",
    "coupons",
    "customers",
    "entitlements",
    "insights",
    "invoices",
    "payments",
    "portal",
    "subscriptions",
    "usage",
    "webhooks",
)
ALL = tuple(f"{area}:{verb}" for area in AREAS for verb in ("read", "write"))
PUBLISHABLE = ("catalog:read",)  # a browser's key: what anyone may see


def allows(granted: list[str], needed: str) -> bool:
    """Whether the scopes `granted` cover the scope `needed`."""
    area, _, verb = needed.partition(":")
    return needed in granted or (verb == "read" and f"{area}:write" in granted)
