"""Entries read at once: what is found good is what reading in steps finds, and what that refuses is never good."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inbox_lifecycle.codec import (
    EVENT_TYPES,
    EncodedEvent,
    UnreadableEntry,
    decode_current,
    decode_entry,
    decode_event,
    encode_event,
)
from inbox_lifecycle.context import NOBODY
from inbox_lifecycle.domain import InboxEvent, InboxGraduated, Move, Trigger, WarmupStarted
from inbox_lifecycle.domain.states import PAIRS
from tests.unit.test_codec import EVENTS

AT = datetime(2030, 6, 1, 12, 30, 15, 123456, tzinfo=UTC)
GRADUATED = next(event for event in EVENTS if isinstance(event, InboxGraduated))
STARTED = next(event for event in EVENTS if isinstance(event, WarmupStarted))
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


def encoded(event: InboxEvent = GRADUATED, *, at: datetime = AT, previous: bytes | None = b"p" * 32) -> EncodedEvent:
    """An event as it would be stored."""
    pairs = list(PAIRS.values())
    return encode_event(
        event,
        Move(Trigger.CORRECT, pairs[5] if previous else None, pairs[9]),
        event_id="01a206cc-023e-7931-abea-000000000001",
        inbox_id="01a206cc-023e-7931-abea-000000000002",
        version=2 if previous else 1,
        previous=previous,
        recorded_at=at,
        context=NOBODY,
    )


def in_steps(name: str, schema: int, entry: bytes) -> tuple[dict[str, Any], InboxEvent, str] | None:
    """What the two that name each fault make of it: the entry's fields, the event, the time; None where they refuse."""
    try:
        read = decode_entry(entry)
        event = decode_event(name, schema, read.payload)
    except (UnreadableEntry, RecursionError):
        return None
    fields = {field: getattr(read, field) for field in read.__struct_fields__ if field != "payload"}
    return None if event is None else (fields, event, read.recorded_at)


def at_once(name: str, schema: int, entry: bytes) -> tuple[dict[str, Any], InboxEvent, str] | None:
    """The same of what is read at once."""
    current = decode_current(name, schema, entry)
    if current is None:
        return None
    read, recorded_at = current
    fields = {field: getattr(read, field) for field in read.__struct_fields__ if field != "payload"}
    return fields, read.payload, recorded_at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("at", [AT, AT.replace(microsecond=0)], ids=["microseconds", "whole second"])
@pytest.mark.parametrize("previous", [b"p" * 32, None], ids=["later", "birth"])
def test_what_we_write_is_read_at_once(event: InboxEvent, at: datetime, previous: bytes | None) -> None:
    """Each event there is, with all that stands around it."""
    written = encoded(event, at=at, previous=previous)
    read = at_once(written.name, written.schema, written.entry)
    assert read is not None
    assert read == in_steps(written.name, written.schema, written.entry)
    assert read[1] == event


@pytest.mark.parametrize("known", EVENT_TYPES)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_entry_is_read_as_the_event_that_is_asked_for_or_not_at_all(
    event: InboxEvent, known: tuple[str, int]
) -> None:
    """As in steps: two events without fields look alike but for the name beside them."""
    entry = encoded(event).entry
    assert at_once(*known, entry) == in_steps(*known, entry)


@pytest.mark.parametrize("known", [("inbox.frozen", 1), ("inbox.graduated", 2), ("inbox.graduated", "1"), (None, 1)])
def test_an_event_that_is_not_known_is_not_read_at_once(known: tuple[Any, Any]) -> None:
    """Nor one of an older schema: that takes steps."""
    assert decode_current(*known, encoded().entry) is None


def _with(**fields: object) -> bytes:
    """An entry in canonical form with other fields; `...` takes one away."""
    entry = json.loads(encoded().entry) | fields
    return rfc8785.dumps({name: value for name, value in entry.items() if value is not ...})


def _in_payload(**fields: object) -> bytes:
    return _with(payload=json.loads(encoded().entry)["payload"] | fields)


ENTRY = encoded().entry
LIES = {
    "nothing": b"",
    "half": ENTRY[:-1],
    "more": ENTRY + b" ",
    "twice": ENTRY + ENTRY,
    "space": ENTRY.replace(b'":', b'": ', 1),
    "space in the payload": ENTRY.replace(b'"reputation":', b'"reputation": '),
    "another order": ENTRY.replace(b'"reputation":97,"total_sent":512', b'"total_sent":512,"reputation":97'),
    "the outer order": json.dumps(dict(reversed(json.loads(ENTRY).items())), separators=(",", ":")).encode(),
    "key twice": ENTRY.replace(b'"reputation":97', b'"reputation":97,"reputation":97'),
    "outer key twice": ENTRY.replace(b'"schema":1', b'"schema":1,"schema":1'),
    "another field": _with(extra=1),
    "another field in the payload": _in_payload(extra=1),
    "a field in the pair": ENTRY.replace(b'"to":{', b'"to":{"more":1,'),
    "field missing": _with(name=...),
    "payload field missing": ENTRY.replace(b',"total_sent":512', b""),
    "escaped letter": ENTRY.replace(b'"inbox.graduated"', b'"inbox.gr\\u0061duated"'),
    "escaped slash": ENTRY.replace(b"inbox-lifecycle/1", b"inbox-lifecycle\\/1"),
    "escaped NUL": ENTRY.replace(b'"inbox.graduated"', b'"inbox.graduated\\u0000"'),
    "raw NUL": ENTRY.replace(b'"inbox.graduated"', b'"inbox.graduated\x00"'),
    "raw control": ENTRY.replace(b'"inbox.graduated"', b'"inbox.graduated\x1f"'),
    "escaped half of a pair": ENTRY.replace(b'"inbox.graduated"', b'"\\ud83d"'),
    "raw half of a pair": ENTRY.replace(b'"inbox.graduated"', b'"\xed\xa0\xbd"'),
    "not UTF-8": ENTRY.replace(b'"inbox.graduated"', b'"\xff"'),
    "float": ENTRY.replace(b'"reputation":97', b'"reputation":97.0'),
    "fraction": ENTRY.replace(b'"reputation":97', b'"reputation":97.5'),
    "exponent": ENTRY.replace(b'"reputation":97', b'"reputation":97e0'),
    "minus zero": ENTRY.replace(b'"reputation":97', b'"reputation":-0'),
    "leading zero": ENTRY.replace(b'"reputation":97', b'"reputation":097'),
    "boolean": ENTRY.replace(b'"reputation":97', b'"reputation":true'),
    "text": ENTRY.replace(b'"reputation":97', b'"reputation":"97"'),
    "null": ENTRY.replace(b'"reputation":97', b'"reputation":null'),
    "big": ENTRY.replace(b'"reputation":97', b'"reputation":9007199254740992'),
    "small": ENTRY.replace(b'"reputation":97', b'"reputation":-9007199254740992'),
    "huge": ENTRY.replace(b'"reputation":97', b'"reputation":%d' % 10**30),
    "big version": ENTRY.replace(b'"version":2', b'"version":9007199254740992'),
    "big schema": ENTRY.replace(b'"schema":1', b'"schema":9007199254740992'),
    "version as a text": ENTRY.replace(b'"version":2', b'"version":"2"'),
    "version as a float": ENTRY.replace(b'"version":2', b'"version":2.0'),
    "another format": _with(format="inbox-lifecycle/2"),
    "unknown status": _with(to={"status": "frozen", "warmup_status": "warming"}),
    "half a pair of words": _with(to={"status": "warming"}),
    "payload a list": _with(payload=[]),
    "payload deep": ENTRY.replace(b'{"reputation":97,"total_sent":512}', b"[" * 100_000 + b"]" * 100_000),
    "time without zone": _with(recorded_at="2030-06-01T12:30:15.123456"),
    "time in seconds": _with(recorded_at="2030-06-01T12:30:15Z"),
    "time of day 24": _with(recorded_at="2030-06-01T24:00:00.000000Z"),
    "no such day": _with(recorded_at="2030-02-30T12:30:15.123456Z"),
    "other digits": _with(recorded_at="\uff12030-06-01T12:30:15.123456Z"),
    "offset": _with(recorded_at="2030-06-01T12:30:15.12345+00"),
}


@pytest.mark.parametrize("entry", LIES.values(), ids=LIES)
def test_an_entry_in_any_other_form_is_not_read_at_once(entry: bytes) -> None:
    """And reading it in steps refuses it too, which is where it is said why."""
    assert entry != ENTRY
    assert in_steps("inbox.graduated", 1, entry) is None
    assert decode_current("inbox.graduated", 1, entry) is None


@pytest.mark.parametrize("number", [2**53 - 1, 1 - 2**53, 0])
def test_a_number_up_to_the_bound_is_read_at_once(number: int) -> None:
    """As far as JSON's readers agree."""
    written = encoded(replace(GRADUATED, reputation=number))
    assert at_once(written.name, written.schema, written.entry) == in_steps(written.name, written.schema, written.entry)
    assert decode_current(written.name, written.schema, written.entry) is not None


@settings(deadline=None)
@given(st.none() | TEXTS)
@example("jöb \U0001f600")
@example('"\\\b\x7f\u2028')
def test_a_text_of_the_providers_is_read_alike_both_ways(job_id: str | None) -> None:
    """One that has to be escaped takes steps; all others do not."""
    written = encoded(replace(STARTED, job_id=job_id))
    read = at_once(written.name, written.schema, written.entry)
    assert read == (None if b"\\" in written.entry else in_steps(written.name, written.schema, written.entry))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_whatever_is_found_good_is_good(data: st.DataObject) -> None:
    """Bytes replaced, taken out and put in anywhere: never is more accepted than in steps, nor another value read."""
    written = encoded(data.draw(st.sampled_from(EVENTS)), at=AT + timedelta(seconds=data.draw(st.integers(0, 10**9))))
    entry = written.entry
    begin = data.draw(st.integers(0, len(entry)))
    end = data.draw(st.integers(begin, min(begin + 3, len(entry))))
    filling = data.draw(st.binary(max_size=3) | st.sampled_from([b" ", b"0", b"\\", b'"', b",", b"}", b"1", b"e"]))
    changed = entry[:begin] + filling + entry[end:]
    read = at_once(written.name, written.schema, changed)
    assert read is None or read == in_steps(written.name, written.schema, changed)
