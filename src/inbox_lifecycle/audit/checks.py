"""What must hold of a stored history: pure checks of one event after another, and of the row at their end.

Each finding names the broken place, what was expected there and what was found; never an address or a context.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from inbox_lifecycle.canonical import read_time, time_text
from inbox_lifecycle.codec import (
    Entry,
    EntryPair,
    UnreadableEntry,
    address_commitment,
    commitment,
    decode_entry,
    decode_event,
    leaf_hash,
)
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import InboxAdopted, InboxEvent, InboxRegistered, State, WarmupStarted, evolve, explains
from inbox_lifecycle.errors import MalformedText
from inbox_lifecycle.store.verification import StoredAttempt, StoredEvent, StoredInbox

CONTEXT_COLUMNS = ("owner_id", "actor", "reason", "correlation_id", "causation_id", "idempotency_key")

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
    _birth: Birth | None = None

    def take(self, event: StoredEvent) -> None:
        """Check the next event and fold it in."""
        self._expect(event, "version", str(self.version + 1), str(event.version))
        self._expect(event, "hash", leaf_hash(event.entry).hex(), event.hash.hex())
        self._expect(event, "chain", _hex(self.head), _hex(event.previous_hash))
        self._take_entry(event)
        self.version, self.head = event.version, event.hash

    def close(self) -> None:
        """Hold the row against the fold."""
        inbox = self.row.inbox
        if self.row.newest is not None and self.row.newest > inbox.version:
            self._row("version", f"an event at most at version {inbox.version}", f"one at version {self.row.newest}")
        self._row("version", str(self.version), str(inbox.version))
        self._row("head_hash", _hex(self.head), self.row.head_hash.hex())
        if self.state is not None:
            self._row("pair", str(self.state.pair), str(inbox.pair))
            self._row("erased", str(self.state.erased), str(inbox.erased_at is not None))
        if self.recorded_at is not None:
            self._row("updated_at", time_text(self.recorded_at), time_text(inbox.updated_at))
        self._check_birth()

    def _take_entry(self, event: StoredEvent) -> None:
        try:
            entry = decode_entry(event.entry)
            decoded = decode_event(entry.name, entry.schema, entry.payload)
        except UnreadableEntry as error:
            self._find(event, "entry", "an entry as it was written", str(error))
            return
        for column, (said, stored) in _columns(entry, event).items():
            self._expect(event, "columns", f"{column} {said}", f"{column} {stored}")
        self._expect(event, "chain", _hex(self.head), entry.previous or "none")
        self._check_commitment(event, entry)
        self._check_time(event, entry)
        if decoded is None:
            self._find(event, "event", "a known event", f"{entry.name} with schema {entry.schema}")
        else:
            self._fold(event, entry, decoded)

    def _fold(self, event: StoredEvent, entry: Entry, decoded: InboxEvent) -> None:
        left = entry.left.pair() if entry.left else None
        reached = entry.reached.pair()
        stands = self.state.pair if self.state else None
        self._expect(event, "rule", f"from {stands}", f"from {left}")
        if not explains(self.state, decoded, reached):
            self._find(event, "rule", "a move that some rule allows", f"{entry.name} from {stands} to {reached}")
        if isinstance(decoded, WarmupStarted):
            self.attempts[decoded.attempt_id] = event.version
        if isinstance(decoded, InboxRegistered | InboxAdopted) and self._birth is None:
            self._birth = Birth(decoded, event)
        following = evolve(self.state, decoded, reached)
        self.state = following or State(
            pair=reached, version=event.version, erased=bool(self.state and self.state.erased)
        )

    def _check_commitment(self, event: StoredEvent, entry: Entry) -> None:
        if event.context_key is None:
            if not event.erased or any(event.context):
                self._find(event, "commitment", "a key, or an erased inbox with a blank context", "no key")
            return
        try:
            content = Context(**dict(zip(CONTEXT_COLUMNS, event.context, strict=True))).canonical()
        except MalformedText as error:
            self._find(event, "commitment", "a context that can be kept", error.why)
            return
        self._expect(event, "commitment", entry.commitment, commitment(event.context_key, content))

    def _check_time(self, event: StoredEvent, entry: Entry) -> None:
        recorded_at = read_time(entry.recorded_at)
        if self.recorded_at is not None and recorded_at < self.recorded_at:
            self._find(event, "time", f"not before {time_text(self.recorded_at)}", entry.recorded_at)
        behind = recorded_at - (_made_at(entry.event_id) or recorded_at)
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
        self.recorded_at = recorded_at

    def _check_birth(self) -> None:
        """Hold what stays the same for good against the first event."""
        inbox, key, birth = self.row.inbox, self.row.address_key, self._birth
        if birth is None:
            return
        self._row("provider", birth.event.provider, inbox.provider)
        if isinstance(birth.event, InboxRegistered):
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
        if _attempt_of(attempt) != attempt.attempt_id:
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


def _columns(entry: Entry, event: StoredEvent) -> dict[str, tuple[str, str]]:
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


def _made_at(event_id: str) -> datetime | None:
    """When an id of version 7 was made, by the clock of the process that made it."""
    try:
        parsed = UUID(event_id)
    except ValueError:
        return None
    if parsed.version != 7:  # noqa: PLR2004 - the version of RFC 9562 that holds a time
        return None
    return datetime.fromtimestamp((parsed.int >> 80) / 1000, tz=UTC)
