"""There and back: Stripe's page for a card, and the signed address at which it leads back to us.

The address says for which portal session the page was opened and where to go on. It is signed and good for as long as
the page, so that whoever comes back needs no cookie (an application with a customer token has none) and can be sent
nowhere else.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

from billingos.common.ids import parse_uuid
from billingos.common.tenancy import scope
from billingos.merchants.services import record_audit
from customers.models import PortalSession
from customers.portal_sessions import get_session
from subscriptions.cards import CardPage, open_card_page

SALT = "billingos.portal.card"
LIFE = timedelta(hours=24)  # as long as Stripe's page lives, and no longer than its card's keys are remembered


@dataclass(frozen=True, slots=True)
class WayBack:
    """`to` is the merchant's own address, or empty for the portal's page."""

    session: PortalSession
    to: str


def open_page(session: PortalSession, *, back_to: str = "") -> CardPage:
    """A page of Stripe's for this customer's new card; it leads back to `back_to`, or to the portal. Raises what Stripe
    refuses."""
    signed = signing.dumps({"session": str(session.id), "to": back_to}, salt=SALT, compress=True)
    here = settings.BASE_URL + reverse("portal:card-added", kwargs={"signed": signed})
    page = open_card_page(
        merchant=session.merchant,
        customer=session.customer,
        success_url=f"{here}?page={{CHECKOUT_SESSION_ID}}",
        cancel_url=back_to or settings.BASE_URL + reverse("portal:payment-method"),
    )
    with scope(session.merchant_id):
        target = f"customer {session.customer_id}"
        details = {"portal_session": str(session.id)}
        record_audit(merchant_id=session.merchant_id, action="portal.card_page", target=target, details=details)
    return page


def way_back(signed: str) -> WayBack | None:
    """What `open_page` signed; None for anything else, for what is too old, and for a suspended merchant's."""
    try:
        said = signing.loads(signed, salt=SALT, max_age=LIFE)
    except signing.BadSignature:
        return None
    key = parse_uuid(said["session"])
    session = get_session(key) if key else None
    return WayBack(session, said["to"]) if session else None
