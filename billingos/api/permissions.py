"""What a key may do: every view names its area, and the method says whether it reads or writes."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from billingos.api.authentication import key_of, view_scope
from billingos.common.errors import Forbidden
from billingos.merchants.scopes import allows

if TYPE_CHECKING:
    from rest_framework.views import APIView


class HasScope(BasePermission):
    def has_permission(self, request: Request, view: "APIView") -> bool:
        needed = view_scope(view, request.method or "")
        if not allows(key_of(request).scopes, needed):
            raise Forbidden(f"This API key lacks the scope {needed}.", code="scope_missing")
        return True
