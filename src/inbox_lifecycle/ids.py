"""Ids: UUIDs as lower-case text, made by the client, ordered by time (version 7, RFC 9562 section 5.7)."""

from __future__ import annotations

import secrets
import threading
from datetime import datetime
from uuid import UUID

from inbox_lifecycle.errors import MalformedId

_VERSION_7 = 0x7 << 76
_VARIANT = 0x2 << 62


class _Last(threading.local):
    """The newest id of a thread: no lock, so none that a forked child could find held."""

    milliseconds = -1
    random = 0


_last = _Last()


def new_id(now: datetime) -> str:
    """A fresh id whose order is that of `now` to the millisecond, and within one that of the calls of a thread.

    Ids that come in order of time land on the same index pages, so that appending stays cheap in a large table.
    """
    milliseconds = int(now.timestamp() * 1000)
    random = _last.random + 1 + secrets.randbits(32) if milliseconds == _last.milliseconds else secrets.randbits(73)
    _last.milliseconds, _last.random = milliseconds, random
    number = (milliseconds << 80) | _VERSION_7 | ((random >> 62) << 64) | _VARIANT | (random & ((1 << 62) - 1))
    # As `str(UUID(int=number))` has it, without making the object.
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def read_id(name: str, value: str | UUID) -> str:
    """The id in its one form.

    Raises:
        MalformedId: it is not a UUID.
    """
    if isinstance(value, UUID):
        value = str(value)
    try:
        parsed = UUID(value)
    except (ValueError, AttributeError, TypeError):
        raise MalformedId(name) from None
    # Walks over all inboxes begin behind the nil UUID.
    if str(parsed) != value.lower() or parsed.int == 0:
        raise MalformedId(name)
    return str(parsed)
