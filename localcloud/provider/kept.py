"""What the emulator cannot hold: recorded resources, and properties that it drops. One SQLite file, mode 0600."""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any


class KeptProperties:
    """Properties by resource token and id, shared by the provider (which writes) and the data plane (which reads).

    Property names are Pulumi's. What is remembered includes secrets (ElastiCache AUTH tokens, database passwords), as the
    emulator itself holds such in the same directory's keeping.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = directory / "store.sqlite"
        self._file.touch(mode=0o600)
        self._local = threading.local()
        with self._connection() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS kept (token TEXT, id TEXT, properties TEXT NOT NULL, PRIMARY KEY (token, id))"
            )
            connection.execute("CREATE TABLE IF NOT EXISTS made (urn TEXT PRIMARY KEY, id TEXT NOT NULL)")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS named (token TEXT, name TEXT, id TEXT NOT NULL, PRIMARY KEY (token, name))"
            )
            if _identity(connection) == 0:
                connection.execute("BEGIN IMMEDIATE")  # the provider and the data plane begin at the same time
                if _identity(connection) == 0:
                    connection.execute(f"PRAGMA user_version = {1 + secrets.randbelow(2**31 - 1)}")

    @staticmethod
    def identity(directory: Path) -> int | None:
        """Drawn when the store in `directory` was made: one that was deleted and begun anew is seen to be another.

        None when there is no store, none that can be read, or one of a time before stores had this.
        """
        file = directory / "store.sqlite"
        try:
            with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=30)) as connection:
                return _identity(connection) or None
        except sqlite3.DatabaseError:
            return None

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = sqlite3.connect(self._file, timeout=30)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        return connection

    def mark(self) -> tuple[float, ...]:
        """Another one whenever something was written, by whatever process."""
        files = (self._file, self._file.with_name(f"{self._file.name}-wal"))
        found = [file.stat() for file in files if file.exists()]
        return tuple(value for each in found for value in (each.st_mtime_ns, each.st_size))

    def find(self, token: str, resource_id: str) -> dict[str, Any] | None:
        """What is kept of a resource; None when nothing is."""
        query = "SELECT properties FROM kept WHERE token = ? AND id = ?"
        found = self._connection().execute(query, (token, resource_id)).fetchone()
        if found is None:
            return None
        properties: dict[str, Any] = json.loads(found[0])
        return properties

    def kept(self, token: str, resource_id: str) -> dict[str, Any]:
        """What is kept of a resource; empty when nothing is."""
        return self.find(token, resource_id) or {}

    def of_kind(self, token: str, containing: str = "") -> dict[str, dict[str, Any]]:
        """What is kept of all resources of a kind, by id; with `containing` of those alone in which it stands somewhere."""
        query = "SELECT id, properties FROM kept WHERE token = ? AND (? = '' OR instr(properties, ?)) ORDER BY id"
        written = json.dumps(containing)[1:-1]
        rows = self._connection().execute(query, (token, written, written))
        return {resource_id: json.loads(properties) for resource_id, properties in rows}

    def keep(self, token: str, resource_id: str, properties: dict[str, Any]) -> None:
        """Remember exactly `properties`."""
        with self._connection() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (token, resource_id, json.dumps(properties))
            )

    def forget(self, token: str, resource_id: str) -> None:
        """Forget a resource and its name; one that is not there is ignored."""
        with self._connection() as connection:
            connection.execute("DELETE FROM kept WHERE token = ? AND id = ?", (token, resource_id))
            connection.execute("DELETE FROM named WHERE token = ? AND id = ?", (token, resource_id))

    def claim(self, token: str, resource_id: str, name: str) -> str:
        """Give a resource a name that one of its kind has at a time, instead of its former one; the id of who has it then."""
        with self._connection() as connection:
            connection.execute("INSERT OR IGNORE INTO named VALUES (?, ?, ?)", (token, name, resource_id))
            query = "SELECT id FROM named WHERE token = ? AND name = ?"
            holder = str(connection.execute(query, (token, name)).fetchone()[0])
            if holder == resource_id:
                former = "DELETE FROM named WHERE token = ? AND id = ? AND name != ?"
                connection.execute(former, (token, resource_id, name))
        return holder

    def note_made(self, urn: str, resource_id: str = "") -> None:
        """Remember what was made last for a URN, as an engine that is killed just then has not; "" while it is being made."""
        with self._connection() as connection:
            connection.execute("INSERT OR REPLACE INTO made VALUES (?, ?)", (urn, resource_id))

    def made(self, urn: str) -> str | None:
        """The id of what was made last for a URN and is not deleted; "" while it is being made; None when nothing is."""
        found = self._connection().execute("SELECT id FROM made WHERE urn = ?", (urn,)).fetchone()
        return str(found[0]) if found else None

    def note_deleted(self, urn: str, resource_id: str) -> None:
        """Forget what was made for a URN; another id than the noted one is that of an earlier resource."""
        with self._connection() as connection:
            connection.execute("DELETE FROM made WHERE urn = ? AND id = ?", (urn, resource_id))

    def clear(self) -> None:
        """Forget everything: what goes with an emulator that starts empty."""
        with self._connection() as connection:
            connection.execute("DELETE FROM kept")
            connection.execute("DELETE FROM named")
            connection.execute("DELETE FROM made")


def _identity(connection: sqlite3.Connection) -> int:
    identity: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return identity
