"""What must hold of a stored history: pure checks of one event after another, and of the row at their end.

Each finding names the broken place, what was expected there and what was found; never an address or a context.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from inbox_lifecycle.canonical import read_time, time_text
from inbox_lifecycle.codec import (
    EntryOf,
    EntryPair,
    UnreadableEntry,
    address_commitment,
    commitment,
    decode_current,
    decode_entry,
    decode_event,
    leaf_hash,
)
from inbox_lifecycle.domain import InboxAdopted, InboxEvent, InboxRegistered, State, WarmupStarted, evolve, explains
from inbox_lifecycle.errors import MalformedText
from inbox_lifecycle.store.rows import read_context
from inbox_lifecycle.store.verification import StoredAttempt, StoredEvent, StoredInbox

CONTEXT_COLUMNS = ("owner_id", "actor", "reason", "correlation_id", "causation_id", "idempotency_key")

#: Milliseconds that need no second look.
_SMALL_CLAMP = 1000
#: A clock that ran this far behind an inbox's newest event is worth a look.
LARGE_CLAMP = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place where the history is not what it should be."""

    #: What is wrong, in one word: `hash`, `chain`, `version`, `entry`, `columns`, `rule`, `commitment`, `row`,
    #: `attempt`, `feed`, `tree`, `checkpoint`, `guard`, ...
    kind: str
    #: None where no single inbox is concerned.
    inbox_id: str | None = None
    #: The event's version, where the place is an event.
    version: int | None = None
    #: The position in the feed, where the place is one.
    position: int | None = None
    #: The guard in the database's catalog, where one does not stand.
    guard: str | None = None
    #: The attempt, where the place is an attempt.
    attempt_id: str | None = None
    expected: str
    found: str

    def as_dict(self) -> dict[str, object]:
        """The finding as JSON-ready values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Birth:
    """What an inbox's first event says of it."""

    event: InboxRegistered | InboxAdopted
    stored: StoredEvent
    #: When it was recorded; None where entry and column disagree.
    recorded_at: datetime | None


@dataclass(slots=True)
class Fold:
    """The fold of one inbox's events, and everything found wrong on the way."""

    row: StoredInbox
    state: State | None = None
    head: bytes | None = None
    version: int = 0
    recorded_at: datetime | None = None
    #: Attempts that events say made them, with the version.
    attempts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    #: Clocks that ran behind: no damage, but worth a look.
    notices: list[Finding] = field(default_factory=list)
    birth: Birth | None = None

    def take(self, event: StoredEvent) -> None:
        """Check the next event and fold it in."""
        # A million events come through here: what is expected is spelled out where it was not found.
        if event.version != self.version + 1:
            self._find(event, "version", str(self.version + 1), str(event.version))
        expected_hash = leaf_hash(event.entry)
        if event.hash != expected_hash:
            self._find(event, "hash", expected_hash.hex(), event.hash.hex())
        if event.previous_hash != self.head:
            self._find(event, "chain", _hex(self.head), _hex(event.previous_hash))
        self._take_entry(event)
        self.version, self.head = event.version, event.hash

    def close(self) -> None:
        """Hold the row against the fold."""
        inbox = self.row.inbox
        if self.row.newest is not None and self.row.newest > inbox.version:
            self._row("version", f"an event at most at version {inbox.version}", f"one at version {self.row.newest}")
        if inbox.version != self.version:
            self._row("version", str(self.version), str(inbox.version))
        if self.row.head_hash != self.head:
            self._row("head_hash", _hex(self.head), self.row.head_hash.hex())
        if self.state is not None:
            if (inbox.status, inbox.warmup_status) != (self.state.pair.status, self.state.pair.warmup_status):
                self._row("pair", str(self.state.pair), str(inbox.pair))
            self._row("erased", str(self.state.erased), str(inbox.erased_at is not None))
        if self.recorded_at is not None and inbox.updated_at != self.recorded_at:
            self._row("updated_at", time_text(self.recorded_at), time_text(inbox.updated_at))
        self._check_birth()

    def _take_entry(self, event: StoredEvent) -> None:
        try:
            entry, decoded, recorded_at = _read(event)
        except UnreadableEntry as error:
            self._find(event, "entry", "an entry as it was written", str(error))
            return
        agreed = _is_said_by(entry, recorded_at, event)
        if not agreed:
            for column, (said, stored) in _columns(entry, event).items():
                self._expect(event, "columns", f"{column} {said}", f"{column} {stored}")
        head = _hex(self.head)
        if entry.previous != head:
            self._expect(event, "chain", head, entry.previous or "none")
        self._check_commitment(event, entry)
        self._check_time(event, entry, recorded_at)
        if decoded is None:
            self._find(event, "event", "a known event", f"{entry.name} with schema {entry.schema}")
            return
        if self.birth is None and isinstance(decoded, InboxRegistered | InboxAdopted):
            self.birth = Birth(decoded, event, recorded_at if agreed else None)
        self._fold(event, entry, decoded)

    def _fold(self, event: StoredEvent, entry: _AnyEntry, decoded: InboxEvent) -> None:
        left = entry.left.pair() if entry.left else None
        reached = entry.reached.pair()
        stands = self.state.pair if self.state else None
        if left is not stands and left != stands:
            self._find(event, "rule", f"from {stands}", f"from {left}")
        if not explains(self.state, decoded, reached):
            self._find(event, "rule", "a move that some rule allows", f"{entry.name} from {stands} to {reached}")
        if isinstance(decoded, WarmupStarted):
            self.attempts[decoded.attempt_id] = event.version
        following = evolve(self.state, decoded, reached)
        self.state = following or State(
            pair=reached, version=event.version, erased=bool(self.state and self.state.erased)
        )

    def _check_commitment(self, event: StoredEvent, entry: _AnyEntry) -> None:
        if event.context_key is None:
            if not event.erased or any(event.context):
                self._find(event, "commitment", "a key, or an erased inbox with a blank context", "no key")
            return
        try:
            content = read_context(event.context).canonical()
        except MalformedText as error:
            self._find(event, "commitment", "a context that can be kept", error.why)
            return
        expected = commitment(event.context_key, content)
        if entry.commitment != expected:
            self._find(event, "commitment", entry.commitment, expected)

    def _check_time(self, event: StoredEvent, entry: _AnyEntry, recorded_at: datetime) -> None:
        if self.recorded_at is not None and recorded_at < self.recorded_at:
            self._find(event, "time", f"not before {time_text(self.recorded_at)}", entry.recorded_at)
        if may_be_behind(entry.event_id, recorded_at):
            self._check_clock(event, recorded_at - (_made_at(entry.event_id) or recorded_at))
        self.recorded_at = recorded_at

    def _check_clock(self, event: StoredEvent, behind: timedelta) -> None:
        if behind > LARGE_CLAMP:
            said = f"a clock {behind.total_seconds():.0f} s behind"
            self.notices.append(
                Finding(
                    kind="clock",
                    inbox_id=event.inbox_id,
                    version=event.version,
                    expected="clocks that agree",
                    found=said,
                )
            )

    def _check_birth(self) -> None:
        """Hold what stays the same for good against the first event."""
        inbox, key, birth = self.row.inbox, self.row.address_key, self.birth
        if birth is None:
            return
        self._row("provider", birth.event.provider, inbox.provider)
        if isinstance(birth.event, InboxRegistered) and inbox.created_at != birth.recorded_at:
            self._row("created_at", _time(birth.stored.recorded_at), time_text(inbox.created_at))
        if inbox.erased_at is not None:
            return
        opened = "no key" if key is None else address_commitment(key, inbox.email_address or "")
        self._row("address", birth.event.address_commitment, opened)
        # An owner and a domain are never repeated in a report. A birth may be blank since the row was read.
        if birth.stored.context_key is not None and inbox.owner_id != birth.stored.context[0]:
            self._row("owner_id", "of its birth", "another")
        if (inbox.email_address or "").rpartition("@")[2] != inbox.email_domain:
            self._row("email_domain", "of its address", "another")
        if inbox.owner_id != self.row.domain_owner_id:
            self._row("email_domain_id", "of its owner", "another's")

    def _expect(self, event: StoredEvent, kind: str, expected: str, found: str) -> None:
        if expected != found:
            self._find(event, kind, expected, found)

    def _find(self, event: StoredEvent, kind: str, expected: str, found: str) -> None:
        self.findings.append(
            Finding(kind=kind, inbox_id=event.inbox_id, version=event.version, expected=expected, found=found)
        )

    def _row(self, column: str, expected: str, found: str) -> None:
        if expected != found:
            said = Finding(
                kind="row",
                inbox_id=self.row.inbox.id,
                expected=f"{column} {expected}",
                found=f"{column} {found}",
            )
            self.findings.append(said)


def check_attempt(attempt: StoredAttempt, made: dict[str, int]) -> Iterator[Finding]:
    """What is wrong with an attempt.

    Args:
        attempt: the attempt.
        made: versions of events by the attempt that they say made them.
    """
    version = made.get(attempt.attempt_id)
    if not attempt.has_inbox:
        yield _about(attempt, "the inbox's row", "no row")
    if attempt.outcome == "moved":
        # What the fold has read as made by it need not be read again.
        if (version is None or version != attempt.event_version) and _attempt_of(attempt) != attempt.attempt_id:
            yield _about(attempt, "its event", f"none at version {attempt.event_version}")
    elif version is not None:
        yield _about(attempt, f"moved, by the event at version {version}", str(attempt.outcome or "open"))
    if attempt.closed != (attempt.outcome is not None):
        yield _about(attempt, "an outcome and a time of closing, or neither", "one of them")


def _attempt_of(attempt: StoredAttempt) -> str | None:
    if attempt.event_entry is None:
        return None
    try:
        entry = decode_entry(attempt.event_entry)
        event = decode_event(entry.name, entry.schema, entry.payload)
    except UnreadableEntry:
        return None
    return event.attempt_id if isinstance(event, WarmupStarted) else None


def _about(attempt: StoredAttempt, expected: str, found: str) -> Finding:
    return Finding(
        kind="attempt", inbox_id=attempt.inbox_id, attempt_id=attempt.attempt_id, expected=expected, found=found
    )


#: An entry with its payload, or with its event.
_AnyEntry = EntryOf[Any]


def _read(event: StoredEvent) -> tuple[_AnyEntry, InboxEvent | None, datetime]:
    """The entry, the event in it, if it is known, and its time.

    Raises:
        UnreadableEntry: it is not an entry, or its payload not one of its event.
    """
    current = decode_current(event.name, event.schema, event.entry)
    if current is not None:
        entry, recorded_at = current
        # By its own name, whatever the column says.
        if entry.name == event.name and entry.schema == event.schema:
            return entry, entry.payload, recorded_at
    found = decode_entry(event.entry)
    return found, decode_event(found.name, found.schema, found.payload), read_time(found.recorded_at)


def _is_said_by(entry: _AnyEntry, recorded_at: datetime, event: StoredEvent) -> bool:
    """Whether all columns say what the entry says, and as we write it; `_columns` says which does not."""
    return (
        entry.inbox_id == event.inbox_id
        and entry.version == event.version
        and entry.event_id == event.event_id
        and entry.name == event.name
        and entry.schema == event.schema
        and event.recorded_at in (entry.recorded_at, recorded_at)
        and _words(entry.reached) == event.reached
        and (None if entry.left is None else _words(entry.left)) == event.left
    )


def _words(pair: EntryPair) -> tuple[str, str]:
    return pair.status, pair.warmup_status


def _columns(entry: _AnyEntry, event: StoredEvent) -> dict[str, tuple[str, str]]:
    return {
        "inbox_id": (entry.inbox_id, event.inbox_id),
        "version": (str(entry.version), str(event.version)),
        "event_id": (entry.event_id, event.event_id),
        "name": (entry.name, event.name),
        "schema": (str(entry.schema), str(event.schema)),
        "from": (_pair(entry.left), str(event.left)),
        "to": (_pair(entry.reached), str(event.reached)),
        "recorded_at": (entry.recorded_at, _time(event.recorded_at)),
    }


def _pair(pair: EntryPair | None) -> str:
    return str(None if pair is None else (pair.status.value, pair.warmup_status.value))


def _time(stored: object) -> str:
    return time_text(stored) if isinstance(stored, datetime) else str(stored)


def _hex(value: bytes | None) -> str:
    return "none" if value is None else value.hex()


def may_be_behind(event_id: str, recorded_at: datetime) -> bool:
    """A quick look at an id and a time, for a million of them: False only if `_made_at` would not be far before it."""
    try:
        made_at = int(event_id[:8] + event_id[9:13], 16)
    except ValueError:
        return True
    return event_id[8:9] != "-" or recorded_at.timestamp() * 1000 - made_at > _SMALL_CLAMP


def _made_at(event_id: str) -> datetime | None:
    """When an id of version 7 was made, by the clock of the process that made it."""
    try:
        parsed = UUID(event_id)
    except ValueError:
        return None
    if parsed.version != 7:  # noqa: PLR2004 - the version of RFC 9562 that holds a time
        return None
    return datetime.fromtimestamp((parsed.int >> 80) / 1000, tz=UTC)
