"""What the library says of all that is in a database, as JSON: inboxes, their events and their attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import msgspec

from inbox_lifecycle import Inboxes
from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import InboxEvent, Pair

Said = dict[str, Any]


def read_everything(inboxes: Inboxes, ids: Iterable[str]) -> Said:
    """Every inbox, as `find` tells of the owners, and as `get`, `history` and `attempts` tell of the inboxes."""
    operator = inboxes.operator(actor="archivist")
    known = [operator.get(inbox_id) for inbox_id in ids]
    owners = sorted({inbox.owner_id for inbox in known if inbox.owner_id is not None})
    return {
        "found": {owner: [inbox.id for inbox in inboxes.find(owner_id=owner, limit=1000).items] for owner in owners},
        "found_by_operator": [inbox.id for inbox in operator.find(limit=1000).items],
        "inboxes": {inbox.id: _said(inbox) for inbox in known},
        "events": {inbox.id: [_said(event) for event in operator.history(inbox.id)] for inbox in known},
        "attempts": {inbox.id: [_said(attempt) for attempt in operator.attempts(inbox.id)] for inbox in known},
    }


def read_as_owner(inboxes: Inboxes, inbox: Said) -> Said:
    """The same of one inbox, asked by its owner."""
    owner, inbox_id = inbox["owner_id"], inbox["id"]
    return {
        "inboxes": _said(inboxes.get(inbox_id, owner_id=owner)),
        "events": [_said(event) for event in inboxes.history(inbox_id, owner_id=owner)],
        "attempts": [_said(attempt) for attempt in inboxes.attempts(inbox_id, owner_id=owner)],
    }


def as_far_as(expected: Said, record: Said) -> Said:
    """The fields of a record that were written down: records may grow fields, and lose none."""
    return {name: value for name, value in record.items() if name in expected}


def _said(value: Any) -> Any:
    for kinds, say in _SAYING.items():
        if isinstance(value, kinds):
            return say(value)
    if is_dataclass(value):
        return {field.name: _said(getattr(value, field.name)) for field in fields(value)}
    return value


_SAYING: dict[Any, Callable[[Any], Any]] = {
    InboxEvent: lambda event: {"type": type(event).__name__, "payload": msgspec.to_builtins(event)},
    Pair: lambda pair: [pair.status.value, pair.warmup_status.value],
    Context: Context.as_dict,
    datetime: time_text,
    bytes: bytes.hex,
}
