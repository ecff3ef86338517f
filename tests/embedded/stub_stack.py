"""The supervisor with both servers and two stand-ins for web and worker, for test_supervisor.py.

The stand-in for web answers /healthz and has a worker process that shares its port, as granian does.
"""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

from billingos.embedded.child import Program
from billingos.embedded.console import Console
from billingos.embedded.environment import child_environment, given_environment
from billingos.embedded.postgres import Cluster
from billingos.embedded.roles import ensure_roles
from billingos.embedded.state import StateFolder, default_folder
from billingos.embedded.supervisor import Supervisor, end_leftovers
from billingos.embedded.valkey import Valkey


class Healthz(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def serve() -> None:
    server = HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Healthz)
    worker = os.fork()
    if worker:
        signal.signal(signal.SIGTERM, lambda number, frame: end_with(worker))
    server.serve_forever()


def end_with(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)
    os._exit(0)


def work() -> None:
    """With STUBBORN set, like a worker in the middle of a long task."""
    if os.environ.get("STUBBORN"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1)


def supervise() -> None:
    state = StateFolder(default_folder())
    state.prepare()
    with state.lock():
        end_leftovers(state)
        supervisor = Supervisor(state, Console())
        cluster = Cluster(state)
        for server in (cluster, Valkey(state)):
            supervisor.watch(server)
            server.start()
        ensure_roles(cluster)
        environment = child_environment(state, given_environment(), {})
        for name, role in (("web", "serve"), ("worker", "work")):
            supervisor.add(Program(name, [sys.executable, "-m", "tests.embedded.stub_stack", role], environment))
        supervisor.run(lambda: None)
        supervisor.stop()


if __name__ == "__main__":
    {"serve": serve, "work": work, "supervise": supervise}[sys.argv[1]]()
