"""Reading all of history: fetched and dropped, read and folded, verified; the same rows in the same order for all.

The limit is the bare driver with what it is fastest with, which fetches the columns that a replay needs and drops them:
no value is looked at. Ours is `Operator.events`, which decodes each event to its type and checks that its entry is in
the one form it can have; each event is folded by the domain's own `evolve` into the inboxes that are not out yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from benchmarks.child import measure
from benchmarks.harness import Role, Setting, Stage, WholeGroup
from benchmarks.making import load_postgresql, load_sqlite
from inbox_lifecycle import Inboxes, Operator, Status
from inbox_lifecycle.domain import InboxId, State, evolve

POSTGRESQL, SQLITE = "replay, PostgreSQL", "replay, SQLite"
#: The limits.
CURSOR, FETCHMANY = "psycopg, server-side cursor", "sqlite3, fetchmany"
#: Ours.
FOLDED, VERIFIED = "read, decoded and folded", "verified in full"

#: Rows that a driver is asked for at a time.
_ROWS = 1000
#: Inboxes of four events each.
_INBOXES, _SMOKE = 10_000, 5
_COLUMNS = (
    "e.inbox_id, e.version, e.event_id, e.name, e.schema, e.from_status, e.from_warmup_status, e.status,"
    " e.warmup_status, e.recorded_at, e.entry, e.hash, e.previous_hash, e.owner_id, e.actor, e.reason,"
    " e.correlation_id, e.causation_id, e.idempotency_key, f.position"
)
_ALL = f"""
select {_COLUMNS} from {{schema}}inbox_feed f
join {{schema}}inbox_events e on e.inbox_id = f.inbox_id and e.version = f.version
order by f.position
"""  # noqa: S608 - constants

Work = Callable[[], float]


def fetch_by_cursor(url: str) -> float:
    """All rows by a server-side cursor, in binary form."""
    with psycopg.connect(url) as connection, connection.cursor("history", binary=True) as cursor:
        cursor.execute(_ALL.replace("{schema}", "inbox_lifecycle."))
        return _dropped(iter(lambda: cursor.fetchmany(_ROWS), []))


def fetch_many(path: str) -> float:
    """All rows by one statement on SQLite."""
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute(_ALL.replace("{schema}", ""))
        return _dropped(iter(lambda: cursor.fetchmany(_ROWS), []))


def _dropped(pages: Iterable[Sequence[Any]]) -> float:
    return sum(map(len, pages))


def fold(operator: Operator) -> float:
    """All events, each folded into what is kept of its inbox until it is out."""
    inboxes: dict[InboxId, State | None] = {}
    events = 0
    out = Status.BANNED
    for fed in operator.events():
        event = fed.event
        inbox_id, reached = event.inbox_id, event.reached
        state = evolve(inboxes.get(inbox_id), event.event, reached)
        if reached.status is out:
            del inboxes[inbox_id]
        else:
            inboxes[inbox_id] = state
        events += 1
    if inboxes:
        raise RuntimeError("every inbox of this history ends banned")
    return events


def verify(operator: Operator) -> float:
    """Everything there is to verify."""
    report = operator.verify()
    if not report.clean:
        raise RuntimeError(f"not clean: {report.findings[:3]}")
    return report.events


@contextmanager
def on_postgresql(setting: Setting) -> Iterator[list[Stage]]:
    """A history on PostgreSQL."""
    url = setting.postgresql()
    load_postgresql(url, _inboxes(setting))
    with _opened(url) as operator:
        yield _stages(CURSOR, lambda: fetch_by_cursor(url), operator)


@contextmanager
def on_sqlite(setting: Setting) -> Iterator[list[Stage]]:
    """A history in a SQLite file."""
    path = setting.sqlite()
    load_sqlite(str(path), _inboxes(setting))
    with _opened(f"sqlite:///{path}") as operator:
        yield _stages(FETCHMANY, lambda: fetch_many(str(path)), operator)


def _inboxes(setting: Setting) -> int:
    return _SMOKE if setting.smoke else _INBOXES


@contextmanager
def _opened(url: str) -> Iterator[Operator]:
    with Inboxes(url) as inboxes:
        operator = inboxes.operator(actor="bench")
        operator.seal()
        yield operator


def _stages(limit: str, fetch: Work, operator: Operator) -> list[Stage]:
    def stage(name: str, role: Role, work: Work) -> Stage:
        return Stage(name=name, role=role, measure=lambda: measure(work))

    return [
        stage(limit, Role.LIMIT, fetch),
        stage(FOLDED, Role.OURS, lambda: fold(operator)),
        stage(VERIFIED, Role.OURS, lambda: verify(operator)),
    ]


def _group(name: str, base: str, opened: Callable[[Setting], Any]) -> WholeGroup:
    return WholeGroup(
        name=name,
        work=f"{4 * _INBOXES:,} events of {_INBOXES:,} inboxes in order of position, in one process.",
        unit="events",
        open=opened,
        base=base,
        budget=30.0,
        remarks=(
            f"{VERIFIED}: also reads and checks the inboxes' rows, contexts, hashes, positions and the whole tree.",
            "A million events, with memory: `make bench-history`.",
        ),
    )


GROUPS = (_group(POSTGRESQL, CURSOR, on_postgresql), _group(SQLITE, FETCHMANY, on_sqlite))
