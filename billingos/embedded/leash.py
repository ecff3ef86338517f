"""Run a command that ends when its parent does, even if the parent is killed without warning (Linux only).

Used as a program of its own, `python leash.py command …`: setting this between fork and exec of a process
with threads would risk a deadlock. Elsewhere than on Linux the command runs unleashed and the next start ends
what was left over.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to_parent() -> None:
    """SIGTERM, not SIGKILL: granian and celery then end their own workers."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(os.environ.get("BILLINGOS_SUPERVISOR", os.getppid())):
        sys.exit("the supervisor has gone already")


if __name__ == "__main__":
    tie_to_parent()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - replacing this process is the point
