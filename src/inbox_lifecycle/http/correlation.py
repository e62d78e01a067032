"""Which request something belongs to: read from a request's headers, kept beside every event and attempt it leads to.

The request id is the client's `X-Request-ID`, where it sent one of up to 128 letters, digits and `-_.:/+=~`; otherwise
one is made. It is answered in the same header. As it is logged, what may be a token of somebody's is not taken for one.

The correlation id, under which everything done for one purpose is found, is the client's request id; where it sent
none, the trace id of a W3C `traceparent`; where it sent neither, the id made here. The causation id, which says what
directly led here, is the `traceparent` itself: it names the caller's span, and exports to CloudEvents know it there.

A header that is malformed, or there twice, is as one that was not sent: no request fails for it (W3C Trace Context,
section 3.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

#: Header names, as ASGI has them.
REQUEST_ID = b"x-request-id"
_TRACEPARENT = b"traceparent"

_KEPT_AS = "inbox_lifecycle.correlation"

_REQUEST_ID_FORM = re.compile(rb"[A-Za-z0-9_.:/+=~-]{1,128}")
# An API key of ours, or a JWT: its header is a JSON object, which begins so in base64url (RFC 7515, section 3.1).
_TOKEN_FORM = re.compile(rb"ilk_|eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.")
# Version 00 ends after the flags; later versions may say more, of which these four stay what they are.
_TRACEPARENT_FORM = re.compile(
    rb"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)


@dataclass(frozen=True, slots=True)
class Correlation:
    """What a request is known by."""

    request_id: str
    correlation_id: str
    #: None where the client sent no `traceparent`.
    causation_id: str | None


def correlate(scope: MutableMapping[str, Any]) -> Correlation:
    """What the request is known by; the same whoever asks, and however often."""
    known = scope.get(_KEPT_AS)
    if not isinstance(known, Correlation):
        known = scope[_KEPT_AS] = read_correlation(scope["headers"])
    return known


def read_correlation(headers: Iterable[tuple[bytes, bytes]]) -> Correlation:
    """What these headers say."""
    said = list(headers)
    sent = _read_request_id(_only(said, REQUEST_ID))
    request_id = sent or str(uuid4())
    traceparent = _read_traceparent(_only(said, _TRACEPARENT))
    if traceparent is None:
        return Correlation(request_id, request_id, None)
    return Correlation(request_id, sent or traceparent.split("-")[1], traceparent)


def _only(headers: list[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    values = [value for key, value in headers if key == name]
    return values[0] if len(values) == 1 else None


def _read_request_id(value: bytes | None) -> str | None:
    if value is None or not _REQUEST_ID_FORM.fullmatch(value) or _TOKEN_FORM.search(value):
        return None
    return value.decode()


def _read_traceparent(value: bytes | None) -> str | None:
    """The header in the form of version 00 (W3C Trace Context, section 3.2.2)."""
    found = None if value is None else _TRACEPARENT_FORM.fullmatch(value)
    if found is None or not int(found["trace"], 16) or not int(found["parent"], 16):
        return None
    if found["version"] == b"ff" or (found["version"] == b"00" and found["more"] is not None):
        return None
    return b"-".join((b"00", found["trace"], found["parent"], found["flags"])).decode()
