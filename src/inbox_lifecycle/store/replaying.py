"""What a replay reads: the feed's rows as they come, each decoded when it is taken and dropped when it was.

A page of decoded events is a hundred thousand objects that live for a moment; the collector would walk them, and at
times everything else in the process, again and again. Rows are a tenth of that, and hold nothing it has to look into.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from inbox_lifecycle.records import FedEvent
from inbox_lifecycle.store.rows import EVENT_COLUMNS, POSTGRESQL_EVENT_COLUMNS, draft_of, read_event
from inbox_lifecycle.store.session import Row, Session

_FEED_ROWS = """
select {columns}, f.position
from {s}inbox_feed f join {s}inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
where f.position > cast(:after as bigint) and f.position <= cast(:until as bigint)
order by f.position
limit cast(:limit as integer)
"""

# Without the last one, the key of the context's commitment, which is nobody's to read who reads events.
FEED_ROWS_POSTGRESQL = _FEED_ROWS.replace("{columns}", POSTGRESQL_EVENT_COLUMNS.rpartition(", ")[0])
FEED_ROWS_SQLITE = _FEED_ROWS.replace("{columns}", EVENT_COLUMNS.rpartition(", ")[0])

#: Rows per page: on PostgreSQL as many as make the trip there cheap, on SQLite as few as stay in a processor's cache.
ROWS_POSTGRESQL = 1000
ROWS_SQLITE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRows:
    """Rows after one position and up to another, for `read_fed`."""

    name: ClassVar[str] = "feed_rows"
    writes: ClassVar[bool] = False
    after: int
    until: int

    def run(self, session: Session) -> list[Row]:
        """The rows, in order; none where the second position is reached."""
        values = {"after": self.after, "until": self.until}
        if session.backend.is_sqlite:
            return session.page(FEED_ROWS_SQLITE, {**values, "limit": ROWS_SQLITE})
        return session.page(FEED_ROWS_POSTGRESQL, {**values, "limit": ROWS_POSTGRESQL})


def read_fed(row: Row) -> FedEvent:
    """A row of `FeedRows`.

    Raises:
        UnknownEvent: a newer version of the library wrote the event.
        HistoryBroken: its entry is not what was written.
    """
    fed: FedEvent = _FedDraft(row[-1], read_event(row))
    fed.__class__ = FedEvent
    return fed


_FedDraft = draft_of(FedEvent)


def position_of(row: Row) -> int:
    """The position of a row of `FeedRows`."""
    position: int = row[-1]
    return position
