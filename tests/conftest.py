"""Databases for tests: billingos.embedded.pytest_plugin starts the servers, the fixtures here hand them out.

Tests connect as the application role, which row-level security binds. Each worker has one database, made anew
at the start of a run.
"""

import gc
from collections.abc import Iterator
from typing import NoReturn

import pytest
from django.conf import settings
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from billingos.embedded import pytest_plugin

pytest_plugins = ["tests.fixtures"]


@pytest.fixture(scope="session", autouse=True)
def _look_for_static_files_when_asked(django_test_environment: None) -> None:
    """Each test client would list all of them at its first request: as long as two or three requests take."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None) -> None:
    """In place of pytest-django's: the database is a copy of the migrated template, not migrated again."""
    pytest_plugin.prepare_database()


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database without a transaction around the test: what is committed stays until the run ends.

    For tests of locks, of several connections, and of tenancy, which a wrapping transaction would hide. There
    is no flush: the application role may not truncate, and a test makes merchants of its own instead. A connection
    that nothing happened to is kept, for a new one has all plans and catalogs to read again.
    """
    with django_db_blocker.unblock():
        yield
        for connection in connections.all(initialized_only=True):
            if connection.in_atomic_block or connection.needs_rollback or connection.errors_occurred:
                connection.close()


@pytest.fixture
def transactional_db() -> NoReturn:
    """Refused: its flush after each test would need the owner's rights and half a second."""
    pytest.fail("use the fixture committed_db instead of transactional_db (see tests/conftest.py)")


def pytest_runtest_setup(item: pytest.Item) -> None:
    marker = item.get_closest_marker("django_db")
    if marker and marker.kwargs.get("transaction"):
        pytest.fail("use the fixture committed_db instead of django_db(transaction=True) (see tests/conftest.py)")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded by now stays, so the collector need not walk through it again and again."""
    gc.collect()
    gc.freeze()
