"""The merchant's pages in the order in which they stand beside every page."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from billingos.merchants.models import Membership
from billingos.merchants.roles import role_allows


@dataclass(frozen=True, slots=True)
class Entry:
    """One link; `name` is both the section a page says it belongs to and the name of its address."""

    name: str
    label: str
    icon: str
    needs: str = "read"


ENTRIES: Sequence[tuple[str, Sequence[Entry]]] = (
    (
        "",
        (
            Entry("home", "Home", "home"),
            Entry("customers", "Customers", "people"),
            Entry("subscriptions", "Subscriptions", "cycle"),
            Entry("products", "Products", "box"),
            Entry("usage", "Usage", "gauge"),
            Entry("insights", "Insights", "spark"),
        ),
    ),
    (
        "Developers",
        (
            Entry("api_keys", "API keys", "key", "keys.manage"),
            Entry("inbox", "Webhook inbox", "inbox"),
            Entry("reconciliation", "Reconciliation", "balance"),
        ),
    ),
    (
        "Business",
        (
            Entry("team", "Team", "team"),
            Entry("settings", "Settings", "gear"),
            Entry("audit", "Audit log", "history"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Link:
    name: str
    label: str
    icon: str
    url: str


def sections_for(membership: Membership) -> list[tuple[str, list[Link]]]:
    """Titles with the links that this member may follow."""
    slug = membership.merchant.slug
    return [
        (title, [_link(entry, slug) for entry in entries if role_allows(membership.role, entry.needs)])
        for title, entries in ENTRIES
    ]


def _link(entry: Entry, slug: str) -> Link:
    return Link(entry.name, entry.label, entry.icon, reverse(f"dashboard:{entry.name}", kwargs={"slug": slug}))
