"""Exported records as text: JSON lines, CSV that a spreadsheet cannot be made to run, and CloudEvents 1.0.

JSON lines
    One object a line, with the keys of `event_record` and `attempt_record` in their order; a record of the feed has
    its `position` before them. All of a record is in it: this is the form to keep as evidence.

CSV
    As RFC 4180 has it but for the line ends, which are a line feed as in the other forms; UTF-8. The keys of the JSON
    lines are the columns; a pair takes two, and `payload` and `detail` are cells of JSON. Texts are quoted and numbers
    are not, `true` and `false` are words, and an empty cell is null.
    A spreadsheet runs what begins like a formula, and divides a text into cells of its own where it takes semicolons,
    tabs or line breaks for their ends. So in every text a single quote is put wherever such a cell could begin (at the
    beginning, and after each semicolon, tab and line break), if there comes a formula's first character, blanks and
    quotes before it or not, or a tab, a line break or a single quote. An empty text is one single quote.
    To have the text back, drop the single quote at the beginning of a cell, and those that follow a semicolon, a tab or
    a line break.

CloudEvents
    One event a line in the JSON format of CloudEvents 1.0. What may be personal stands in `data`, never in the
    attributes, which intermediaries may log. `sequence` is the position in the feed, with leading zeros. An attempt is
    one event: that it was opened while it is open, that it was closed afterwards.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.codec import EVENT_NAMES
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import Pair
from inbox_lifecycle.records import Attempt, FedEvent, RecordedEvent

Record = dict[str, Any]

#: The `source` of CloudEvents, unless told otherwise.
SOURCE = "urn:inbox-lifecycle:events"

_TYPE = "inbox-lifecycle."
_SCHEMA = "urn:inbox-lifecycle:schema:"
#: As many digits as the largest position can have.
_DIGITS = 19

_CONTEXT = tuple(field.name for field in fields(Context))
_PAIRS = ("from", "to", "seen")
_DOCUMENTS = ("payload", "detail")

# Where a spreadsheet could begin a cell, what it may pass over there, and what it must not come upon then. Nothing that
# divides is passed over, so however long a text is, every letter of it is looked at once or twice.
_BREAK = r"(^|[;\t\r\n])"
_PASSED_OVER = r"""(?:[^\S\t\r\n]|[\x00-\x08\x0e-\x1f\u200b-\u200d\u2060\ufeff'"])*+"""
_DANGER = re.compile(rf"{_BREAK}(?=['\t\r\n]|{_PASSED_OVER}[=+\-@＝＋－＠])")  # noqa: RUF001 - wide ones on purpose

# What an attribute's text must not hold: controls, and code points that Unicode keeps for no character.
_NO_ATTRIBUTE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(0x11))
    + "]"
)
# A version, a trace, a span and flags, as W3C Trace Context writes them.
_TRACE = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Form(StrEnum):
    """How records are written."""

    JSON_LINES = "jsonl"
    CSV = "csv"
    CLOUDEVENTS = "cloudevents"


def event_record(event: RecordedEvent) -> Record:
    """An event with all that stands beside it; `entry` is what `hash` was taken of.

    `payload` is as today's code reads it, `schema` and `entry` are as they were written.
    """
    return {
        "inbox_id": event.inbox_id,
        "version": event.version,
        "event_id": event.event_id,
        "name": event.name,
        "schema": event.schema,
        "payload": msgspec.to_builtins(event.event),
        "from": _pair(event.left),
        "to": _pair(event.reached),
        "recorded_at": time_text(event.recorded_at),
        **_context(event.context),
        "hash": event.hash.hex(),
        "previous_hash": None if event.previous_hash is None else event.previous_hash.hex(),
        "entry": event.entry.decode(),
    }


def fed_record(fed: FedEvent) -> Record:
    """An event with its position in the feed before it."""
    return {"position": fed.position, **event_record(fed.event)}


def attempt_record(attempt: Attempt) -> Record:
    """An attempt and how it ended; `outcome` is null while it is open."""
    return {
        "id": attempt.id,
        "inbox_id": attempt.inbox_id,
        "kind": attempt.kind.value,
        "seen_version": attempt.seen_version,
        "opened_at": time_text(attempt.opened_at),
        "lease_until": time_text(attempt.lease_until),
        "outcome": attempt.outcome,
        "closed_at": _time(attempt.closed_at),
        "event_version": attempt.event_version,
        "to_disable": attempt.to_disable,
        "detail": attempt.detail,
        "seen": _pair(attempt.seen),
        **_context(attempt.context),
    }


def record_of(item: RecordedEvent | Attempt | FedEvent) -> Record:
    """The record of any of them."""
    if isinstance(item, FedEvent):
        return fed_record(item)
    return attempt_record(item) if isinstance(item, Attempt) else event_record(item)


EVENT_HEADER = (
    *("inbox_id", "version", "event_id", "name", "schema", "payload"),
    *("from_status", "from_warmup_status", "to_status", "to_warmup_status", "recorded_at"),
    *(*_CONTEXT, "hash", "previous_hash", "entry"),
)
FEED_HEADER = ("position", *EVENT_HEADER)
ATTEMPT_HEADER = (
    *("id", "inbox_id", "kind", "seen_version", "opened_at", "lease_until", "outcome", "closed_at", "event_version"),
    *("to_disable", "detail", "seen_status", "seen_warmup_status"),
    *_CONTEXT,
)


def line_of(item: RecordedEvent | Attempt | FedEvent, form: Form, source: str) -> str:
    """The record in a form, with its line end."""
    if form is Form.CSV:
        return csv_line(tuple(_cells(record_of(item))))
    return json.dumps(record_of(item) if form is Form.JSON_LINES else cloud_event(item, source)) + "\n"


def csv_line(cells: Sequence[str | int]) -> str:
    """Cells as one record of CSV."""
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerow(cells)
    return line.getvalue()


def cell_of(text: str) -> str:
    """A text as a cell in which no spreadsheet finds a formula; the head of this file says how to have it back."""
    return _DANGER.sub(r"\1'", text) or "'"


def _cells(record: Record) -> Iterator[str | int]:
    for name, value in record.items():
        if name in _PAIRS:
            yield from map(_cell, (None, None) if value is None else value.values())
        else:
            yield _cell(json.dumps(value) if name in _DOCUMENTS and value is not None else value)


def _cell(value: str | bool | int | None) -> str | int:  # noqa: FBT001 - a record's value, whatever it is
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return cell_of(value) if isinstance(value, str) else value


def cloud_event(item: RecordedEvent | Attempt | FedEvent, source: str = SOURCE) -> Record:
    """The record as a CloudEvent, as its members in the JSON format.

    See CloudEvents 1.0.2, its JSON format, and its extensions Sequence, Correlation and Distributed Tracing.
    """
    if isinstance(item, FedEvent):
        sequence = {"sequence": f"{item.position:0{_DIGITS}d}"}
        return _event(item.event, source, sequence, {"position": item.position})
    return _attempt(item, source) if isinstance(item, Attempt) else _event(item, source, {}, {})


def _event(event: RecordedEvent, source: str, sequence: Record, position: Record) -> Record:
    # The payload is in today's schema, whichever was written.
    name, schema = EVENT_NAMES[type(event.event)]
    record = event_record(event)
    said = ("payload", "from", "to", "hash", "previous_hash")
    return {
        **_envelope(source, event.event_id, event.name, event.inbox_id, event.recorded_at),
        "dataschema": f"{_SCHEMA}{name}:{schema}",
        "inboxversion": event.version,
        **sequence,
        **_tracing(event.context),
        "data": {**position, **{name: record[name] for name in said}, "context": event.context.as_dict()},
    }


def _attempt(attempt: Attempt, source: str) -> Record:
    # Two facts about one attempt need two ids: who has seen the one would take the other for the same.
    fact = "opened" if attempt.closed_at is None else "closed"
    record = attempt_record(attempt)
    left_out = ("inbox_id", *_CONTEXT)
    return {
        **_envelope(
            source,
            f"{attempt.id}/{fact}",
            f"attempt.{fact}",
            attempt.inbox_id,
            attempt.closed_at or attempt.opened_at,
        ),
        "dataschema": f"{_SCHEMA}attempt:1",
        **_tracing(attempt.context),
        "data": {
            **{name: value for name, value in record.items() if name not in left_out},
            "context": attempt.context.as_dict(),
        },
    }


def _envelope(source: str, event_id: str, name: str, inbox_id: str, at: datetime) -> Record:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": f"{_TYPE}{name}",
        "subject": inbox_id,
        "time": time_text(at),
        "datacontenttype": "application/json",
    }


def _tracing(context: Context) -> Record:
    """The ids by which events are followed, as far as attributes can hold them; all of them stand in `data`."""
    found = {"correlationid": context.correlation_id, "causationid": context.causation_id}
    known = {name: text for name, text in found.items() if text and not _NO_ATTRIBUTE.search(text)}
    trace = next((text for text in known.values() if _TRACE.fullmatch(text)), None)
    return known if trace is None else {**known, "traceparent": trace}


def _pair(pair: Pair | None) -> Record | None:
    return None if pair is None else {"status": pair.status.value, "warmup_status": pair.warmup_status.value}


def _context(context: Context) -> Record:
    return {name: getattr(context, name) for name in _CONTEXT}


def _time(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)
