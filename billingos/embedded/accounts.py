"""The system account that PostgreSQL runs as: it refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int


def running_as_root() -> bool:
    return os.geteuid() == 0


def server_account() -> Account | None:
    """Who runs PostgreSQL: this user (None), or, for root, an account that owns nothing else.

    `nobody` comes last: other programs may share it, and could then read the data.
    """
    if not running_as_root():
        return None
    account = _find("billingos") or _find("postgres") or _create("billingos") or _find("nobody")
    if account is None:
        raise LookupError("no system account for PostgreSQL: create one with `useradd --system billingos`")
    return account


def _find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid) if entry.pw_uid else None


def _create(name: str) -> Account | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    subprocess.run(  # noqa: S603 - a fixed command, no shell
        [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name],
        capture_output=True,
        check=False,
    )
    return _find(name)
