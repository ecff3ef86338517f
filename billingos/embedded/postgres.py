"""One PostgreSQL cluster of our own: made once, started, adopted, cleaned up after a crash, stopped.

The server runs outside the supervisor's process tree (pg_ctl detaches it): it must outlive every client and
be the last to stop. It listens on the loopback alone and on no socket file, since the path of a deep checkout
exceeds the limit.
"""

import os
import shutil
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import psycopg

from billingos.embedded.accounts import running_as_root, server_account
from billingos.embedded.errors import StartError, explain_os_error
from billingos.embedded.ports import LOOPBACK, remembered_port
from billingos.embedded.programs import SYSTEM_HOME, PostgresPrograms
from billingos.embedded.state import StateFolder, write_private

SUPERUSER = "postgres"
COMMON_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "jit": "off",  # short queries: compiling costs more than it saves
}
# A test cluster may lose everything at a power cut: it is made again in a minute.
THROW_AWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
LOG_LIMIT_BYTES = 10_000_000


class Cluster:
    """The PostgreSQL of one state folder. `durable=False` gives up crash safety for speed (tests)."""

    name = "postgres"

    def __init__(self, state: StateFolder, *, durable: bool = True) -> None:
        self.state = state
        self.durable = durable
        self.home = server_home(state)
        self.data = self.home / "data"
        self.log = self.home / "postgres.log"
        self._port: int | None = None

    @cached_property
    def programs(self) -> PostgresPrograms:
        return PostgresPrograms.for_account(server_account())

    # --- Life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the server, or adopt the one that an ended supervisor left running."""
        if not (self.data / "PG_VERSION").exists() or not self._belongs_to_state():
            self._create()
        if self.postmaster() is None:
            self._clear_after_crash()
            self._launch(remembered_port(self.state, self.name))
        self._port = self._recorded_port()

    def stop(self, timeout_seconds: float = 10) -> None:
        """Disconnect the clients and shut down; past the timeout without a checkpoint, losing nothing."""
        if self.postmaster() is None:
            return
        timeout = max(1, int(timeout_seconds))
        done = self._pg_ctl("stop", "-m", "fast", "-t", str(timeout))
        if done.returncode:
            self._pg_ctl("stop", "-m", "immediate", "-t", "5")

    def is_running(self) -> bool:
        return self.postmaster() is not None

    @property
    def pid(self) -> int | None:
        process = self.postmaster()
        return process.pid if process else None

    def postmaster(self) -> psutil.Process | None:
        """The running server, found through its own pid file, whoever started it.

        A pid alone proves nothing after a reboot or in a new container: the process must also stand in our
        data folder.
        """
        try:
            pid = int(self._pid_file_lines()[0])
            process = psutil.Process(pid)
            alive = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == self.data.resolve()
        except (OSError, ValueError, IndexError, psutil.Error):
            return None
        return process if alive else None

    # --- Connecting -----------------------------------------------------------------------------------------

    @property
    def password(self) -> str:
        return self.state.secret("postgres")

    @property
    def port(self) -> int:
        """Kept once known: while the server is being restarted, its pid file tells nothing."""
        return self._port or self._recorded_port()

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A superuser's connection, for roles and databases; nothing of the application ever uses it."""
        return psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=SUPERUSER,
            password=self.password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def url(self, role: str, password: str, database: str) -> str:
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self.port}/{database}"

    # --- Making ---------------------------------------------------------------------------------------------

    def _create(self) -> None:
        """initdb into a folder beside and rename: a cluster is whole or absent."""
        try:
            self._set_aside_orphan()
            part = self.home / "data.part"
            shutil.rmtree(part, ignore_errors=True)
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._give_to_account(self.home)
            password_file = self.home / "password.part"
            write_private(password_file, self.password)
            self._give_to_account(password_file)
            self._initdb(part, password_file)
            password_file.unlink()
            part.rename(self.data)
            write_private(self.home / "state-id", self.state.secret("id"))
            write_private(self.home / "state-folder", f"{self.state.path}\n")  # for whoever finds this folder
        except OSError as error:
            raise explain_os_error(error, doing=f"creating the database cluster in {self.home}") from error

    def _initdb(self, folder: Path, password_file: Path) -> None:
        arguments = ["--pgdata", str(folder), "--username", SUPERUSER, "--pwfile", str(password_file)]
        arguments += ["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-instructions"]
        arguments += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        done = self.programs.run("initdb", *arguments, *([] if self.durable else ["--no-sync"]))
        if done.returncode:
            raise self._failure("could not create its data folder", done.stderr or done.stdout)

    def _give_to_account(self, path: Path) -> None:
        """Parents are left as they are: whoever made them decided who may enter."""
        if self.programs.account:
            os.chown(path, self.programs.account.uid, self.programs.account.gid, follow_symlinks=False)

    def _belongs_to_state(self) -> bool:
        """Root keeps data apart from the state folder; a removed state folder took the passwords with it."""
        try:
            return (self.home / "state-id").read_text(encoding="utf-8") == self.state.secret("id")
        except FileNotFoundError:
            return False

    def _set_aside_orphan(self) -> None:
        """Keep a durable cluster whose state folder was deleted by hand: nobody asked to lose its data."""
        if not self.data.exists():
            return
        self.stop()
        if self.durable:
            self.home.rename(self.home.with_name(f"{self.home.name}.orphan-{int(time.time())}"))
        else:
            shutil.rmtree(self.home)

    # --- Starting -------------------------------------------------------------------------------------------

    def _launch(self, port: int) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        offset = self.log.stat().st_size if self.log.exists() else 0
        settings = {**COMMON_SETTINGS, "port": str(port), **({} if self.durable else THROW_AWAY_SETTINGS)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        done = self._pg_ctl("start", "-w", "-t", "60", "-l", str(self.log), "-o", options)
        if done.returncode:
            raise self._failure("did not start", self._log_since(offset) or done.stderr)

    def _clear_after_crash(self) -> None:
        """After kill -9 of the postmaster: end its orphans, which hold the shared memory, drop its pid file.

        PostgreSQL refuses a pid file whose pid is alive, even when a reboot gave that pid to a stranger of
        the same user.
        """
        orphans = list(self._processes_in_data_folder())
        for process in orphans:
            process.kill()
        psutil.wait_procs(orphans, timeout=5)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _processes_in_data_folder(self) -> Iterator[psutil.Process]:
        data = self.data.resolve()
        for process in psutil.process_iter():
            try:
                ours = process.name().startswith("postgres") and Path(process.cwd()) == data
            except (psutil.Error, OSError):
                continue
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                yield process

    def _pg_ctl(self, *arguments: str) -> Any:
        return self.programs.run("pg_ctl", "--pgdata", str(self.data), *arguments)

    def _pid_file_lines(self) -> list[str]:
        return (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()

    def _recorded_port(self) -> int:
        return int(self._pid_file_lines()[3])

    def _log_since(self, offset: int) -> str:
        try:
            with self.log.open(encoding="utf-8", errors="replace") as file:
                file.seek(offset)
                return file.read()
        except OSError:
            return ""

    def _failure(self, what: str, output: str) -> StartError:
        if "No space left on device" in output:
            return StartError(
                f"The disk is full: PostgreSQL {what} in {self.home}. Free some space, then start again; "
                "nothing that was stored is lost."
            )
        lines = [line for line in output.splitlines() if "FATAL" in line or "PANIC" in line or "error" in line.lower()]
        reason = (lines or output.strip().splitlines() or ["no reason given"])[-1].strip()
        log = f" Its whole log is {self.log}." if self.log.exists() else ""
        return StartError(f"PostgreSQL {what}: {reason}.{log} See docs/operations.md, “Troubleshooting”.")


def server_home(state: StateFolder) -> Path:
    """Inside the state folder; for root where the server account can reach it without opening parents."""
    return SYSTEM_HOME / state.fingerprint if running_as_root() else state.file("postgres")


def remove_cluster(state: StateFolder) -> None:
    """Stop a cluster, whoever left it running, and delete its data."""
    cluster = Cluster(state)
    cluster.stop()
    shutil.rmtree(cluster.home, ignore_errors=True)
