"""What this library says to a driver: its statements' own words and parameters, for hand-written code to say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from sqlalchemy.engine.interfaces import DBAPICursor

from benchmarks.ours import url_of
from inbox_lifecycle.flow import Statement
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.session import Session, backend_for

#: Texts and their parameters, as a driver is given them one after the other.
Said = list[tuple[str, Any]]


class _Notes:
    """Stands for a cursor, and only notes what it is told to execute."""

    def __init__(self, rowcount: int) -> None:
        self.rowcount = rowcount
        self.said: Said = []

    def execute(self, text: str, values: Any) -> None:
        """Note it."""
        self.said.append((text, values))

    executemany = execute

    def fetchone(self) -> None:
        """Nothing was executed."""

    def fetchall(self) -> list[Any]:
        """Nothing was executed."""
        return []


def spoken(database: str | Path, *, rowcount: int = 1) -> Callable[[Statement[Any]], Said]:
    """What a statement says to a database's driver.

    Args:
        database: the URL of a PostgreSQL, or an SQLite file.
        rowcount: how many rows each of its parts is told to have touched, as if all had gone well.
    """
    backend = backend_for(make_engine(url_of(database)).dialect)

    def said(statement: Statement[Any]) -> Said:
        notes = _Notes(rowcount)
        statement.run(Session(cast("DBAPICursor", notes), backend))
        return notes.said

    return said
