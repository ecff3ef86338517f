"""The site of the ops admin at /ops/: staff only, inside the platform's scope, signed in through allauth."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.admin.apps import AdminConfig
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import SimpleTemplateResponse

from billingos.common.redaction import MASK, SECRET_TEXT
from billingos.common.tenancy import platform_scope

if TYPE_CHECKING:  # unfold ships no types; its classes are Django's with another look
    from django.contrib.admin import AdminSite as UnfoldAdminSite
else:
    from unfold.sites import UnfoldAdminSite

View = Callable[..., HttpResponseBase]


class OpsAdminConfig(AdminConfig):
    default_site = "billingos.common.ops_site.OpsSite"


class OpsSite(UnfoldAdminSite):
    """Keeps only pages made for it: the admins that other packages bring print keys, hashes and tokens."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        from billingos.common.ops_admin import (
            OpsModelAdmin,  # the apps, and so the models, load after this module
        )

        if admin_class is not None and issubclass(admin_class, OpsModelAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def admin_view(self, view: View, cacheable: bool = False) -> Any:
        """Like Django's, but rendered before the scope closes, as pages are lazy and their querysets too."""

        @wraps(view)
        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with platform_scope():
                response = view(request, *args, **kwargs)
                return _masked(response.render()) if isinstance(response, SimpleTemplateResponse) else response

        inner = super().admin_view(scoped, cacheable)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            from django.contrib.auth.views import redirect_to_login  # models load after this module

            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not self.has_permission(request):
                raise PermissionDenied
            return inner(request, *args, **kwargs)

        return guarded

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("admin:merchants_merchant_changelist")  # the menu at its side leads everywhere

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("admin:index")  # which sends whoever is not signed in to allauth

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from django.contrib.auth.views import LogoutView  # models load after this module

        return LogoutView.as_view(next_page="account_login")(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_change_password")


def _masked(page: SimpleTemplateResponse) -> SimpleTemplateResponse:
    """The last net: keys in a column that nobody thought of, such as an error or a name, do not leave either."""
    page.content = SECRET_TEXT.sub(MASK, page.content.decode())
    return page
