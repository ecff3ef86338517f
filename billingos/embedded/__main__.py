"""`python -m billingos.embedded run | reset`: what `make run` and `make reset` call."""

import argparse
import contextlib
import os
import shutil
import signal
import sys
from types import FrameType

from billingos.embedded.console import Console
from billingos.embedded.errors import StartError, explain_os_error
from billingos.embedded.postgres import remove_cluster
from billingos.embedded.stack import Stack
from billingos.embedded.state import StateFolder, default_folder
from billingos.embedded.supervisor import STOP_SIGNALS, end_leftovers


class Interrupted(BaseException):
    """A stop signal before the supervisor took over the signals."""


def main() -> int:
    command = _arguments().command
    state = StateFolder(default_folder())
    try:
        return run(state) if command == "run" else reset(state)
    except StartError as error:
        complaint = str(error)
    except OSError as error:
        complaint = str(explain_os_error(error, doing="starting"))
    intro = "BillingOS did not start. " if command == "run" else ""
    print(f"\n{intro}{complaint}", file=sys.stderr)
    return 1


def run(state: StateFolder) -> int:
    """Everything, until Ctrl-C."""
    os.umask(0o077)
    for number in STOP_SIGNALS:
        signal.signal(number, _interrupt)
    state.prepare()
    lock = state.lock()
    stack = Stack(state, Console())
    with lock, contextlib.suppress(Interrupted):
        try:
            stack.prepare()
            stack.run()
        finally:
            stack.stop()
    return 0


def reset(state: StateFolder) -> int:
    """Delete the state folder and its database, after making sure that nothing runs from them."""
    if not state.path.exists():
        return 0
    folders = [StateFolder(path) for path in (state.path / "test", state.path) if path.exists()]
    with contextlib.ExitStack() as locks:
        for folder in folders:
            locks.enter_context(folder.lock())
        for folder in folders:
            end_leftovers(folder)
            remove_cluster(folder)
        shutil.rmtree(state.path)
    print(f"Removed {state.path} and its database.")
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m billingos.embedded", description=__doc__)
    parser.add_argument("command", choices=["run", "reset"])
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
