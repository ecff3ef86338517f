"""What every page of the ops admin shares: it shows, and changes nothing but by its actions."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.decorators import display

from billingos.common.redaction import readable_json

__all__ = (
    "InfinitePaginator",
    "MerchantFilter",
    "OpsModelAdmin",
    "TextFilter",
    "mode_of",
    "pretty",
    "status_column",
    "two_lines",
)
M = TypeVar("M", bound=Model)
Show = TypeVar("Show", bound=Callable[..., Any])

if TYPE_CHECKING:  # unfold ships no types; its classes are Django's with another look
    from django.contrib.admin import ModelAdmin as _ModelAdmin
    from django.contrib.admin import SimpleListFilter as TextFilter
    from django.core.paginator import Paginator as InfinitePaginator
else:
    from unfold.admin import ModelAdmin as _UnfoldModelAdmin
    from unfold.contrib.filters.admin import TextFilter
    from unfold.paginator import InfinitePaginator

    class _ModelAdmin(_UnfoldModelAdmin, Generic[M]):
        pass


class MerchantFilter(TextFilter):
    title = "merchant (slug)"
    parameter_name = "merchant"

    def queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> QuerySet[M]:
        slug = self.value()
        return queryset.filter(merchant__slug=slug) if slug else queryset


class OpsModelAdmin(_ModelAdmin[M]):
    """Read-only, for staff. Only subclasses are served (`OpsSite.register`)."""

    actions: Any = ()
    list_per_page = 50
    list_max_show_all = 0  # nobody reads hundreds of rows at once, and the theme's link to them is too pale
    show_full_result_count = False  # counting a large table costs more than the page
    list_filter_submit: ClassVar[bool] = True

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404  # what people did is in the audit entries, not in Django's log


def pretty(value: Any) -> str:
    """JSON for people to read, its secrets masked."""
    return format_html('<pre class="ops-json" tabindex="0">{}</pre>', readable_json(value))


def mode_of(livemode: bool | None) -> str:
    """Stripe's mode in words: a cross for "test" reads like a fault."""
    if livemode is None:
        return "unknown"
    return "live" if livemode else "test"


def status_column(*, colours: dict[str, str]) -> Callable[[Show], Show]:
    """A column with the row's `status` as a label; `colours` are unfold's: info, success, warning, danger."""
    return cast(Callable[[Show], Show], display(description="status", ordering="status", label=colours))


def two_lines(*, description: str, ordering: str) -> Callable[[Show], Show]:
    """A column of two lines: what its function returns, a title and what stands beneath."""
    return cast(Callable[[Show], Show], display(description=description, ordering=ordering, header=True))
