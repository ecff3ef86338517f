"""The effective value of a feature over all its sources. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Grant:
    """What one source gives: a limit per billing period, or None for no limit."""

    source: str
    limit: int | None


@dataclass(frozen=True, slots=True)
class Balance:
    """The answer to a check. `limit` None means no limit (or a boolean feature); `used` is of the billing period."""

    allowed: bool
    feature: str
    type: str
    limit: int | None
    used: Decimal | None
    remaining: Decimal | None
    resets_at: datetime | None
    sources: tuple[str, ...]


def boolean_balance(feature: str, grants: Sequence[Grant]) -> Balance:
    """On while any source gives it."""
    sources = tuple(grant.source for grant in grants)
    return Balance(bool(grants), feature, "boolean", None, None, None, None, sources)


def limit_balance(feature: str, grants: Sequence[Grant], used: Decimal, resets_at: datetime | None) -> Balance:
    """The sources' limits add up; one without a limit lifts all. Allowed while something remains."""
    sources = tuple(grant.source for grant in grants)
    if not grants:
        return Balance(False, feature, "limit", 0, used, Decimal(0), resets_at, ())
    if any(grant.limit is None for grant in grants):
        return Balance(True, feature, "limit", None, used, None, resets_at, sources)
    limit = sum(grant.limit or 0 for grant in grants)
    remaining = max(limit - used, Decimal(0))
    return Balance(remaining > 0, feature, "limit", limit, used, remaining, resets_at, sources)
