"""TCP ports on the loopback: free ones, remembered ones, and who sits on a taken one."""

import socket

import psutil

from billingos.embedded.errors import StartError
from billingos.embedded.state import StateFolder

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen there. SO_REUSEADDR, as a connection of the last run may still linger."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def answers(port: int, timeout_seconds: float = 0.5) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def remembered_port(state: StateFolder, name: str) -> int:
    """The port that `name` had at the last start, so that open shells keep working, if it is free."""
    port = int(state.recall("ports", name, free_port))
    if not is_free(port):
        port = free_port()
        state.note("ports", name, port)
    return port


def listener(port: int) -> str:
    """Who listens there, as far as this user may know: `" (nginx, process 812)"`, or nothing."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
            if listens and connection.pid:
                return f" ({psutil.Process(connection.pid).name()}, process {connection.pid})"
    except (psutil.Error, OSError):
        return ""
    return ""


def require_free(port: int) -> None:
    """Stop before anything is started when the web port is taken."""
    if not 0 < port < 65536:
        raise StartError(f"PORT={port} is no port: choose a number from 1 to 65535, for example PORT=8001 make run.")
    if not is_free(port):
        raise StartError(
            f"Port {port} is taken by another program{listener(port)}. Stop that program, or choose another "
            f"port: PORT={port + 1} make run."
        )
