"""Canonical JSON, as RFC 8785 has it, for the part of JSON that we write: the bytes that hashes and commitments cover.

Keys are ASCII, integers stay below 2^53, there are no floats, and texts hold neither NUL (PostgreSQL cannot store it)
nor lone surrogates (they have no UTF-8). Within these bounds sorting keys by code point is RFC 8785's order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from inbox_lifecycle.errors import MalformedText

#: Integers from here on lose their exactness in JSON readers that use doubles (RFC 8785, section 3.2.2.3).
INTEGER_BOUND = 2**53

_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical(value: object) -> bytes:
    """The RFC 8785 form of a value made of dicts, lists, texts, integers, booleans and None.

    Raises:
        MalformedText: a text holds NUL or a lone surrogate.
        TypeError, ValueError: the value lies outside the part of JSON that we write.
    """
    _check(value)
    return _ENCODER.encode(value)


def check_text(name: str, text: str) -> str:
    """The text itself, if every database can keep it.

    Raises:
        MalformedText: it is not text, or holds NUL or a lone surrogate.
    """
    if not isinstance(text, str):
        raise MalformedText(name, "it is not text")
    if "\x00" in text:
        raise MalformedText(name, "it holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MalformedText(name, "it holds half of a surrogate pair") from None
    return text


def time_text(at: datetime) -> str:
    """A time as entries hold it: `YYYY-MM-DDTHH:MM:SS.ffffffZ`.

    Raises:
        ValueError: the time is not aware.
    """
    if at.tzinfo is None:
        message = "a time without a time zone: pass an aware datetime"
        raise ValueError(message)
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def read_time(text: str) -> datetime:
    """The time that `time_text` wrote.

    Raises:
        ValueError: it is not of that form.
    """
    at = _from_iso(text)
    # Many forms can be read; writing it again tells whether it was ours.
    if at is None or at.tzinfo is None or time_text(at) != text:
        message = "a time in another form than YYYY-MM-DDTHH:MM:SS.ffffffZ"
        raise ValueError(message)
    return at


def _from_iso(text: str) -> datetime | None:
    # Every row on SQLite brings three times: `strptime` would take longer than the query.
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _check(value: object) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        check_text("a text in an event", value)
    elif isinstance(value, int):
        _check_integer(value)
    elif isinstance(value, Mapping):
        _check_object(value)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        for item in value:
            _check(item)
    else:
        message = f"{type(value).__name__} has no canonical form here"
        raise TypeError(message)


def _check_integer(value: int) -> None:
    if not -INTEGER_BOUND < value < INTEGER_BOUND:
        message = "an integer of 2^53 or more has no exact form in JSON"
        raise ValueError(message)


def _check_object(value: Mapping[object, object]) -> None:
    for key, item in value.items():
        if not (isinstance(key, str) and key.isascii()):
            message = "a key that is not ASCII text"
            raise TypeError(message)
        _check(item)
