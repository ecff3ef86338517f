"""The audit log: who has done what."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.http import HttpResponseBase

from billingos.common.redaction import redacted
from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants import scopes as key_scopes
from billingos.merchants.models import AuditEntry
from billingos.merchants.roles import EXPORT
from billingos.merchants.selectors import audit_entries
from billingos.ui.listing import NEWEST, Filter, Listing, Order

# What was done, in words, by the action's name. An action that is not here is shown by its name.
ACTIONS: Mapping[str, str] = {
    "merchant.created": "Created the business",
    "merchant.updated": "Changed the business",
    "merchant.active": "Activated the business again",
    "merchant.suspended": "Suspended the business",
    "billing_settings.updated": "Changed the billing rules",
    "branding.updated": "Changed the branding",
    "member.added": "Added a member",
    "member.role_changed": "Changed a role",
    "member.removed": "Removed a member",
    "member.left": "Left the business",
    "invitation.sent": "Sent an invitation",
    "invitation.sent_again": "Sent an invitation again",
    "invitation.revoked": "Withdrew an invitation",
    "invitation.accepted": "Accepted an invitation",
    "api_key.created": "Created an API key",
    "api_key.revoked": "Revoked an API key",
    "connect.account_created": "Opened a Stripe account",
    "connect.started": "Went to Stripe’s onboarding",
    "connect.ended": "Access to the Stripe account was withdrawn",
    "connect.resumed": "Access to the Stripe account is back",
    "backfill.started": "Began to import the Stripe account",
    "subscription.canceled": "Canceled a subscription",
    "subscription.kept": "Took a cancellation back",
    "invoice.paid": "Charged an invoice",
    "invoice.noted_paid": "Noted an invoice as paid elsewhere",
    "invoice.voided": "Voided an invoice",
    "invoice.refunded": "Refunded an invoice",
    "invoice.credited": "Credited an invoice",
    "insight.dismissed": "Dismissed an insight",
    "insight.reopened": "Opened an insight again",
    "portal_session.created": "Let a customer into the portal",
    "portal.card_page": "The customer opened a page for a new card",
    "portal.subscription_canceled": "The customer canceled a subscription",
    "portal.subscription_kept": "The customer took a cancellation back",
    "reconciliation.requested": "Asked for a reconciliation",
    "reconciliation.alert": "Too much differed from Stripe",
    "webhook_event.replayed": "Replayed an event",
    "webhook_event.failed_replayed": "Replayed all failed events",
}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
AREAS = Filter(
    "area",
    "What",
    [
        ("member", "Members"),
        ("invitation", "Invitations"),
        ("api_key", "API keys"),
        ("merchant", "Business"),
        ("billing_settings", "Billing rules"),
        ("branding", "Branding"),
        ("connect", "Stripe connection"),
        ("backfill", "Import"),
        ("subscription", "Subscriptions"),
        ("invoice", "Invoices"),
        ("insight", "Insights"),
        ("portal", "Customer portal"),
        ("portal_session", "Portal links"),
        ("webhook_event", "Webhook events"),
        ("reconciliation", "Reconciliation"),
    ],
)
ORDERS = (NEWEST, Order("oldest", "Oldest first", descending=False))
COLUMNS: Mapping[str, Callable[[AuditEntry], Any]] = {
    "at": lambda entry: entry.created_at,
    "by": lambda entry: actor(entry),
    "action": lambda entry: entry.action,
    "target": lambda entry: redacted(entry.target),
    "details": lambda entry: "; ".join(f"{name}: {value}" for name, value in facts(entry)),
    "request_id": lambda entry: entry.request_id,
}


@merchant_page("audit")
def audit(visit: Visit) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    listing = Listing(visit.request, orders=ORDERS, filters=[AREAS])

    def found() -> Any:
        return audit_entries(merchant_id, action=listing.value("area"), search=listing.search)

    if listing.wants_csv:
        visit.demand(EXPORT)
        return listing.csv("audit-log", found, COLUMNS, lambda: scope(merchant_id))
    with scope(merchant_id):
        page = listing.page(found())
    rows = [
        {
            "entry": entry,
            "done": ACTIONS.get(entry.action, entry.action),
            "actor": actor(entry),
            "target": shortened(redacted(entry.target)),
            "facts": facts(entry),
        }
        for entry in page.rows
    ]
    context = {"listing": listing, "page": page, "rows": rows, "can_export": visit.may(EXPORT)}
    return visit.render("dashboard/audit/list.html", context)


def shortened(target: str) -> str:
    """With the end of ids only: people tell things apart by their names, which stand beside."""
    return UUID.sub(lambda found: f"…{found[0][-8:]}", target)


def actor(entry: AuditEntry) -> str:
    if entry.user:
        return entry.user.email
    return f"API key {entry.api_key}" if entry.api_key else "BillingOS"


def facts(entry: AuditEntry) -> Sequence[tuple[str, str]]:
    """The details as name and value; of a change what was before and what is after."""
    return [(name.replace("_", " "), _spoken(value)) for name, value in redacted(entry.details).items() if value]


def _spoken(value: Any) -> str:
    if isinstance(value, dict) and value.keys() == {"before", "after"}:
        return f"{_spoken(value['before'])} → {_spoken(value['after'])}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        if value == list(key_scopes.ALL):
            return "everything"
        return ", ".join(map(str, value))
    return str(value)
