"""What the sandbox answers, before it goes over the wire."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Any, Protocol

import msgspec


class Cut(Enum):
    """Where a connection breaks off."""

    BEFORE_ANSWER = "before the answer"
    MID_BODY = "in the middle of the body"


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `cut` says where the connection breaks off, if it does."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: Cut | None = None


#: An answer under way: gives the seconds to wait before it goes on, and in the end the reply.
Exchange = Generator[float, None, Reply]


class Headers(Protocol):
    """A request's headers, whoever has read them."""

    def get(self, name: str, default: str, /) -> Any:
        """The header of this name in whatever case, or the default."""
        ...


class Refuse(Protocol):
    """How a provider words an error."""

    def __call__(self, status: int, message: str, *, retry_after: float | str | None = None) -> Reply:
        """The answer; `retry_after` is seconds to wait, or a text to send as it is."""
        ...


def answer(content: object, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status, msgspec.json.encode(content))


def error(status: int, message: str, *, retry_after: float | str | None = None) -> Reply:
    """An error in the shape that every documented error of Instantly has."""
    body = {"statusCode": status, "error": _phrase(status), "message": message}
    return Reply(status, msgspec.json.encode(body), wait_header(retry_after))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def wait_header(retry_after: float | str | None) -> dict[str, str]:
    """The header that says how long to wait, if anything is to be said."""
    if retry_after is None:
        return {}
    return {"Retry-After": retry_after if isinstance(retry_after, str) else f"{retry_after:g}"}
