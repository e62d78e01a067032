"""Logs of requests: one line for each, with ids and numbers only.

A line names the route and never the path, the status, how long it took, the request's id, and the inbox that it was
about. Who called is not in it: what an owner is called may be personal, and a log cannot be erased. The request's id
stands beside what the request led to, as its correlation id, and there it is known who it was.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from inbox_lifecycle.canonical import time_text
from inbox_lifecycle.errors import MalformedId
from inbox_lifecycle.http.correlation import correlate
from inbox_lifecycle.http.facts import FACTS, place_of
from inbox_lifecycle.http.guarding import Message, Receive, Scope, Send
from inbox_lifecycle.http.routes import ACCOUNTS
from inbox_lifecycle.ids import read_id

logger = logging.getLogger("inbox_lifecycle.http")

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVER_ERROR: Final = 500
_ADDRESS: Final = re.compile(r"[^\s'\"(<]*@[^\s'\")>]*")


class RequestLog:
    """Middleware that writes the line, to the logger `inbox_lifecycle.http`: a warning where the status is 500 or more.

    Put it around an application, before or behind other middleware: `app.add_middleware(RequestLog)`.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, and say how it went."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        correlate(scope)
        # None where the client was gone before there was an answer.
        status: int | None = None
        begun = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except BaseException:
            # Whoever serves the application answers so.
            status = status or _SERVER_ERROR
            raise
        finally:
            _write(facts_of(scope, status, time.perf_counter() - begun))


def facts_of(scope: Scope, status: int | None, seconds: float) -> dict[str, Any]:
    """What a line says of a request that has been routed."""
    route = getattr(scope.get("route"), "path", None)
    facts = {
        "method": scope["method"] if scope["method"] in _METHODS else "other",
        # None where there is no such route.
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "request_id": correlate(scope).request_id,
    }
    inbox_id = _read_inbox_id(scope, route)
    return facts if inbox_id is None else {**facts, "inbox_id": inbox_id}


def _read_inbox_id(scope: Scope, route: str | None) -> str | None:
    named = scope.get("path_params", {}).get("id")
    if named is None or f"{ACCOUNTS}/{{id}}" not in (route or ""):
        return None
    try:
        return read_id("id", named)
    except MalformedId:
        # It could be anything.
        return None


def _write(facts: Mapping[str, Any]) -> None:
    failed = (facts["status"] or 0) >= _SERVER_ERROR
    level = logging.WARNING if failed else logging.INFO
    logger.log(
        level,
        "%s %s %s in %s ms",
        facts["method"],
        facts["route"] or "-",
        facts["status"] or "-",
        facts["ms"],
        extra={FACTS: facts},
    )


class JsonLog(logging.Formatter):
    """A record as one JSON document on one line: its message, the facts of a request, and of an error where it was."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said = {
            "time": _time_of(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message_of(record),
        }
        return json.dumps({**said, **getattr(record, FACTS, {}), **_error_of(record)})


class TextLog(logging.Formatter):
    """A record as one line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        facts: Mapping[str, Any] = getattr(record, FACTS, {})
        known = {name: facts[name] for name in ("request_id", "inbox_id", "error", "at") if name in facts} | _error_of(
            record
        )
        more = "".join(f" {name}={value}" for name, value in known.items())
        return f"{_time_of(record)} {record.levelname.lower()} {_message_of(record)}{more}"


def log_to_stderr(formatter: logging.Formatter) -> None:
    """Write what the library says, and warnings of everybody else, to standard error, one line each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("inbox_lifecycle").setLevel(logging.INFO)
    # It warns of what a client sent, an `Upgrade` or bytes that are no HTTP: anybody could fill the log with that.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def _message_of(record: logging.LogRecord) -> str:
    """The first line, without addresses and with nothing that a terminal would obey; others may log anything."""
    first = next(iter(record.getMessage().strip().splitlines()), "")
    return _ADDRESS.sub("...", "".join(letter for letter in first if letter.isprintable()))


def _error_of(record: logging.LogRecord) -> dict[str, str]:
    """The type of an error and where it was raised; its text and its trace may hold anything."""
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    kind, _, trace = record.exc_info
    return {"error": kind.__name__, **place_of(trace)}


def _time_of(record: logging.LogRecord) -> str:
    return time_text(datetime.fromtimestamp(record.created, UTC))
