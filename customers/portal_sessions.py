"""Who is let into the customer portal: sessions made, entered, left.

A link may be fetched any number of times without effect (mail scanners do): only the POST of its page exchanges it,
once.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from billingos.common.errors import InvalidRequest, NotFound
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import ApiKey, Merchant
from billingos.merchants.services import key_digest, record_audit
from customers.models import Customer, PortalSession

LINK_LIFE = timedelta(minutes=30)  # of the link, and of the customer token
BROWSER_LIFE = timedelta(hours=4)  # from the exchange; not prolonged by use
RETENTION = timedelta(days=30)
TOKEN_PREFIX = "bos_ct_"  # noqa: S105  (how a token begins, not a token)
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class NewPortalSession:
    """What is told once: the session with the secrets that only their bearer will know from now on."""

    session: PortalSession
    link_token: str
    customer_token: str


def create_portal_session(
    *, merchant: Merchant, customer: Customer, return_url: str = "", by: ApiKey | None = None
) -> NewPortalSession:
    """Lets `customer` in, by link or token, for half an hour. Raises InvalidRequest for a `return_url` that is neither
    https nor on this machine."""
    if return_url:
        check_return_url(return_url)
    link_token, customer_token = secrets.token_urlsafe(32), TOKEN_PREFIX + secrets.token_urlsafe(32)
    with scope(merchant.id):
        session = PortalSession.objects.create(
            merchant=merchant,
            customer=customer,
            link_digest=key_digest(link_token),
            token_digest=key_digest(customer_token),
            expires_at=timezone.now() + LINK_LIFE,
            return_url=return_url,
        )
        target = f"customer {customer.id}"
        record_audit(merchant_id=merchant.id, action="portal_session.created", target=target, api_key=by)
    return NewPortalSession(session, link_token, customer_token)


def check_return_url(url: str, param: str = "return_url") -> None:
    """Raises InvalidRequest unless a browser may be sent there: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}')
    allowed = host and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))
    if not (plain and allowed) or parts.username is not None:
        raise InvalidRequest("Give an https address, or an http one on this machine.", param=param)


def session_of_link(link_token: str) -> PortalSession | None:
    """The session that a link was made for, also when the link works no more."""
    with platform_scope():
        return _sessions().filter(link_digest=key_digest(link_token)).first()


def is_enterable(session: PortalSession) -> bool:
    """Whether the link still works."""
    unused = session.revoked_at is None and session.exchanged_at is None
    return unused and session.expires_at > timezone.now() and session.customer.deleted_at is None


def enter(*, session: PortalSession) -> str:
    """Exchanges the link for the cookie, which is returned. Raises NotFound if the link works no more; of two at the
    same moment one gets in."""
    refusal = NotFound("This link works no more.")
    if not is_enterable(session):
        raise refusal
    cookie = secrets.token_urlsafe(32)
    now = timezone.now()
    with scope(session.merchant_id):
        # Conditions on the row itself only: PostgreSQL looks at these again when it has waited for another's update.
        rows = PortalSession.objects.for_merchant(session.merchant_id).filter(id=session.id)
        entered = rows.filter(exchanged_at=None, revoked_at=None, expires_at__gt=now).update(
            exchanged_at=now, cookie_digest=key_digest(cookie), browser_expires_at=now + BROWSER_LIFE
        )
    if not entered:
        raise refusal
    return cookie


def session_of_cookie(cookie: str) -> PortalSession | None:
    """The session whose browser this is, while it lasts; its merchant may be suspended."""
    with platform_scope():
        rows = _sessions().filter(cookie_digest=key_digest(cookie), browser_expires_at__gt=timezone.now())
        return rows.filter(revoked_at=None, customer__deleted_at=None).first()


def session_of_token(customer_token: str) -> PortalSession | None:
    """The session that a customer token opens, while it lasts and its merchant is active."""
    with platform_scope():
        rows = _sessions().filter(token_digest=key_digest(customer_token), expires_at__gt=timezone.now())
        rows = rows.filter(revoked_at=None, customer__deleted_at=None)
        return rows.filter(merchant__status=Merchant.Status.ACTIVE).first()


def get_session(session_id: UUID) -> PortalSession | None:
    """The session, whatever has become of it, of an active merchant."""
    with platform_scope():
        return _sessions().filter(id=session_id, merchant__status=Merchant.Status.ACTIVE).first()


def revoke(*, session: PortalSession) -> None:
    """Ends link, token and cookie now."""
    with scope(session.merchant_id):
        rows = PortalSession.objects.for_merchant(session.merchant_id)
        rows.filter(id=session.id, revoked_at=None).update(revoked_at=timezone.now())


def forget_old_sessions() -> int:
    """Deletes what ended more than 30 days ago; returns how many."""
    before = timezone.now() - RETENTION
    with platform_scope():
        ended = PortalSession.objects.filter(expires_at__lt=before)
        return ended.filter(Q(browser_expires_at=None) | Q(browser_expires_at__lt=before)).delete()[0]


def _sessions() -> QuerySet[PortalSession]:
    return PortalSession.objects.select_related("merchant", "customer__test_clock")
