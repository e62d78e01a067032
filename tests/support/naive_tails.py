"""The readers that are usually written over a table of events, for PostgreSQL. Both are wrong, each in its own way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from inbox_lifecycle import Inboxes
from tests.support.databases import TestDatabase
from tests.support.feeding import inversions
from tests.support.tailing import Race, Sealer, Tail, committed, draw_early, feed_tail, race

_COPY = """
create table event_copies (
    id bigserial primary key, xid xid8 not null default pg_current_xact_id(), inbox_id uuid, version integer
);
create function copy_event() returns trigger language plpgsql as $$
begin
    insert into public.event_copies (inbox_id, version) values (new.inbox_id, new.version);
    return null;
end $$;
create trigger copy_event after insert on inbox_lifecycle.inbox_events for each row execute function copy_event();
"""

# It loses an event whose transaction ends after that of a larger id.
_BY_ID = "select id, inbox_id, version from event_copies where id > %s order by id limit 50"

# It loses none, and turns two around where the transaction of the later one began earlier, by writing something else.
_BY_XID = """
select xid::text, id, inbox_id, version from event_copies
where xid < pg_snapshot_xmin(pg_current_snapshot()) and (xid, id) > (%s::xid8, %s)
order by xid, id limit 50
"""


@dataclass
class Contest:
    """A race in which the naive readers follow the same traffic as ours do."""

    race: Race
    #: Seals before each page.
    eager: Tail
    by_id: Tail
    by_xid: Tail

    def run(self, seconds: float, sealers: Sequence[Sealer], *, cache: int) -> None:
        """Let everybody loose.

        Args:
            seconds: how long they write.
            sealers: who seals.
            cache: numbers that a connection draws for the queue at a time.
        """
        draw_early(self.race.database, cache)
        self.race.run(seconds, sealers, (self.eager, self.by_id, self.by_xid))

    def complaints(self) -> list[str]:
        """What is wrong with what our readers were given."""
        return [said for tail in (self.race.reader, self.eager) for said in self.race.complaints(tail)]

    @property
    def lost_by_id(self) -> int:
        """Events that the first naive reader has missed."""
        return len(committed(self.race.database) - set(self.by_id.seen))

    @property
    def turned_by_xid(self) -> int:
        """Events that the second naive reader was given out of order."""
        return len(inversions(self.by_xid.seen))


@contextmanager
def contest(database: TestDatabase) -> Iterator[Contest]:
    """A race and its naive readers, on a database that nobody else uses."""
    with psycopg.connect(database.url) as connection:
        connection.execute(_COPY)
    with (
        race(database) as running,
        Inboxes(database.url) as inboxes,
        psycopg.connect(database.url, autocommit=True) as one,
        psycopg.connect(database.url, autocommit=True) as another,
    ):
        yield Contest(running, feed_tail(inboxes), _by_id(one), _by_xid(another))


def _by_id(connection: psycopg.Connection) -> Tail:
    def read(after: int | None) -> tuple[list[Any], int | None]:
        rows = connection.execute(_BY_ID, (after or 0,)).fetchall()
        return [_place(row) for row in rows], rows[-1][0] if rows else after

    return Tail(read)


def _by_xid(connection: psycopg.Connection) -> Tail:
    def read(after: tuple[str, int] | None) -> tuple[list[Any], tuple[str, int] | None]:
        rows = connection.execute(_BY_XID, after or ("0", 0)).fetchall()
        return [_place(row) for row in rows], (rows[-1][0], rows[-1][1]) if rows else after

    return Tail(read)


def _place(row: tuple[Any, ...]) -> tuple[str, int]:
    return str(row[-2]), row[-1]
