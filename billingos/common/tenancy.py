"""Tenancy: the short scope in which a merchant's rows can be seen at all.

Two walls stand around every tenant table: selectors filter by merchant, and row-level security in PostgreSQL answers
with nothing unless the transaction carries the merchant's id. `scope` is the only door to the second one.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import structlog
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from billingos.common.errors import TenancyError

log = structlog.get_logger(__name__)

PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class _Scope:
    merchant_id: UUID | None  # None: the platform itself


_current: ContextVar[_Scope | None] = ContextVar("billingos_scope", default=None)


def _set(sql: str, params: tuple[str, ...] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


@contextlib.contextmanager
def scope(merchant_id: UUID) -> Iterator[None]:
    """A short transaction that sees the rows of one merchant.

    Nesting the same merchant is a savepoint; nesting another raises TenancyError. Inside another transaction the
    setting is cleared on the way out, because a savepoint that is released would leak it; a transaction of its own
    forgets it by itself.
    """
    entered = _Scope(merchant_id)
    outer = _current.get()
    if outer is not None and outer != entered:
        raise TenancyError("A scope cannot be opened inside the scope of another merchant or of the platform.")
    inside = connection.in_atomic_block
    with transaction.atomic():
        if outer is not None:
            yield
            return
        _set("SELECT set_config('billingos.merchant', %s, true)", (str(merchant_id),))
        token = _current.set(entered)
        try:
            yield
        finally:
            _current.reset(token)
            if inside:
                _clear("SELECT set_config('billingos.merchant', '', true)")


@contextlib.contextmanager
def platform_scope() -> Iterator[None]:
    """A short transaction as the platform: for what comes before a tenant is known, for sweeps and for ops staff."""
    entered = _Scope(None)
    outer = _current.get()
    if outer is not None and outer != entered:
        raise TenancyError("The platform's scope cannot be opened inside a merchant's.")
    inside = connection.in_atomic_block
    with transaction.atomic():
        if outer is not None:
            yield
            return
        _set("SET LOCAL ROLE billingos_platform")
        token = _current.set(entered)
        try:
            yield
        finally:
            _current.reset(token)
            if inside:
                _clear("RESET ROLE")


def execute_as_platform(sql: str, params: dict[str, Any]) -> int:
    """One statement as the platform, in a transaction and one round trip of its own; how many rows it has written.

    Statements that are sent together are one transaction to PostgreSQL, and the role ends with it.
    """
    if connection.in_atomic_block:
        with platform_scope(), connection.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.rowcount)
    token = _current.set(_Scope(None))
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL ROLE billingos_platform; {sql}", params)
            cursor.nextset()
            return int(cursor.rowcount)
    finally:
        _current.reset(token)


def _clear(sql: str) -> None:
    """Undoes a setting, unless the transaction is broken: then its rollback does."""
    if connection.connection is None or connection.connection.closed or connection.needs_rollback:
        return
    if connection.connection.info.transaction_status.name == "INTRANS":
        _set(sql)


def current_merchant_id() -> UUID | None:
    """The merchant whose scope is open, if one is."""
    current = _current.get()
    return current.merchant_id if current else None


# --- The guard: a tenant query outside a scope yields nothing, which hides the mistake; so say it -------------------


@cache
def _tenant_tables() -> re.Pattern[str]:
    from billingos.common.models import MerchantOwned  # models need `scope`'s module first

    names = sorted(
        model._meta.db_table
        for model in apps.get_models()
        if issubclass(model, MerchantOwned) or getattr(model, "row_level_security", False)
    )
    return re.compile(r'"?\b(' + "|".join(map(re.escape, names)) + r')\b"?')


def _guard(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if _current.get() is None and (found := _tenant_tables().search(str(sql))):
        if settings.UNSCOPED_QUERIES_RAISE:
            raise TenancyError(f"{found.group(1)} was queried outside a scope.")
        log.error("unscoped_tenant_query", table=found.group(1))
    return execute(sql, params, many, context)


def install_guard(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    """Watches every statement of the application's connections (the owner's, which migrate, are free)."""
    if connection.alias == "default" and _guard not in connection.execute_wrappers:
        connection.execute_wrappers.append(_guard)
