"""The state folder: secrets, ports, logs, and the lock that keeps two starts apart.

Everything in it is private to its owner (folders 0700, files 0600), because passwords lie in it.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from billingos.embedded.errors import StartError, explain_os_error

BASE_DIR = Path(__file__).resolve().parent.parent.parent


def default_folder() -> Path:
    """The same folder as in settings.py: BILLINGOS_STATE_DIR, or `.billingos` beside manage.py."""
    return Path(os.environ.get("BILLINGOS_STATE_DIR") or BASE_DIR / ".billingos").absolute()


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone from its first byte on."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none, or none that can be read as one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class StateFolder:
    """A folder that outlives the processes: what one start leaves for the next."""

    path: Path

    @property
    def fingerprint(self) -> str:
        """A short name for this folder, for what must live elsewhere."""
        return hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:12]

    def file(self, name: str) -> Path:
        return self.path / name

    def prepare(self) -> None:
        """Create the folder and prove that it can be written."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.listdir(self.path)
            write_private(self.file("writable"), "yes\n")
            self.file("writable").unlink()
        except OSError as error:
            raise explain_os_error(error, doing=f"using the state folder {self.path}") from error

    def require_space(self, megabytes: int) -> None:
        """Refuse to start on a disk so full that PostgreSQL would stop in the middle of its work."""
        free = shutil.disk_usage(self.path).free // 1_000_000
        if free < megabytes:
            raise StartError(
                f"The disk is full: {free} MB are free where {self.path} lies and {megabytes} MB are needed. "
                "Free some space, or choose another disk with BILLINGOS_STATE_DIR=/some/folder."
            )

    def recall(self, notebook: str, name: str, make: Callable[[], Any]) -> Any:
        """What `notebook` (a JSON file) says under `name`; made and written down the first time."""
        path = self.file(f"{notebook}.json")
        notes = read_json(path)
        if name not in notes:
            notes[name] = make()
            write_private(path, json.dumps(notes, indent=1))
        return notes[name]

    def note(self, notebook: str, name: str, value: object) -> None:
        path = self.file(f"{notebook}.json")
        write_private(path, json.dumps({**read_json(path), name: value}, indent=1))

    def secret(self, name: str, prefix: str = "") -> str:
        """A random secret that stays the same for the life of the folder; URL-safe without quoting."""
        return str(self.recall("secrets", name, lambda: prefix + secrets.token_hex(24)))

    def lock(self, on_wait: Callable[[str], None] | None = None) -> IO[str]:
        """Hold the folder for this process until the returned file is closed or the process ends.

        With `on_wait` the call says who holds it and waits; without, a held folder is a `StartError`.
        """
        file = self.file("lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = f"process {self.file('lock').read_text(encoding='utf-8').strip() or 'unknown'}"
            if on_wait is None:
                file.close()
                raise StartError(
                    f"BillingOS is running from {self.path} already ({holder}). Stop it with Ctrl-C where it "
                    "runs, or start a second one with a state folder and a port of its own: "
                    "BILLINGOS_STATE_DIR=/some/folder PORT=8001 make run."
                ) from error
            on_wait(holder)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file
