"""Migrated databases without waiting: migrate once, keep the result, copy it.

Migrating from nothing takes 40 s of CPU, nearly all of it dj-stripe's history. So the outcome is kept twice,
both times under the fingerprint of the migrations: as a template database inside a test cluster (a copy takes
0.2 s), and as a dump in the checkout's cache, from which another cluster is filled in two seconds. The dump
is never committed.
"""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from psycopg import sql

from billingos.embedded.errors import StartError
from billingos.embedded.fingerprint import migrations_fingerprint
from billingos.embedded.ports import LOOPBACK
from billingos.embedded.postgres import SUPERUSER, Cluster
from billingos.embedded.roles import OWNER, app_url, owner_url
from billingos.embedded.state import BASE_DIR, write_private

Report = Callable[[str], None]
TEMPLATE_PREFIX = "billingos_template_"
PROGRESS_EVERY = 20  # migrations


def cache_folder() -> Path:
    """Beside the checkout whatever the state folder, so that a second stack finds it too."""
    return BASE_DIR / ".billingos" / "cache"


# --- Databases of a cluster ---------------------------------------------------------------------------------


def database_exists(cluster: Cluster, name: str) -> bool:
    with cluster.connect() as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def drop_database(cluster: Cluster, name: str) -> None:
    with cluster.connect() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def clone_database(cluster: Cluster, template: str, name: str) -> None:
    """Replace `name` by a copy of `template`."""
    drop_database(cluster, name)
    create_database(cluster, name, template)


def create_database(cluster: Cluster, name: str, template: str = "template1") -> None:
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY {}")
    # Copying files needs a checkpoint, which costs nothing where nothing is synced; the log is kinder to a
    # durable cluster.
    strategy = "wal_log" if cluster.durable else "file_copy"
    with cluster.connect() as connection:
        connection.execute(
            statement.format(*(sql.Identifier(part) for part in (name, OWNER, template)), sql.Identifier(strategy))
        )


def _rename(cluster: Cluster, name: str, final: str) -> None:
    with cluster.connect() as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(final))
        )


# --- A migrated database ------------------------------------------------------------------------------------


def ensure_template(cluster: Cluster, environment: dict[str, str], report: Report) -> str:
    """The name of the template for the migrations as they are now; older ones are dropped."""
    name = TEMPLATE_PREFIX + migrations_fingerprint()
    if not database_exists(cluster, name):
        _fill_new(cluster, name, environment, report)
    with cluster.connect() as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s) AND datname <> %s",
            [TEMPLATE_PREFIX, name],
        ).fetchall()
    for (old,) in found:
        drop_database(cluster, old)
    return name


def ensure_migrated(cluster: Cluster, name: str, environment: dict[str, str], report: Report) -> None:
    """Make the database or bring it up to date; its comment tells which migrations it has."""
    fingerprint = migrations_fingerprint()
    if not database_exists(cluster, name):
        _fill_new(cluster, name, environment, report)
    elif _migrated_to(cluster, name) != fingerprint:
        report("the migrations have changed: updating the database")
        migrate(cluster, name, environment, report)
    else:
        return
    with cluster.connect() as connection:
        connection.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(fingerprint))
        )


def _migrated_to(cluster: Cluster, name: str) -> str | None:
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    with cluster.connect() as connection:
        row = connection.execute(query, [name]).fetchone()
    return row[0] if row else None


def _fill_new(cluster: Cluster, name: str, environment: dict[str, str], report: Report) -> None:
    """Fill a database under a working name and rename it: one that is found under its name is complete."""
    part = f"{name}_part"
    dump = cache_folder() / f"schema-{migrations_fingerprint()}.sql"
    drop_database(cluster, part)
    create_database(cluster, part)
    if not (dump.is_file() and restore(cluster, part, dump)):
        drop_database(cluster, part)
        create_database(cluster, part)
        report("migrating an empty database: about 40 seconds, once")
        migrate(cluster, part, environment, report)
        keep_dump(cluster, part, dump)
    _rename(cluster, part, name)


# --- The dump -----------------------------------------------------------------------------------------------


def restore(cluster: Cluster, name: str, dump: Path) -> bool:
    """A dump that does not apply is worth nothing: the caller migrates instead."""
    try:
        script = dump.read_text(encoding="utf-8")
    except OSError:
        return False
    done = subprocess.run(  # noqa: S603 - our own program, no shell
        [
            str(cluster.programs.folder / "bin" / "psql"),
            *_target(cluster, name),
            "-qXtA1",
            "-v",
            "ON_ERROR_STOP=1",
        ],
        input=script,
        env={"PGPASSWORD": cluster.password, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0


def keep_dump(cluster: Cluster, name: str, dump: Path) -> None:
    """As the superuser, whom row-level security does not bind. Failing only costs time later."""
    done = cluster.programs.run("pg_dump", *_target(cluster, name), password=cluster.password)
    if done.returncode:
        return
    try:
        dump.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in dump.parent.glob("schema-*.sql"):
            old.unlink()
        write_private(dump, done.stdout)
    except OSError:
        return


def _target(cluster: Cluster, name: str) -> list[str]:
    return ["--host", LOOPBACK, "--port", str(cluster.port), "--username", SUPERUSER, "--dbname", name]


# --- Migrating ----------------------------------------------------------------------------------------------


def migrate(cluster: Cluster, name: str, environment: dict[str, str], report: Report) -> None:
    urls = {"DATABASE_URL": app_url(cluster, name), "DATABASE_OWNER_URL": owner_url(cluster, name)}
    run_migrate({**environment, **urls}, report)


def run_migrate(environment: dict[str, str], report: Report) -> None:
    """`manage.py migrate --database owner`, telling how far it is."""
    process = subprocess.Popen(  # noqa: S603 - our own program, no shell
        [sys.executable, "manage.py", "migrate", "--database", "owner", "--no-input", "--skip-checks"],
        cwd=BASE_DIR,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
    reader.start()
    try:
        _report_progress(process, report)
    except BaseException:  # Ctrl-C: what is half done is done again from the start
        process.kill()
        raise
    reader.join()
    if process.wait():
        for line in errors[-30:]:
            report(line.rstrip())
        reason = errors[-1].strip() if errors else "no reason given"
        raise StartError(f"Migrating the database failed: {reason} (above is the end of what it said).")


def _report_progress(process: subprocess.Popen[str], report: Report) -> None:
    applied = 0
    for line in process.stdout or ():
        if line.startswith("  Applying "):
            applied += 1
            if applied % PROGRESS_EVERY == 0:
                report(f"{applied} migrations applied ({line.split()[1].rstrip('.')})")
