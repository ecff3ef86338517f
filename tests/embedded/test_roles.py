"""The three roles, as PostgreSQL itself describes them."""

import psycopg
import pytest
from psycopg import errors

from billingos.embedded.postgres import Cluster
from billingos.embedded.pytest_plugin import run_cluster
from billingos.embedded.roles import app_url, ensure_roles, owner_url


@pytest.fixture
def cluster() -> Cluster:
    return run_cluster()


def test_only_the_bootstrap_role_is_superuser_or_may_bypass_row_security(cluster: Cluster) -> None:
    query = "SELECT rolname FROM pg_roles WHERE (rolsuper OR rolbypassrls) AND rolname LIKE 'billingos%'"
    with cluster.connect() as connection:
        assert connection.execute(query).fetchall() == []


@pytest.mark.parametrize(
    ("role", "login", "create_db", "create_role"),
    [
        ("billingos", True, True, True),
        ("billingos_app", True, False, False),
        ("billingos_platform", False, False, False),
    ],
)
def test_role_attributes(cluster: Cluster, role: str, login: bool, create_db: bool, create_role: bool) -> None:
    query = "SELECT rolcanlogin, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = %s"
    with cluster.connect() as connection:
        assert connection.execute(query, [role]).fetchone() == (login, create_db, create_role)


def test_the_application_may_become_the_platform_but_does_not_inherit_it(cluster: Cluster) -> None:
    query = (
        "SELECT inherit_option, set_option FROM pg_auth_members"
        " WHERE roleid = 'billingos_platform'::regrole AND member = 'billingos_app'::regrole"
    )
    with cluster.connect() as connection:
        assert connection.execute(query).fetchall() == [(False, True)]


def test_ensuring_the_roles_again_changes_nothing(cluster: Cluster) -> None:
    query = "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members ORDER BY 1, 2"
    with cluster.connect() as connection:
        before = connection.execute(query).fetchall()
        ensure_roles(cluster)
        assert connection.execute(query).fetchall() == before


def test_the_application_owns_nothing_and_can_make_no_table(cluster: Cluster, django_db_setup: None) -> None:
    with psycopg.connect(app_url(cluster, database())) as connection:
        owned = connection.execute("SELECT count(*) FROM pg_class WHERE relowner = 'billingos_app'::regrole")
        assert owned.fetchone() == (0,)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")


def test_the_owner_owns_the_database(cluster: Cluster, django_db_setup: None) -> None:
    query = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    with psycopg.connect(owner_url(cluster, database())) as connection:
        assert connection.execute(query).fetchone() == ("billingos",)


def test_a_wrong_password_is_refused(cluster: Cluster) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.url("billingos_app", "wrong", "postgres"))


def database() -> str:
    from django.conf import settings

    return str(settings.DATABASES["default"]["NAME"])
