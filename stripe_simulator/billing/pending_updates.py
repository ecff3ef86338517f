"""Changes that wait for their invoice (``payment_behavior=pending_if_incomplete``): paid, they take place.

The change is carried out to draft its invoice, and then taken back; what it did is kept on the subscription as
``_held`` and shown as ``pending_update`` once a first try to collect has failed.
"""

from collections.abc import Iterable
from typing import Any

from stripe_simulator.billing import entitlements
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError, invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.rendering import Json
from stripe_simulator.store import clone
from stripe_simulator.work import Work

SECONDS = 23 * 3_600
_TAKES = {
    "add_invoice_items", "billing_cycle_anchor", "items", "metadata", "off_session", "payment_behavior",
    "proration_behavior", "proration_date", "trial_end",
}  # fmt: skip
_TAKES_OF_ITEMS = {"deleted", "id", "price", "price_data", "quantity"}
_CHANGED = ("billing_cycle_anchor", "items", "metadata", "status", "trial_end", "trial_start", "_trial_notice")
REPLACED_BY = {"billing_cycle_anchor", "items", "trial_end"}


def check(subscription: Record, values: dict[str, Any]) -> None:
    """A StripeError for what can't be put off until it is paid."""
    if subscription["collection_method"] != "charge_automatically":
        raise invalid("Pending updates need `collection_method=charge_automatically`.", "payment_behavior")
    for name in values:
        if name not in _TAKES:
            raise _unsupported(name)
    for index, sent in enumerate(values.get("items", [])):
        for name in sent:
            if name not in _TAKES_OF_ITEMS:
                raise _unsupported(f"items[{index}][{name}]")


def _unsupported(name: str) -> StripeError:
    return invalid(f"{name} is not supported with `payment_behavior=pending_if_incomplete`.", name)


def hold(subscription: Record, before: Record, invoice: Record) -> None:
    """Take a change back that its invoice is to pay for (within an ``updating`` block)."""
    after = {name: clone(subscription[name]) for name in _CHANGED if subscription[name] != before[name]}
    subscription |= {name: clone(before[name]) for name in after}
    subscription["_held"] = {"after": after, "invoice": invoice["id"]}


def held_by(subscription: Record, invoice: Record) -> bool:
    """Whether an invoice is the one that a change of the subscription waits for."""
    held = subscription.get("_held")
    return held is not None and held["invoice"] == invoice["id"]


def wait(work: Work, subscription: Record) -> None:
    """The invoice was not paid at once: the change is pending, until its trial or period ends, for 23 hours at most."""
    after: Json = subscription["_held"]["after"]
    ends: Iterable[int] = (item["current_period_end"] for item in subscription["items"]["data"])
    trial = [subscription["trial_end"]] if subscription["status"] == "trialing" else []
    with updating(work, subscription):
        subscription["pending_update"] = {
            "billing_cycle_anchor": after.get("billing_cycle_anchor"),
            "discounts": None,
            "expires_at": min(work.now(subscription["_clock"]) + SECONDS, *ends, *trial),
            "metadata": after.get("metadata"),
            "subscription_items": clone(after["items"]["data"]) if "items" in after else None,
            "trial_end": after.get("trial_end"),
            "trial_from_plan": None,
        }


def expires_at(subscription: Record) -> int | None:
    """When a pending change is given up (Unix seconds), or None where there is none."""
    pending = subscription["pending_update"]
    return int(pending["expires_at"]) if pending else None


def apply(work: Work, subscription: Record) -> None:
    """The invoice is paid: the change takes place."""
    waited = subscription["pending_update"] is not None
    with updating(work, subscription):
        subscription |= clone(subscription["_held"]["after"])
        subscription |= {"pending_update": None, "_held": None}
    if waited:
        emit(work, "customer.subscription.pending_update_applied", subscription)
    entitlements.refresh(work, subscription["customer"])


def drop(work: Work, subscription: Record) -> None:
    """The invoice is void, and with it the change."""
    waited = subscription["pending_update"] is not None
    with updating(work, subscription):
        subscription |= {"pending_update": None, "_held": None}
    if waited:
        emit(work, "customer.subscription.pending_update_expired", subscription)
