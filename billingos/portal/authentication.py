"""Who calls the portal's API: a customer token in `Authorization: Bearer`. `request.auth` is its merchant."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from billingos.api.authentication import MAX_KEY_LENGTH
from billingos.common.errors import Unauthenticated
from billingos.merchants.models import Merchant
from customers.models import PortalSession
from customers.portal_sessions import TOKEN_PREFIX, session_of_token

HELP = "Send a customer token as 'Authorization: Bearer bos_ct_…'; POST /api/portal/sessions makes one."


class CustomerHolder:
    """The caller, in the shape in which DRF wants a user."""

    is_authenticated = True

    def __init__(self, session: PortalSession) -> None:
        self.session = session
        self.pk = session.id


class CustomerTokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[CustomerHolder, Merchant]:
        """Raises Unauthenticated, also for a secret key: what a customer does here is done as that customer."""
        scheme, _, plain = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            raise Unauthenticated(f"No customer token was sent. {HELP}")
        if scheme.lower() != "bearer" or not plain.startswith(TOKEN_PREFIX) or len(plain) > MAX_KEY_LENGTH:
            raise Unauthenticated(f"That is not a customer token. {HELP}", code="invalid_customer_token")
        session = session_of_token(plain.strip())
        if session is None:
            raise Unauthenticated(
                "This customer token is unknown, revoked or expired. Make a new one.", code="invalid_customer_token"
            )
        return CustomerHolder(session), session.merchant

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="billingos-portal"'


def session_of(request: Request) -> PortalSession:
    """The portal session whose token was sent, with its customer."""
    holder: CustomerHolder = request.user  # type: ignore[assignment]  # DRF types it as Django's user
    return holder.session


class CustomerTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # its registry is untyped
    target_class = "billingos.portal.authentication.CustomerTokenAuthentication"
    name = "CustomerToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A customer token: `bos_ct_…`, good for 30 minutes."}
