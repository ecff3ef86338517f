"""Who calls: an API key in `Authorization: Bearer`. `request.user` is the key, `request.auth` its merchant."""

from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from billingos.common.errors import Unauthenticated
from billingos.merchants.models import ApiKey, Merchant
from billingos.merchants.selectors import authenticate_key

if TYPE_CHECKING:
    from rest_framework.views import APIView

MAX_KEY_LENGTH = 200
HELP = "Send a secret key as 'Authorization: Bearer bos_sk_…'."


class KeyHolder:
    """The caller, in the shape in which DRF wants a user."""

    is_authenticated = True

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        self.pk = key.id


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[KeyHolder, Merchant]:
        """Raises Unauthenticated; there is no anonymous API."""
        scheme, _, plain = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            raise Unauthenticated(f"No API key was sent. {HELP}")
        if plain.startswith("bos_ct_"):
            raise Unauthenticated(
                f"That is a customer token, which is for the customer's own /api/portal/… only. {HELP}",
                code="invalid_api_key",
            )
        if scheme.lower() != "bearer" or not plain.startswith("bos_") or len(plain) > MAX_KEY_LENGTH:
            raise Unauthenticated(f"That is not an API key. {HELP}", code="invalid_api_key")
        key = authenticate_key(plain.strip())
        if key is None:
            raise Unauthenticated("This API key is unknown, revoked or expired.", code="invalid_api_key")
        return KeyHolder(key), key.merchant

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="billingos"'


def key_of(request: Request) -> ApiKey:
    holder: KeyHolder = request.user  # type: ignore[assignment]  # DRF types it as Django's user
    return holder.key


def merchant_of(request: Request) -> Merchant:
    """The merchant whose key was sent."""
    return request.auth  # type: ignore[return-value]  # DRF types it as a token


def view_scope(view: "APIView", method: str) -> str:
    """The key scope that a request needs: `<area of the view>:<read|write>`."""
    area: str = getattr(view, "area", "")
    return f"{area}:{'read' if method in {'GET', 'HEAD', 'OPTIONS'} else 'write'}"
