"""Ending without losing a request: middleware that counts what is in flight, and knows when the server is to end.

It stands between the server and the application. While the server drains, requests that still come on connections that
are there are answered, `/readyz` by a 503, and each connection is closed with its answer.

It also refuses what a proxy may take for another request than the server does: a length beside a transfer coding.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi.responses import Response

from inbox_lifecycle import errors
from inbox_lifecycle.http.answering import answer_with_status, document_of, headers_of, respond, row_for
from inbox_lifecycle.http.guarding import Message, Receive, Scope, Send, with_request_id
from inbox_lifecycle.http.health import DRAINING, LIVE

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_CUT_OFF: Final = "The server had to end before the answer was known: ask again."
_FULL: Final = "Too many requests are in flight, and nothing was done: try again in a moment."

_CLOSE: Final = (b"connection", b"close")

#: Both at once may be request smuggling: the connection must be closed (RFC 9112, section 6.1).
_FRAMINGS: Final = frozenset({b"content-length", b"transfer-encoding"})


class Draining:
    """Counts the requests in flight, and takes no more than so many at once."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], *, most: int) -> None:
        self._app = app
        self._most = most
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._begun = False
        #: Requests that were cut off, since they were in flight for longer than the server could wait.
        self.cut_off = 0

    @property
    def begun(self) -> bool:
        """Whether the server is about to end."""
        return self._begun

    @property
    def in_flight(self) -> int:
        """Requests that have no answer yet."""
        return self._in_flight

    def begin(self) -> None:
        """From now on, send callers elsewhere."""
        self._begun = True

    async def wait_until_idle(self, seconds: float) -> None:
        """Wait until nothing is in flight, for so many seconds at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._in_flight += 1
        self._idle.clear()
        try:
            await self._pass_on(scope, receive, send)
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._begun:
            scope[DRAINING] = True
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            if self._begun and message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), _CLOSE]
            await send(message)

        if {name.lower() for name, _ in scope["headers"]} >= _FRAMINGS:
            await answer_with_status(400, {"Connection": "close"})(scope, receive, with_request_id(scope, sending))
            return
        if self._in_flight > self._most and scope["path"] != LIVE:
            await _answer_full()(scope, receive, with_request_id(scope, sending))
            return
        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:
            if not self._begun:
                raise
            # The server has waited for as long as it may. Swallowed, or it would write a trace and a plain 500.
            self.cut_off += 1
            if not begun:
                await _answer_cut_off(scope)(scope, receive, with_request_id(scope, sending))


def _answer_full() -> Response:
    return _answer(errors.StoreUnavailable("full"), _FULL, retry_after="1")


def _answer_cut_off(scope: Scope) -> Response:
    """Of what changes something, nobody knows whether it was done."""
    if scope["method"] in _SAFE:
        return _answer(errors.StoreUnavailable("cut off"), _CUT_OFF)
    return _answer(errors.ProviderOutcomeUnknown("", "cut off"), _CUT_OFF)


def _answer(error: Exception, detail: str, *, retry_after: str | None = None) -> Response:
    row = row_for(error)
    headers = headers_of(error, row)
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return respond(row.status, {**document_of(error, row), "detail": detail}, headers)
