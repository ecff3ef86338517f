"""A clone equals what it was cloned from, stands alone, and a changed migration makes another template."""

import os
import subprocess
from pathlib import Path

import pytest

from billingos.embedded import template
from billingos.embedded.fingerprint import migrations_fingerprint
from billingos.embedded.ports import LOOPBACK
from billingos.embedded.postgres import Cluster
from billingos.embedded.pytest_plugin import PREFIX, TEMPLATE, run_cluster
from billingos.embedded.roles import OWNER


@pytest.fixture
def cluster() -> Cluster:
    return run_cluster()


@pytest.fixture
def name(cluster: Cluster) -> str:
    name = f"{PREFIX}clone_{os.getpid()}"
    template.drop_database(cluster, name)
    return name


def test_a_clone_holds_every_migration_and_stands_alone(cluster: Cluster, name: str) -> None:
    template.clone_database(cluster, os.environ[TEMPLATE], name)
    with cluster.connect(name) as connection:
        assert connection.execute("SELECT count(*) > 30 FROM django_migrations").fetchone() == (True,)
        connection.execute("DELETE FROM django_migrations")
    template.clone_database(cluster, os.environ[TEMPLATE], name)
    with cluster.connect(name) as connection:
        assert connection.execute("SELECT count(*) > 30 FROM django_migrations").fetchone() == (True,)
    template.drop_database(cluster, name)
    assert not template.database_exists(cluster, name)


def test_a_database_filled_from_the_dump_equals_the_migrated_one(cluster: Cluster, name: str) -> None:
    """Also in owners, grants, default privileges and row-level policies."""
    dump = template.cache_folder() / f"schema-{migrations_fingerprint()}.sql"
    if not dump.exists():
        template.keep_dump(cluster, os.environ[TEMPLATE], dump)
    template.create_database(cluster, name)
    assert template.restore(cluster, name, dump)
    assert schema(cluster, name) == schema(cluster, os.environ[TEMPLATE])
    template.drop_database(cluster, name)


def schema(cluster: Cluster, database: str) -> list[str]:
    command = [str(cluster.programs.folder / "bin" / "pg_dump"), "--schema-only", "--host", LOOPBACK]
    command += ["--port", str(cluster.port), "--username", "postgres", "--dbname", database]
    done = subprocess.run(  # noqa: S603 - our own program
        command, env={"PGPASSWORD": cluster.password}, capture_output=True, text=True, check=True
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("--", "\\restrict", "\\unrestrict"))]
    assert any(f"OWNER TO {OWNER}" in line for line in lines)
    return sorted(without_spelling(line) for line in lines)


def without_spelling(line: str) -> str:
    """PostgreSQL spells a list of constants with other brackets once it has read its own spelling."""
    return line.replace("::text[]", "").replace("::text", "").replace("(", "").replace(")", "")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop" / "migrations").mkdir(parents=True)
    (tmp_path / "shop" / "migrations" / "0001_initial.py").write_text("from shop.policies import SQL\n")
    (tmp_path / "shop" / "policies.py").write_text("SQL = 'a'\n")
    (tmp_path / "shop" / "models.py").write_text("")
    (tmp_path / "billingos").mkdir()
    (tmp_path / "billingos" / "settings.py").write_text("INSTALLED_APPS = ['shop']\nDEBUG = True\n")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("shop/migrations/0001_initial.py", "from shop.policies import SQL, more\n"),
        ("shop/migrations/0002_more.py", ""),
        ("shop/policies.py", "SQL = 'b'\n"),
        ("billingos/settings.py", "INSTALLED_APPS = ['shop', 'stock']\nDEBUG = True\n"),
    ],
)
def test_whatever_shapes_the_tables_moves_the_fingerprint(project: Path, path: str, text: str) -> None:
    before = migrations_fingerprint(project)
    (project / path).write_text(text)
    assert migrations_fingerprint(project) != before


def test_other_code_leaves_the_fingerprint(project: Path) -> None:
    before = migrations_fingerprint(project)
    (project / "shop" / "models.py").write_text("A = 1\n")
    (project / "billingos" / "settings.py").write_text("INSTALLED_APPS = ['shop']\nDEBUG = False\n")
    assert migrations_fingerprint(project) == before
