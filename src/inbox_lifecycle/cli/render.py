"""Results as text: JSON for programs, tables for people. Results only; what went wrong is said by `app`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from inbox_lifecycle.cli.options import Format, Output

if TYPE_CHECKING:
    from rich.console import Console

    from inbox_lifecycle.domain import Inbox
    from inbox_lifecycle.records import Attempt, FedEvent, ParkedEvent, RecordedEvent

Record = dict[str, Any]

#: Columns where there is no terminal that says how many it has.
_WIDTH = 160

_PAIR = ("status", "warmup_status")
#: What a table shows of a hash and of a time; JSON has all of it.
_SHORT_HASH = 16
_TO_THE_SECOND = 19

INBOX_COLUMNS = ("id", "email_address", "owner_id", "status", "warmup_status", "version", "updated_at")
EVENT_COLUMNS = ("version", "recorded_at", "name", "to", "actor", "reason", "hash")
ATTEMPT_COLUMNS = ("opened_at", "kind", "seen_version", "outcome", "event_version", "actor", "detail", "id")


def as_json(output: Output) -> bool:
    """Whether the result is to be JSON: as told, or wherever no person is looking."""
    if output.format is None:
        return not sys.stdout.isatty()
    return output.format is Format.JSON


def show_one(output: Output, record: Record, *, under: str | None = None) -> None:
    """A record: as JSON, one document, or its fields line by line."""
    if as_json(output):
        print_json({under: record} if under else record)
    else:
        print_fields(record)


def show_many(output: Output, records: Iterable[Record], columns: Sequence[str]) -> None:
    """A stream: as JSON one record a line, as they come; or a table."""
    if not as_json(output):
        print_table(list(records), columns)
        return
    for record in records:
        print_json(record)


def print_json(document: object) -> None:
    """One document on one line."""
    print(json.dumps(document))


def print_fields(record: Record) -> None:
    """A field a line."""
    width = max(map(len, record))
    for name, value in record.items():
        print(f"{name.replace('_', ' '):<{width}}  {plain(value)}")


def print_table(records: Sequence[Record], columns: Sequence[str], *, indent: int = 0) -> None:
    """A table of some fields."""
    from rich import box
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for record in records:
        table.add_row(*(Text(_cell(column, record.get(column))) for column in columns))
    make_console().print(Padding(table, (0, 0, 0, indent), expand=False))


def make_console(*, stderr: bool = False) -> Console:
    """A console with colours on a terminal only, and with room for ids where there is none."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def plain(value: object) -> str:
    """A value on one line, with nothing in it that a terminal would obey."""
    if value is None or isinstance(value, bool):
        return {None: "-", True: "yes", False: "no"}[value]
    if isinstance(value, Mapping) and tuple(value) == _PAIR:
        value = " / ".join(value.values())
    elif isinstance(value, Mapping | list | tuple):
        value = json.dumps(value)
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(value))


def inbox_record(inbox: Inbox) -> Record:
    """The row's fields."""
    return {field.name: _value(getattr(inbox, field.name)) for field in fields(inbox)}


def event_record(event: RecordedEvent) -> Record:
    """An event as exports have it."""
    from inbox_lifecycle.audit import forms

    return forms.event_record(event)


def fed_record(fed: FedEvent) -> Record:
    """An event with its position before it."""
    return {"position": fed.position, **event_record(fed.event)}


def parked_record(parked: ParkedEvent) -> Record:
    """A parked event, with why it is parked before it."""
    why = {name: _value(getattr(parked, name)) for name in ("position", "error", "tries", "parked_at")}
    return {**why, **event_record(parked.event)}


def attempt_record(attempt: Attempt) -> Record:
    """An attempt as exports have it."""
    from inbox_lifecycle.audit import forms

    return forms.attempt_record(attempt)


def _cell(column: str, value: object) -> str:
    text = plain(_said(value) if column == "detail" else value)
    if column == "hash":
        return text[:_SHORT_HASH]
    return text[:_TO_THE_SECOND].replace("T", " ") if column.endswith("_at") and value else text


def _said(detail: object) -> object:
    """How an attempt ended: the clauses of a verdict that failed, or what the provider said."""
    if isinstance(detail, list):
        return "; ".join(f"{clause['field']} {clause['found']}" for clause in detail if not clause["held"])
    if isinstance(detail, Mapping):
        return ", ".join(f"{name} {value}" for name, value in detail.items() if value is not None) or None
    return detail


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        from inbox_lifecycle.canonical import time_text

        return time_text(value)
    return value.hex() if isinstance(value, bytes) else value
