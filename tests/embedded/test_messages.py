"""What a person reads when something is in the way: one paragraph that says what to do, and no traceback."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from billingos.embedded.errors import StartError
from billingos.embedded.postgres import Cluster, remove_cluster
from billingos.embedded.pytest_plugin import outside_environment
from billingos.embedded.state import BASE_DIR, StateFolder


def start(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "billingos.embedded", "run"],
        cwd=BASE_DIR,
        env={**outside_environment(), "BILLINGOS_STATE_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_is_one_paragraph(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    for part in ("BillingOS did not start", *parts):
        assert part in done.stderr


def test_a_taken_port_names_the_process_and_another_port(state: StateFolder) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = start(state.path, PORT=str(port))
    assert_is_one_paragraph(done, f"Port {port} is taken", f"process {os.getpid()}", f"PORT={port + 1} make run")


@pytest.mark.parametrize("port", ["eight", "0", "70000"])
def test_a_port_that_is_none(state: StateFolder, port: str) -> None:
    assert_is_one_paragraph(start(state.path, PORT=port), f"PORT={port}", "PORT=8001 make run")


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_is_one_paragraph(start(tmp_path / "file"), str(tmp_path / "file"))


def test_a_state_folder_of_somebody_else(state: StateFolder) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere: see test_ordinary_user.py")
    state.path.chmod(0o500)
    try:
        assert_is_one_paragraph(start(state.path), "No permission", str(state.path), "BILLINGOS_STATE_DIR")
    finally:
        state.path.chmod(0o700)


def test_an_owner_url_without_an_application_url(state: StateFolder) -> None:
    done = start(state.path, DATABASE_OWNER_URL="postgresql://owner@127.0.0.1/billingos")
    assert_is_one_paragraph(done, "DATABASE_OWNER_URL", "DATABASE_URL is not")


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """20 MB, less than a cluster takes; where the server account may go, unlike pytest's own folder."""
    disk = Path(tempfile.mkdtemp())
    disk.chmod(0o755)
    mount = shutil.which("mount", path="/usr/bin:/bin")
    command = [str(mount), "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:  # noqa: S603 - our own
        disk.rmdir()
        pytest.skip("only root can mount a small disk")
    disk.chmod(0o755)
    yield disk
    subprocess.run([str(shutil.which("umount")), "--lazy", str(disk)], check=True)  # noqa: S603 - our own
    disk.rmdir()


def test_a_full_disk_is_noticed_before_anything_starts(small_disk: Path) -> None:
    assert_is_one_paragraph(start(small_disk / "state"), "The disk is full", "BILLINGOS_STATE_DIR")


def test_a_disk_that_fills_while_the_cluster_is_made(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateFolder(small_disk / "state")
    state.prepare()
    monkeypatch.setattr("billingos.embedded.postgres.SYSTEM_HOME", small_disk)
    with pytest.raises(StartError, match="The disk is full"):
        Cluster(state).start()
    remove_cluster(state)


def test_programs_that_can_not_be_run(state: StateFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "postgresql"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "initdb").write_bytes(b"\x7fELF of another machine")
    (folder / "bin" / "initdb").chmod(0o755)
    monkeypatch.setattr("billingos.embedded.programs.bundled_postgres", lambda: folder)
    monkeypatch.setattr("billingos.embedded.programs.readable_copy", lambda source: source)
    with pytest.raises(StartError, match="can't be run here .* DATABASE_URL"):
        Cluster(state).start()
