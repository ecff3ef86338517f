"""SQLite write-through: everything one request changed, in one transaction, before its answer goes out.

WAL with ``synchronous=NORMAL``: a killed process loses nothing that was committed; only a crash of the whole
machine may lose the last moments.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (account, kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Database:
    """The file behind a simulator's state; None as path keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._connection: sqlite3.Connection | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_SCHEMA)
        self._connection = connection

    def load(self) -> Iterator[Record]:
        """Every record kept."""
        if self._connection is not None:
            for (body,) in self._connection.execute("SELECT body FROM objects"):
                yield json.loads(body)

    def fact(self, name: str, default: str) -> str:
        """A fact about the whole state, written with ``default`` when it is not there."""
        if self._connection is None:
            return default
        self._connection.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, default))
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def write(self, changed: Iterable[Record], deleted: Iterable[Record]) -> None:
        """Keep changes and deletions in one transaction."""
        if self._connection is None:
            return
        rows = [(*_key(record), json.dumps(record, separators=(",", ":"))) for record in changed]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", rows)
            self._connection.executemany(
                "DELETE FROM objects WHERE account = ? AND kind = ? AND id = ?", map(_key, deleted)
            )
        except sqlite3.Error:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _key(record: Record) -> tuple[str, str, str]:
    return record["_account"], record["_kind"], record["id"]
