"""Canonical JSON, as RFC 8785 has it, for the part of JSON that we write: the bytes that hashes and commitments cover.

Keys are ASCII, integers stay below 2^53, there are no floats, and texts hold neither NUL (PostgreSQL cannot store it)
nor lone surrogates (they have no UTF-8). Within these bounds sorting keys by code point is RFC 8785's order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

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


def check_value(value: object) -> None:
    """Nothing, if the value has a canonical form.

    Raises:
        MalformedText: a text holds NUL or a lone surrogate.
        TypeError, ValueError: the value lies outside the part of JSON that we write.
    """
    _check(value)


def check_text(name: str, text: str) -> str:
    """The text itself, if every database can keep it.

    Raises:
        MalformedText: it is not text, or holds NUL or a lone surrogate.
    """
    if not isinstance(text, str):
        raise MalformedText(name, "it is not text")
    if "\x00" in text:
        raise MalformedText(name, "it holds a NUL character")
    if not text.isascii():
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
    # Many forms can be read, and only one is ours. Every event that is read brings two times: writing each again, to
    # compare, would take longer than all else that is done with them.
    if _TIME(text) is None:
        raise ValueError(_ANOTHER_FORM)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_ANOTHER_FORM) from None


# The hour is spelled out: some versions of Python read 24 as the next day's beginning.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):\d\d:\d\d\.\d{6}Z", re.ASCII).fullmatch
_ANOTHER_FORM = "a time in another form than YYYY-MM-DDTHH:MM:SS.ffffffZ"


def _check(value: object) -> None:
    check = _CHECKS.get(type(value)) or _check_for(value)
    check(value)


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


def _check_list(value: Sequence[object]) -> None:
    for item in value:
        _check(item)


def _check_text(value: str) -> None:
    # Every text knows whether it is ASCII, and ASCII has no surrogates.
    if not value.isascii() or "\x00" in value:
        check_text("a text in an event", value)


def _accept(_value: object) -> None:
    """Nothing can be wrong with it."""


#: By type, as a look into a table: every event that is written or verified goes through here field by field.
_CHECKS: dict[type, Callable[[Any], None]] = {
    str: _check_text,
    dict: _check_object,
    int: _check_integer,
    bool: _accept,
    type(None): _accept,
    list: _check_list,
    tuple: _check_list,
}
#: The same for types derived from these, or that behave like them; the first that fits is taken.
_BY_KIND: tuple[tuple[type, Callable[[Any], None]], ...] = (
    (str, _check_text),
    (int, _check_integer),
    (Mapping, _check_object),
)


def _check_for(value: object) -> Callable[[Any], None]:
    for kind, check in _BY_KIND:
        if isinstance(value, kind):
            return check
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return _check_list
    message = f"{type(value).__name__} has no canonical form here"
    raise TypeError(message)
