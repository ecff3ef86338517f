"""SQLite write-through: everything one request changed, in one transaction, before its answer goes out.

WAL with ``synchronous=NORMAL``: a killed process loses nothing that was committed; only a crash of the whole
machine may lose the last moments.

What happened, an event's snapshot, is long and seldom read: it is compressed, and lives on disk only (in a temporary
file of SQLite's where no state is kept).
"""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Text = tuple[str, str, str]  # account, id, text

# With rowids: without them SQLite gives every row of more than a kilobyte pages of its own.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (account, kind, id)
);
CREATE TABLE IF NOT EXISTS texts (
    account TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (account, id)
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Database:
    """The file behind a simulator's state; None as path keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._keeps = path is not None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path or "", check_same_thread=False, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL" if self._keeps else "PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=NORMAL" if self._keeps else "PRAGMA synchronous=OFF")
        connection.executescript(_SCHEMA)
        self._connection: sqlite3.Connection | None = connection

    def load(self) -> Iterator[Record]:
        """Every record kept."""
        if self._connection is not None:
            for (body,) in self._connection.execute("SELECT body FROM objects"):
                yield json.loads(body)

    def fact(self, name: str, default: str) -> str:
        """A fact about the whole state, written with ``default`` when it is not there."""
        if self._connection is None or not self._keeps:
            return default
        self._connection.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, default))
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def text(self, account: str, id: str) -> str:
        """The long text kept for a record."""
        if self._connection is None:
            raise LookupError(id)
        found = self._connection.execute("SELECT body FROM texts WHERE account = ? AND id = ?", (account, id))
        return zlib.decompress(found.fetchone()[0]).decode()

    def write(self, changed: Iterable[Record], deleted: Iterable[Record], texts: Iterable[Text] = ()) -> None:
        """Keep changes and deletions in one transaction, and long texts apart from their records."""
        if self._connection is None:
            return
        packed = [(account, id, zlib.compress(text.encode(), 1)) for account, id, text in texts]
        gone = [_key(record) for record in deleted]
        rows = [(*_key(record), _dump(record)) for record in changed] if self._keeps else []
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", rows)
            self._connection.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", packed)
            self._connection.executemany("DELETE FROM objects WHERE account = ? AND kind = ? AND id = ?", gone)
            self._connection.executemany(
                "DELETE FROM texts WHERE account = ? AND id = ?", [(account, id) for account, _, id in gone]
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


def _dump(record: Record) -> str:
    return json.dumps(record, separators=(",", ":"))


def _key(record: Record) -> tuple[str, str, str]:
    return record["_account"], record["_kind"], record["id"]
