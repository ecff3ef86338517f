"""The three database roles, as the migrations expect to find them.

`billingos` owns the database and migrates. `billingos_app` is what the application connects as: it owns
nothing, so row-level security binds it. `billingos_platform` is assumed for work that crosses merchants; it
is granted without inheritance, because an inherited role's policies would apply to every statement of the
application.
"""

import psycopg
from psycopg import sql

from billingos.embedded.postgres import Cluster

OWNER = "billingos"
APP = "billingos_app"
PLATFORM = "billingos_platform"


def ensure_roles(cluster: Cluster) -> None:
    """Create what is missing and set the passwords that the state folder holds. Safe to repeat."""
    with cluster.connect() as connection:
        _create(connection, OWNER, "LOGIN CREATEDB CREATEROLE NOBYPASSRLS")
        # As the owner, which thereby may administer both, just as when a migration has created them.
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(OWNER)))
        _create(connection, APP, "LOGIN")
        _create(connection, PLATFORM, "NOLOGIN")
        _grant_by_set_role_only(connection, PLATFORM, to=APP)
        _grant_by_set_role_only(connection, APP, to=OWNER)  # as the first migration does
        connection.execute("RESET ROLE")
        for role in (OWNER, APP):
            _set_password(connection, role, cluster.state.secret(role))


def owner_url(cluster: Cluster, database: str) -> str:
    return cluster.url(OWNER, cluster.state.secret(OWNER), database)


def app_url(cluster: Cluster, database: str) -> str:
    return cluster.url(APP, cluster.state.secret(APP), database)


def _create(connection: psycopg.Connection, role: str, attributes: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    if found is None:
        connection.execute(f"CREATE ROLE {role} {attributes}".encode())


def _grant_by_set_role_only(connection: psycopg.Connection, role: str, *, to: str) -> None:
    statement = sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE")
    connection.execute(statement.format(sql.Identifier(role), sql.Identifier(to)))


def _set_password(connection: psycopg.Connection, role: str, password: str) -> None:
    """Hashed here, so that the password itself can't end up in the server's log."""
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed)))
