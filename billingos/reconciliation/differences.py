"""What two snapshots of an object differ in. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from billingos.common.redaction import MASK, redacted
from billingos.reconciliation.models import Drift
from billingos.reconciliation.snapshots import ITSELF, READ_ONLY, Key, Snapshot

# Addresses of Stripe's pages: whoever has one may look at the invoice.
OPENS_A_PAGE = frozenset({"hosted_invoice_url", "invoice_pdf", "pdf"})


@dataclass(frozen=True, slots=True)
class Difference:
    """`ours` and `stripes` are None where there is nothing on that side; `field` is empty for a whole row."""

    kind: Drift.Kind
    key: Key = ITSELF
    field: str = ""
    ours: Any = None
    stripes: Any = None


def differences(before: Snapshot, after: Snapshot, *, is_gone: bool = False) -> list[Difference]:
    """What of `before`, ours, became another thing in `after`, as Stripe has it. What is missing altogether (`is_gone`:
    in Stripe) is one difference, whatever hangs on it."""
    if ITSELF not in before:
        return [Difference(Drift.Kind.MISSING_HERE)] if ITSELF in after else []
    if is_gone:
        return [Difference(Drift.Kind.MISSING_THERE)] if before != after else []
    keys = [key for key in sorted({*before, *after}) if key.kind not in READ_ONLY]
    return [found for key in keys for found in _of(key, before, after)]


def _of(key: Key, before: Snapshot, after: Snapshot) -> Iterator[Difference]:
    if key not in before:
        yield Difference(Drift.Kind.MISSING_HERE, key)
    elif key not in after:
        yield Difference(Drift.Kind.MISSING_THERE, key)
    else:
        ours, stripes = before[key], after[key]
        for field in ours:
            if ours[field] != stripes[field]:
                yield Difference(
                    Drift.Kind.DIFFERENT, key, field, showable(field, ours[field]), showable(field, stripes[field])
                )


def showable(field: str, value: Any) -> Any:
    """The value without what nobody may read in a report."""
    if value and field in OPENS_A_PAGE:
        return MASK
    return redacted({field: value})[field]
