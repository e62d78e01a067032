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

    from inbox_lifecycle import client
    from inbox_lifecycle.domain import Inbox
    from inbox_lifecycle.records import ApiKey, Attempt, FedEvent, ParkedEvent, RecordedEvent

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
    return printable(str(value))


def printable(text: str) -> str:
    """A text with nothing in it that a terminal would obey."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def inbox_record(inbox: Inbox | client.Account) -> Record:
    """The row's fields; one that came through the HTTP API has other names for them."""
    from inbox_lifecycle.client import Account

    if isinstance(inbox, Account):
        return _account_record(inbox)
    return {field.name: _value(getattr(inbox, field.name)) for field in fields(inbox)}


def _account_record(account: client.Account) -> Record:
    own_name = account.instantly_account_id != account.email_address
    domain = account.email_domains
    return {
        "id": account.id,
        "owner_id": account.user_id,
        "email_address": account.email_address,
        "email_domain": domain.domain,
        "email_domain_id": account.domain_id,
        "email_domain_status": domain.status,
        "provider": account.provider,
        "provider_ref": account.instantly_account_id if own_name else None,
        "status": account.status,
        "warmup_status": account.warmup_status,
        "version": account.version,
        "created_at": _value(account.created_at),
        "updated_at": _value(account.updated_at),
        # What is erased the API does not show.
        "erased_at": None,
    }


def _told_record(told: client.Event | client.Attempt) -> Record:
    """What came through the HTTP API, which has the names and the order of exports."""
    names = zip(told.__struct_encode_fields__, told.__struct_fields__, strict=True)
    return {encoded: _value(getattr(told, name)) for encoded, name in names}


def api_key_record(key: ApiKey) -> Record:
    """All there is to know of a key."""
    return {field.name: _value(getattr(key, field.name)) for field in fields(key)}


def event_record(event: RecordedEvent | client.Event) -> Record:
    """An event as exports have it."""
    from inbox_lifecycle.audit import forms
    from inbox_lifecycle.client import Event

    if isinstance(event, Event):
        return _told_record(event)
    return forms.event_record(event)


def fed_record(fed: FedEvent) -> Record:
    """An event with its position before it."""
    return {"position": fed.position, **event_record(fed.event)}


def parked_record(parked: ParkedEvent) -> Record:
    """A parked event, with why it is parked before it."""
    why = {name: _value(getattr(parked, name)) for name in ("position", "error", "tries", "parked_at")}
    return {**why, **event_record(parked.event)}


def attempt_record(attempt: Attempt | client.Attempt) -> Record:
    """An attempt as exports have it."""
    from inbox_lifecycle import client
    from inbox_lifecycle.audit import forms

    if isinstance(attempt, client.Attempt):
        return _told_record(attempt)
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
    if hasattr(value, "warmup_status"):
        return {"status": value.status, "warmup_status": value.warmup_status}
    return value.hex() if isinstance(value, bytes) else value
