"""What `make run` shows: labelled lines, coloured on a terminal, and a framed summary."""

import sys
import threading
from collections.abc import Iterable
from typing import IO

COLOURS = {
    "billingos": "1;37",
    "postgres": "34",
    "valkey": "31",
    "web": "32",
    "worker": "33",
    "sweeper": "93",
    "beat": "35",
    "simulator": "36",
    "seed": "96",
}
WIDTH = 9


class Console:
    """Lines of many processes on one stream, whole and in order of arrival."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._lock = threading.Lock()
        self._coloured = self._stream.isatty()

    def line(self, label: str, text: str) -> None:
        self._write(f"{self._label(label)} | {text}\n")

    def say(self, text: str) -> None:
        """A line of the supervisor itself."""
        self.line("billingos", text)

    def frame(self, lines: Iterable[str]) -> None:
        rows = list(lines)
        width = max(len(row) for row in rows) + 2
        body = "".join(f"│ {row.ljust(width - 1)}│\n" for row in rows)
        self._write(f"\n┌{'─' * width}┐\n{body}└{'─' * width}┘\n\n")

    def _label(self, label: str) -> str:
        padded = label.ljust(WIDTH)
        return f"\x1b[{COLOURS.get(label, '37')}m{padded}\x1b[0m" if self._coloured else padded

    def _write(self, text: str) -> None:
        with self._lock:
            try:
                self._stream.write(text)
                self._stream.flush()
            except UnicodeEncodeError:  # a terminal without UTF-8
                self._stream.write(text.encode("ascii", "replace").decode())
            except (OSError, ValueError):
                return  # the terminal was closed: the signal that says so ends the supervisor
