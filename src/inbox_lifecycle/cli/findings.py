"""What a diagnosis says: one finding for each thing looked at, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from inbox_lifecycle.drivers.sync import Database
from inbox_lifecycle.errors import StoreContended, StoreError
from inbox_lifecycle.flow import Once, Statement
from inbox_lifecycle.terms import utc_now

T = TypeVar("T")

#: PostgreSQL's query_canceled (appendix A).
_CANCELLED: Final = "57014"
_UNITS: Final = ((86400, "days"), (3600, "hours"), (60, "minutes"))


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    #: It works, and deserves a look.
    WARNING = "warning"
    #: A service cannot work on this, or its history cannot be trusted.
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    level: Level
    #: What was looked at.
    about: str
    #: What was found.
    what: str
    #: What to do; None where nothing is to be done.
    cure: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """The finding as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Look:
    """A database to look at."""

    database: Database
    #: The time, aware.
    clock: Callable[[], datetime] = field(default=utc_now, repr=False)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite; it is PostgreSQL otherwise."""
        return self.database.backend.is_sqlite

    def at(self, statement: Statement[T]) -> T:
        """What a statement finds.

        Raises:
            StoreError: the database could not be asked.
        """
        found: T = self.database.perform(Once(statement))
        return found


#: Looks at something.
Check = Callable[[Look], Iterable[Finding]]


def checked(look: Look, about: str, check: Check) -> list[Finding]:
    """What a check finds; a look that the database refused is a finding too, and the other looks go on."""
    try:
        return list(check(look))
    except StoreContended as cancelled:
        if cancelled.code != _CANCELLED:
            raise
        what = f"the database cancelled it ({_CANCELLED}), by its statement_timeout or by somebody's hand"
        cure = "raise the role's statement_timeout, or look again when the database is less busy"
        return [Finding(Level.ERROR, about, f"could not be looked at: {what}", cure)]
    except StoreError as refused:
        what, _, cure = str(refused).partition(": ")
        return [Finding(Level.ERROR, about, f"could not be looked at: {what}", cure or None)]


def span_text(span: timedelta) -> str:
    """A time span in its largest unit, rounded down."""
    seconds = int(span.total_seconds())
    for size, unit in _UNITS:
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
