"""What a migrated database depends on, as one short hash: equal hash, equal tables.

It covers the migration files of this project, the project modules that they import, the settings that shape
migrations, and the versions of all installed packages (theirs are part of the database too).
"""

import ast
import hashlib
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from billingos.embedded.state import BASE_DIR

SHAPING_SETTINGS = {
    "INSTALLED_APPS",
    "AUTH_USER_MODEL",
    "DEFAULT_AUTO_FIELD",
    "DJSTRIPE_FOREIGN_KEY_TO_FIELD",
    "DJSTRIPE_USE_NATIVE_JSONFIELD",
}


def migrations_fingerprint(base: Path = BASE_DIR) -> str:
    digest = hashlib.sha256()
    files = sorted(migration_files(base))
    for path in [*files, *sorted(_imported_modules(base, files))]:
        digest.update(str(path.relative_to(base)).encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update("\n".join(_shaping_settings(base / "billingos" / "settings.py")).encode())
    digest.update("\n".join(_package_versions()).encode())
    return digest.hexdigest()[:12]


def migration_files(base: Path) -> Iterator[Path]:
    """Migrations of the project's applications, which lie at the top or one folder below."""
    for pattern in ("*/migrations/*.py", "*/*/migrations/*.py"):
        yield from (path for path in base.glob(pattern) if not path.relative_to(base).parts[0].startswith("."))


def _imported_modules(base: Path, files: list[Path]) -> set[Path]:
    """Project modules that the migrations import, such as the SQL of the row-level policies."""
    names = {name for path in files for name in _imported_names(path)}
    candidates = {base / Path(*name.split(".")).with_suffix(".py") for name in names}
    return {path for path in candidates if path.is_file()} - set(files)


def _imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*")


def _shaping_settings(settings: Path) -> Iterator[str]:
    for node in ast.parse(settings.read_bytes()).body:
        if isinstance(node, ast.Assign) and any(ast.unparse(target) in SHAPING_SETTINGS for target in node.targets):
            yield ast.unparse(node)


def _package_versions() -> list[str]:
    return sorted({f"{found.metadata['Name']}=={found.version}".lower() for found in distributions()})
