"""A threaded HTTP server around the application."""

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from waitress.server import create_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 8


class Server:
    """Serves in the background from the moment it is made until it is closed."""

    def __init__(
        self, app: "WSGIApplication", host: str, port: int, on_close: Callable[[], None] | None = None
    ) -> None:
        # Own socket map: several servers can live in one process.
        self._server: Any = create_server(
            app,
            host=host,
            port=port,
            threads=THREADS,
            map={},
            ident="stripe-simulator",
            asyncore_use_poll=True,
        )
        self._on_close = on_close
        self.host, self.port = host, int(vars(self._server)["effective_port"])
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base address for a client of the ``stripe`` library."""
        return f"http://{self.host}:{self.port}"

    def close(self) -> None:
        """Let running requests end, then stop answering."""
        self._server.task_dispatcher.shutdown(timeout=1)
        # Sockets are closed by the thread that polls them; if it has ended, they are closed already.
        with contextlib.suppress(OSError):
            self._server.trigger.pull_trigger(self._close_sockets)
        self._thread.join(timeout=1)
        if self._on_close is not None:
            self._on_close()

    def _close_sockets(self) -> None:
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        self._server.close()

    def __enter__(self) -> "Server":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
