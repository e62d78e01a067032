"""A large population of inboxes on PostgreSQL, in every state, of many owners: made by several processes, with COPY.

What is loaded is what calls would have written, encoded as the library encodes it, in the order in which it would have
come; `verify` finds it clean once it is sealed. The guards are passed by, which only a superuser can.

Of twenty inboxes one is stuck, two are warming, five are active, and twelve are banned, half of them after a warmup
that failed and was retried: four events each on average. Every warmup has the attempt that started it.
"""

from __future__ import annotations

import hmac
import multiprocessing
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

import psycopg
from psycopg import sql

from inbox_lifecycle.canonical import read_time, time_text
from inbox_lifecycle.codec import KEY_LENGTH, address_commitment, decode_entry, encode_event, leaf_hash
from inbox_lifecycle.context import NOBODY, Context
from inbox_lifecycle.domain import (
    Acceptance,
    AttemptKind,
    InboxBanned,
    InboxEvent,
    InboxGraduated,
    InboxRegistered,
    Move,
    Pair,
    Recorder,
    Status,
    Trigger,
    WarmupFailed,
    WarmupStarted,
    WarmupState,
    WarmupStatus,
)

#: Events that an inbox has on average, exactly so for every twenty.
EVENTS_EACH = 4
#: Inboxes of one owner, and of one domain.
OF_AN_OWNER = 100
OF_A_DOMAIN = 25
#: Inboxes per round: those that live at the same time, whose events come mixed.
ROUND = 5_000
#: One inbox is born each second from here on.
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)

_PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
_WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)
_ACTIVE = Pair(Status.ACTIVE, WarmupStatus.ACTIVE)
_BANNED = Pair(Status.BANNED, WarmupStatus.BANNED)

_REGISTER = Move(Trigger.REGISTER, None, _PENDING)
_START = Move(Trigger.RETRY_WARMUP, _PENDING, _WARMING)
_FAIL = Move(Trigger.FAIL_WARMUP, _WARMING, _PENDING)
_GRADUATE = Move(Trigger.GRADUATE, _WARMING, _ACTIVE)
_BAN = Move(Trigger.BAN, _ACTIVE, _BANNED)

_STUCK = (_REGISTER,)
_IN_WARMUP = (*_STUCK, _START)
_SENDING = (*_IN_WARMUP, _GRADUATE)
_TAKEN_OUT = (*_SENDING, _BAN)
_RETRIED = (*_IN_WARMUP, _FAIL, _START, _GRADUATE, _BAN)
#: How long an attempt is its caller's alone.
_LEASE = timedelta(minutes=3)

# What differs from event to event, as values that stand nowhere else in an entry.
_GAPS = {
    "event": "00000000-0000-7000-8000-00000000000e",
    "inbox": "00000000-0000-7000-8000-00000000000b",
    "payload": "00000000-0000-7000-8000-00000000000a",
    "previous": "ab" * 32,
    "time": "2001-02-03T04:05:06.000007Z",
}
_EVENTS: dict[Move, tuple[InboxEvent, Callable[[str, bytes, str], Sequence[str]]]] = {
    _REGISTER: (
        InboxRegistered(provider="instantly", address_commitment=_GAPS["payload"]),
        lambda _attempt, key, address: (address_commitment(key, address),),
    ),
    _START: (
        WarmupStarted(
            attempt_id=_GAPS["payload"],
            kind=AttemptKind.RETRY,
            acceptance=Acceptance.ENABLED,
            job_id=_GAPS["payload"],
            recorder=Recorder.CALL,
        ),
        lambda attempt, _key, _address: (attempt, attempt),
    ),
    _FAIL: (WarmupFailed(provider_says=WarmupState.NOT_WARMING.value), lambda *_: ()),
    _GRADUATE: (InboxGraduated(reputation=95, total_sent=400), lambda *_: ()),
    _BAN: (InboxBanned(), lambda *_: ()),
}

_LIVES = (_STUCK, *[_IN_WARMUP] * 2, *[_SENDING] * 5, *[_TAKEN_OUT] * 6, *[_RETRIED] * 6)

_COLUMNS = {
    "email_domains": ("id", "owner_id", "domain", "status", "created_at"),
    "inboxes": (
        "id", "owner_id", "email_domain_id", "email_address", "address_key", "provider", "status", "warmup_status",
        "version", "head_hash", "created_at", "updated_at",
    ),
    "inbox_events": (
        "inbox_id", "version", "event_id", "name", "schema", "from_status", "from_warmup_status", "status",
        "warmup_status", "recorded_at", "entry", "hash", "previous_hash", "owner_id", "actor", "reason", "context_key",
    ),
    "inbox_attempts": (
        "inbox_id", "id", "kind", "seen_version", "seen_status", "seen_warmup_status", "opened_at", "lease_until",
        "outcome", "closed_at", "event_version", "to_disable", "detail", "owner_id", "actor", "reason",
    ),
    "inbox_feed_queue": ("inbox_id", "version", "hash"),
}  # fmt: skip

_CHANCE = random.Random()  # noqa: S311 - keys of made-up inboxes keep no secret

#: A line of COPY's text format.
Line = str


@dataclass(slots=True)
class _Round:
    """Lines by table; those of events and of the queue with the time by which they are put in order."""

    inboxes: list[Line] = field(default_factory=list)
    events: list[tuple[datetime, Line, Line]] = field(default_factory=list)
    attempts: list[Line] = field(default_factory=list)

    def tables(self) -> Iterator[tuple[str, Iterable[Line]]]:
        """The lines of each table, in the order in which they would have been written."""
        self.events.sort(key=lambda event: event[0])
        yield "inboxes", self.inboxes
        yield "inbox_events", [event for _, event, _ in self.events]
        yield "inbox_attempts", self.attempts
        yield "inbox_feed_queue", [queued for _, _, queued in self.events]


@dataclass(frozen=True, slots=True)
class Population:
    """Which inboxes there are, by their numbers."""

    inboxes: int

    @property
    def owners(self) -> int:
        """How many there are."""
        return max(1, self.inboxes // OF_AN_OWNER)

    @property
    def domains(self) -> int:
        """How many there are."""
        return -(-self.inboxes // OF_A_DOMAIN)

    def owner(self, domain: int) -> str:
        """Whose domain it is; an owner's domains are far from each other."""
        return f"owner-{domain % self.owners}"

    def domain(self, number: int) -> int:
        """The domain of an inbox: its inboxes are registered together."""
        return number // OF_A_DOMAIN


def whole(events: int) -> int:
    """The nearest number of events below that inboxes can have between them."""
    return events // (EVENTS_EACH * len(_LIVES)) * EVENTS_EACH * len(_LIVES)


def populate(url: str, inboxes: int, *, processes: int = 2) -> None:
    """Load a migrated database that is empty, as a superuser; sealing and statistics are the caller's affair."""
    population = Population(inboxes)
    domains = _make_domains(url, population)
    shares = [(url, population, domains, range(first, inboxes, ROUND * processes)) for first in _firsts(processes)]
    if processes == 1:
        _load(*shares[0])
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.starmap(_load, shares)


def _firsts(processes: int) -> range:
    return range(0, ROUND * processes, ROUND)


def _make_domains(url: str, population: Population) -> list[str]:
    """Their ids, by number."""
    numbers = range(population.domains)
    ids = [_new_id(BEGINNING) for _ in numbers]
    lines = [
        _line(ids[number], population.owner(number), _domain_name(number), "pending", time_text(BEGINNING))
        for number in numbers
    ]
    with _connected(url) as connection:
        _copy(connection, "email_domains", lines)
    return ids


def _domain_name(number: int) -> str:
    return f"mail-{number}.example.com"


def _load(url: str, population: Population, domains: Sequence[str], firsts: range) -> None:
    with _connected(url) as connection:
        for first in firsts:
            made = _Round()
            for number in range(first, min(first + ROUND, population.inboxes)):
                _add(made, population, number, domains)
            for table, lines in made.tables():
                _copy(connection, table, lines)
            connection.commit()


def _connected(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        url, options="-c session_replication_role=replica -c synchronous_commit=off -c search_path=inbox_lifecycle"
    )


def _copy(connection: psycopg.Connection[tuple[object, ...]], table: str, lines: Iterable[Line]) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS[table]))
    statement = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), columns)
    with connection.cursor().copy(statement) as copy:
        copy.write("".join(lines))


def _add(made: _Round, population: Population, number: int, domains: Sequence[str]) -> None:
    born = BEGINNING + timedelta(seconds=number, milliseconds=number % 997)
    inbox_id, key = _new_id(born), _CHANCE.randbytes(KEY_LENGTH)
    domain = population.domain(number)
    owner = population.owner(domain)
    address = f"inbox-{number}@{_domain_name(domain)}"
    life, opened = _LIVES[number % len(_LIVES)], _opened(owner)
    previous, at = b"", born
    for version, move in enumerate(life, 1):
        at = born + timedelta(minutes=10 * (version - 1))
        attempt_id = _new_id(at) if move is _START else ""
        form, context_key = _form(move, version), _CHANCE.randbytes(KEY_LENGTH)
        event_id, when = _new_id(at), time_text(at)
        entry = form.entry % (
            hmac.digest(context_key, opened, "sha256").hex(), event_id, inbox_id,
            *form.payload(attempt_id, key, address), *([previous.hex()] if previous else []), when,
        )  # fmt: skip
        encoded = entry.encode()
        hashed = leaf_hash(encoded)
        head, mine = _bytes(hashed), _bytes(previous) if previous else r"\N"
        line = (
            f"{inbox_id}\t{version}\t{event_id}\t{form.columns}\t{when}\t{_bytes(encoded)}\t{head}\t{mine}\t{owner}"
            f"\tolga\ta benchmark\t{_bytes(context_key)}\n"
        )
        made.events.append((at, line, f"{inbox_id}\t{version}\t{head}\n"))
        if move is _START:
            made.attempts.append(_attempt_line(inbox_id, attempt_id, version, owner, at))
        previous = hashed
    if life is _STUCK:
        made.attempts.append(_missed_line(inbox_id, owner, born))
    reached = life[-1].reached
    made.inboxes.append(
        _line(
            inbox_id, owner, domains[domain], address, _bytes(key), "instantly", reached.status.value,
            reached.warmup_status.value, len(life), _bytes(previous), time_text(born), time_text(at),
        )
    )  # fmt: skip


def _new_id(at: datetime) -> str:
    """As the library makes them, but for where the chance comes from: asking the system each time takes too long."""
    milliseconds, chance = f"{int(at.timestamp() * 1000):012x}", f"{_CHANCE.getrandbits(76):019x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}-7{chance[:3]}-8{chance[3:6]}-{chance[7:]}"


@cache
def _opened(owner: str) -> bytes:
    """What the commitments of an owner's events are over."""
    return Context(owner_id=owner, actor="olga", reason="a benchmark").canonical()


@dataclass(frozen=True, slots=True)
class _Form:
    """An event as the library encodes it, with gaps."""

    #: Of commitment, event, inbox, payload, the one before it (but for the first) and the time, in this order.
    entry: str
    #: Name, schema and both pairs, as COPY takes them.
    columns: str
    #: What goes into the payload's gaps: by attempt, address key and address.
    payload: Callable[[str, bytes, str], Sequence[str]]


@cache
def _form(move: Move, version: int) -> _Form:
    """The form of a move: encoded once by the library itself, and cut at what differs from event to event."""
    event, payload = _EVENTS[move]
    encoded = encode_event(
        event,
        move,
        event_id=_GAPS["event"],
        inbox_id=_GAPS["inbox"],
        version=version,
        previous=bytes.fromhex(_GAPS["previous"]) if version > 1 else None,
        recorded_at=read_time(_GAPS["time"]),
        context=NOBODY,
    )
    entry = encoded.entry.decode()
    committed = decode_entry(encoded.entry).commitment
    for gap in (committed, *_GAPS.values()):
        entry = entry.replace(gap, "%s")
    left = (move.left.status.value, move.left.warmup_status.value) if move.left else (None, None)
    columns = _line(encoded.name, encoded.schema, *left, move.reached.status.value, move.reached.warmup_status.value)
    return _Form(entry, columns.rstrip("\n"), payload)


def _attempt_line(inbox_id: str, attempt_id: str, version: int, owner: str, at: datetime) -> Line:
    """The attempt that an event is of."""
    when = time_text(at)
    return _line(
        inbox_id, attempt_id, "retry", version - 1, _PENDING.status.value, _PENDING.warmup_status.value, when,
        time_text(at + _LEASE), "moved", when, version, "f", None, owner, "olga", "a benchmark",
    )  # fmt: skip


def _missed_line(inbox_id: str, owner: str, at: datetime) -> Line:
    """The attempt that a stuck inbox has behind it."""
    return _line(
        inbox_id, _new_id(at), "retry", 1, _PENDING.status.value, _PENDING.warmup_status.value, time_text(at),
        time_text(at + _LEASE), "unavailable", time_text(at + _LEASE), None, "f",
        '{"reason":"timeout","retry_after":null}', owner, "olga", "a benchmark",
    )  # fmt: skip


def _line(*values: str | int | None) -> Line:
    # None of our values holds a tab, a newline or a backslash but those of `_bytes`.
    return "\t".join([r"\N" if value is None else str(value) for value in values]) + "\n"


def _bytes(value: bytes) -> str:
    return r"\\x" + value.hex()
