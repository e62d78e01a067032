"""Arguments of `export`, checked once for both facades."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from inbox_lifecycle.audit.exporting import Export
from inbox_lifecycle.audit.forms import SOURCE, Form
from inbox_lifecycle.canonical import check_text
from inbox_lifecycle.codec import EVENT_TYPES
from inbox_lifecycle.domain import AttemptKind, InboxId
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.facade.calls import AnyId, read_owner
from inbox_lifecycle.facade.points import read_moment
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.store.exporting import Filters, What

E = TypeVar("E", bound=StrEnum)

_EVENTS = sorted({name for name, _ in EVENT_TYPES})
_KINDS = [kind.value for kind in AttemptKind]

# RFC 3986, section 4.1: a URI, or a reference relative to one, whose first segment holds no colon.
_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_URI_REFERENCE = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*:|(?![^/?#]*:))"
    rf"(?://{_CHARACTER}*(?:\[[0-9A-Fa-f:.]+\](?::[0-9]*)?)?(?=[/?#]|\Z))?(?:{_CHARACTER}|/)*"
    rf"(?:\?(?:{_CHARACTER}|[/?])*)?(?:#(?:{_CHARACTER}|[/?])*)?"
)


def read_export(
    what: str,
    *,
    form: str,
    inbox_id: AnyId | None,
    owner_id: AnyId | None,
    name: str | None,
    since: datetime | None,
    until: datetime | None,
    actor: str | None,
    source: str | None,
) -> Export:
    """An export that makes sense.

    Raises:
        InvalidInput: it does not.
    """
    wanted, written = _one_of(What, "what", what), _one_of(Form, "form", form)
    filters = Filters(
        inbox_id=None if inbox_id is None else InboxId(read_id("inbox_id", inbox_id)),
        owner_id=None if owner_id is None else read_owner(owner_id),
        name=None if name is None else _read_name(wanted, name),
        since=None if since is None else read_moment("since", since),
        until=None if until is None else read_moment("until", until),
        actor=None if actor is None else check_text("actor", actor),
    )
    if filters.since is not None and filters.until is not None and filters.since >= filters.until:
        raise InvalidInput("since is before until: pass the earlier time as since")
    return Export(what=wanted, form=written, filters=filters, source=_read_source(written, source))


def _read_name(what: What, name: str) -> str:
    known = _KINDS if what is What.ATTEMPTS else _EVENTS
    if name not in known:
        raise InvalidInput(f"name, in an export of {what}, is one of {', '.join(known)}")
    return name


def _read_source(form: Form, source: str | None) -> str:
    if source is None:
        return SOURCE
    if form is not Form.CLOUDEVENTS:
        raise InvalidInput("only CloudEvents have a source: leave it out, or pass form='cloudevents'")
    if not (source and _URI_REFERENCE.fullmatch(check_text("source", source))):
        raise InvalidInput("source is a URI or a reference to one, such as https://inboxes.example.com")
    return source


def _one_of(words: type[E], name: str, word: str) -> E:
    try:
        return words(word)
    except ValueError:
        raise InvalidInput(f"{name} is one of {', '.join(words)}") from None
