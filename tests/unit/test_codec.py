"""Entries: round trip, hash and commitments against the standard library, and what is no entry of ours."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle import Pair, Status, WarmupStatus
from inbox_lifecycle.codec import (
    ENTRY_FORMAT,
    EVENT_NAMES,
    EVENT_TYPES,
    KEY_LENGTH,
    EncodedEvent,
    UnreadableEntry,
    address_commitment,
    commitment,
    decode_entry,
    decode_event,
    encode_event,
    leaf_hash,
)
from inbox_lifecycle.context import NOBODY, Context
from inbox_lifecycle.domain import (
    Acceptance,
    AttemptKind,
    InboxAdopted,
    InboxBanned,
    InboxCorrected,
    InboxErased,
    InboxEvent,
    InboxGraduated,
    InboxRegistered,
    Move,
    Recorder,
    Trigger,
    WarmupFailed,
    WarmupStarted,
)

AT = datetime(2030, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
WARMING = Pair(Status.WARMING, WarmupStatus.WARMING)

EVENTS: tuple[InboxEvent, ...] = (
    InboxRegistered(provider="instantly", address_commitment="ab" * 32),
    InboxAdopted(provider="instantly", address_commitment="cd" * 32),
    WarmupStarted(
        attempt_id="01a206cc-023e-7931-abea-000000000000",
        kind=AttemptKind.RETRY,
        acceptance=Acceptance.ENABLED,
        job_id="job-1",
        recorder=Recorder.CALL,
    ),
    WarmupFailed(provider_says="not_warming"),
    InboxGraduated(reputation=97, total_sent=512),
    InboxBanned(),
    InboxCorrected(),
    InboxErased(),
)
TEXTS = st.none() | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
CONTEXTS = st.builds(
    Context,
    owner_id=TEXTS,
    actor=TEXTS,
    reason=TEXTS,
    correlation_id=TEXTS,
    causation_id=TEXTS,
    idempotency_key=TEXTS,
)


def encoded(
    event: InboxEvent = EVENTS[2], *, previous: bytes | None = b"p" * 32, context: Context = NOBODY
) -> EncodedEvent:
    """An event as it would be stored."""
    return encode_event(
        event,
        Move(Trigger.RETRY_WARMUP, PENDING if previous else None, WARMING),
        event_id="01a206cc-023e-7931-abea-000000000001",
        inbox_id="01a206cc-023e-7931-abea-000000000002",
        version=2 if previous else 1,
        previous=previous,
        recorded_at=AT,
        context=context,
    )


def changed(**fields: object) -> bytes:
    """An entry in canonical form with other fields; None takes one away."""
    entry = json.loads(encoded().entry) | fields
    return rfc8785.dumps({name: value for name, value in entry.items() if value is not ...})


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_reads_back_as_it_was_written(event: InboxEvent) -> None:
    """Name, schema and payload give the same value again."""
    entry = decode_entry(encoded(event).entry)
    assert decode_event(entry.name, entry.schema, entry.payload) == event


def test_every_event_there_is_has_a_stored_name() -> None:
    """The union, the register and this file's examples name the same eight."""
    assert set(EVENT_NAMES) == {type(event) for event in EVENTS} == set(InboxEvent.__args__)
    assert {EVENT_TYPES[name] for name in EVENT_NAMES.values()} == set(EVENT_NAMES)


def test_stored_names_are_history() -> None:
    """What was released once is read for good; a change here needs a new schema, not another name."""
    assert set(EVENT_TYPES) == {
        ("inbox.registered", 1),
        ("inbox.adopted", 1),
        ("inbox.warmup_started", 1),
        ("inbox.warmup_failed", 1),
        ("inbox.graduated", 1),
        ("inbox.banned", 1),
        ("inbox.corrected", 1),
        ("inbox.erased", 1),
    }


def test_an_entry_holds_these_fields_and_no_others() -> None:
    """Byte for byte, as an auditor's own reader will meet it."""
    event = encoded(InboxBanned())
    assert json.loads(event.entry) == {
        "commitment": commitment(event.context_key, b"{}"),
        "event_id": "01a206cc-023e-7931-abea-000000000001",
        "format": ENTRY_FORMAT,
        "from": {"status": "pending", "warmup_status": "not_started"},
        "inbox_id": "01a206cc-023e-7931-abea-000000000002",
        "name": "inbox.banned",
        "payload": {},
        "previous": "70" * 32,
        "recorded_at": "2030-06-01T12:30:15.123456Z",
        "schema": 1,
        "to": {"status": "warming", "warmup_status": "warming"},
        "version": 2,
    }


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_entry_is_in_the_form_of_rfc_8785(event: InboxEvent) -> None:
    """An implementation by others writes the same bytes."""
    entry = encoded(event).entry
    assert rfc8785.dumps(json.loads(entry)) == entry


def test_a_birth_leaves_no_pair_and_follows_no_event() -> None:
    """Both stand as null."""
    entry = json.loads(encoded(EVENTS[0], previous=None).entry)
    assert (entry["from"], entry["previous"], entry["version"]) == (None, None, 1)


@settings(deadline=None)
@given(st.binary())
def test_a_hash_is_the_leaf_hash_of_rfc_6962(entry: bytes) -> None:
    """SHA-256 over a zero byte and the entry, computed apart from our code."""
    digest = hashlib.new("sha256")
    digest.update(bytes([0]))
    digest.update(entry)
    assert leaf_hash(entry) == digest.digest()


def test_the_leaf_hash_of_nothing_is_the_published_one() -> None:
    """The test vector that Certificate Transparency's own code has for an empty leaf."""
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_an_events_hash_is_that_of_its_entry() -> None:
    """And nothing else goes into it."""
    event = encoded()
    assert event.hash == leaf_hash(event.entry)


@settings(deadline=None)
@given(CONTEXTS)
def test_a_context_is_committed_to_and_not_contained(context: Context) -> None:
    """The commitment is the standard library's HMAC over the bytes of RFC 8785."""
    event = encoded(context=context)
    known = {name: getattr(context, name) for name in context.__slots__ if getattr(context, name) is not None}
    expected = hmac.digest(event.context_key, rfc8785.dumps(known), "sha256").hex()
    assert json.loads(event.entry)["commitment"] == expected


def test_an_address_is_committed_to_under_its_own_key() -> None:
    """As an auditor opens it."""
    key = bytes(range(KEY_LENGTH))
    content = b'{"email_address":"ana@mail.example.com"}'
    assert address_commitment(key, "ana@mail.example.com") == hmac.digest(key, content, "sha256").hex()


def test_every_event_has_a_key_of_its_own() -> None:
    """Equal contexts must not show as equal commitments."""
    one, other = encoded(), encoded()
    assert len(one.context_key) == KEY_LENGTH
    assert one.context_key != other.context_key
    assert one.entry != other.entry


def test_an_encoded_event_shows_neither_entry_nor_key() -> None:
    """Logs are full of reprs."""
    event = replace(encoded(), entry=b"secret entry", context_key=b"secret key")
    assert "secret" not in repr(event)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (b"", "not an entry"),
        (b"null", "not an entry"),
        (b"{}", "not an entry"),
        (b"\xff", "not an entry"),
        (encoded().entry[:-1], "not an entry"),
        (encoded().entry + b" ", "canonical form"),
        (encoded().entry.replace(b'":', b'": ', 1), "canonical form"),
        (json.dumps(json.loads(encoded().entry), sort_keys=True).encode(), "canonical form"),
        (json.dumps(dict(reversed(json.loads(encoded().entry).items())), separators=(",", ":")).encode(), "canonical"),
        (changed(format="inbox-lifecycle/2"), "format is unknown"),
        (changed(extra=1), "not an entry"),
        (changed(name=...), "not an entry"),
        (changed(version="2"), "not an entry"),
        (changed(to={"status": "frozen", "warmup_status": "warming"}), "not an entry"),
        (changed(to={"status": "warming"}), "not an entry"),
        (changed(recorded_at="2030-06-01T12:30:15Z"), "not an entry"),
        (changed(payload=[]), "not an entry"),
        (changed(version=2**53 - 1).replace(b"9007199254740991", b"9007199254740992"), "not an entry"),
        (changed(payload={"reputation": 1}).replace(b'"reputation":1', b'"reputation":1.5'), "not an entry"),
    ],
)
def test_bytes_that_are_no_entry_of_ours_are_refused(entry: bytes, why: str) -> None:
    """Whatever is not exactly what was written is said to be unreadable, and why."""
    with pytest.raises(UnreadableEntry, match=why):
        decode_entry(entry)


def test_a_refused_entry_is_not_repeated() -> None:
    """An error goes into logs."""
    with pytest.raises(UnreadableEntry) as refused:
        decode_entry(b'{"secret":1}')
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(("name", "schema"), [("inbox.frozen", 1), ("inbox.banned", 2), ("InboxBanned", 1)])
def test_an_event_of_unknown_name_or_schema_is_none(name: str, schema: int) -> None:
    """A newer version of the library may have written it; the caller says so."""
    assert decode_event(name, schema, {}) is None


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("inbox.banned", {"extra": 1}),
        ("inbox.graduated", {"reputation": 1}),
        ("inbox.graduated", {"reputation": "high", "total_sent": 2}),
        ("inbox.graduated", {"reputation": 1, "total_sent": 2, "extra": None}),
        ("inbox.warmup_started", {"attempt_id": "a", "kind": "stop"}),
    ],
)
def test_a_payload_that_is_not_its_events_is_refused(name: str, payload: dict[str, object]) -> None:
    """Fields too many, too few, or of another kind."""
    with pytest.raises(UnreadableEntry, match="payload"):
        decode_event(name, 1, payload)


def test_payloads_hold_nothing_personal() -> None:
    """What can never change has no field for an address, an owner, an actor or a reason."""
    fields = {field.name for event in EVENTS for field in msgspec.inspect.type_info(type(event)).fields}  # type: ignore[attr-defined]  # of dataclasses
    assert fields == {
        "acceptance",
        "address_commitment",
        "attempt_id",
        "job_id",
        "kind",
        "provider",
        "provider_says",
        "recorder",
        "reputation",
        "total_sent",
    }
