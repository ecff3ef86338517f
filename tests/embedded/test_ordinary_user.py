"""Started by root: the same programs as an ordinary user, who keeps everything in the state folder."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from billingos.embedded.state import BASE_DIR
from tests.embedded.test_supervisor import COMMAND, StubStack

pytestmark = pytest.mark.stack
NOBODY = 65534


@pytest.fixture
def as_nobody() -> list[str]:
    """The words before a command that run it as `nobody`."""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("needs root and setpriv; an ordinary user's own run covers the same ground")
    words = [setpriv, "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    probe = [*words, sys.executable, "-c", "import billingos.embedded.stack"]
    if subprocess.run(probe, cwd="/", env={"PYTHONPATH": str(BASE_DIR)}, check=False).returncode:  # noqa: S603 - our own
        pytest.skip(f"`nobody` can't read {BASE_DIR} or run {sys.executable}: one of them is private to root")
    return words


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    """Not pytest's, which only root may enter."""
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_an_ordinary_user_keeps_all_in_the_state_folder(as_nobody: list[str], folder_of_nobody: Path) -> None:
    with StubStack(folder_of_nobody / "state", command=[*as_nobody, *COMMAND]) as stack:
        stack.start(30)
        postgres = psutil.Process(stack.processes()["postgres"])
        assert postgres.uids().real == NOBODY
        assert Path(postgres.cwd()) == stack.state.path / "postgres" / "data"
        assert stack.state.path.stat().st_mode & 0o077 == 0
        stack.kill("postgres")
        stack.wait_until(lambda: "postgres  | runs again" in stack.output())
        assert stack.stop() < 5
        assert stack.members() == []


def test_a_state_folder_of_somebody_else_is_named(as_nobody: list[str], folder_of_nobody: Path) -> None:
    os.chown(folder_of_nobody, 0, 0)
    command = [*as_nobody, sys.executable, "-m", "billingos.embedded", "run"]
    stack = StubStack(folder_of_nobody / "state", command=command)
    stack.log = Path(tempfile.mkdtemp()) / "log"
    stack.spawn()
    assert stack.supervisor.wait(20) == 1
    assert "No permission for using the state folder" in stack.output()
    assert "BILLINGOS_STATE_DIR" in stack.output()
    assert "Traceback" not in stack.output()
    shutil.rmtree(stack.log.parent)
