"""The sandbox without a socket: an httpx transport that hands each request to it in the caller's own thread or task.

It behaves as the sandbox's server does over loopback: what cuts a connection there is the same httpx error here, a hang
that outlasts the request's read timeout is an `httpx.ReadTimeout`, and an effect that was still to come comes later.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import closing
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

import httpx

from inbox_lifecycle.providers.instantly import Instantly
from inbox_lifecycle.testing.reply import Cut, Exchange, Reply

if TYPE_CHECKING:
    from inbox_lifecycle.providers.port import Provider
    from inbox_lifecycle.testing.base import ProviderSandbox
    from inbox_lifecycle.testing.sandbox import Sandbox

#: Where the sandbox can be asked through a transport only: by RFC 6761 no name under `.invalid` is ever found, so that
#: a request which misses the transport reaches nobody.
BASE_URL: Final = "http://sandbox.invalid"


class ProviderTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Hands requests to a sandbox, started or not: for `transport=` of both facades, and of httpx's clients.

    Safe to share between threads, and between tasks. An error in a `before_answer` callback is raised in the caller.
    """

    #: The address to give to whatever makes the requests.
    base_url: Final = BASE_URL

    def __init__(self, sandbox: ProviderSandbox, *, sleep: Callable[[float], object] | None = None) -> None:
        """Make one.

        Args:
            sandbox: who answers.
            sleep: called with the seconds of each delay and hang, or of the read timeout if that is shorter, in place
                of waiting for them: `lambda seconds: None`, or one that moves the clock that the sandbox was given.
        """
        self.sandbox = sandbox
        self._sleep = sleep

    def provider(self, *, timeout: float = 20.0) -> Provider:
        """The adapter that asks this sandbox, when used with this transport; `timeout` is its own, in seconds."""
        return self.sandbox.provider(base_url=self.base_url, timeout=timeout)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The sandbox's answer.

        Raises:
            httpx.ReadTimeout: it hangs for longer than the request's read timeout.
            httpx.RemoteProtocolError: it breaks off, at once or while the body is read.
        """
        request.read()
        caller = _Caller(self.sandbox, request)
        with closing(caller.waits()) as waits:
            for seconds in waits:
                (self._sleep or time.sleep)(seconds)
        return caller.response()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As `handle_request`, without blocking the event loop."""
        await request.aread()
        caller = _Caller(self.sandbox, request)
        with closing(caller.waits()) as waits:
            for seconds in waits:
                await (asyncio.sleep(seconds) if self._sleep is None else _slept(self._sleep, seconds))
        return caller.response()


class SandboxTransport(ProviderTransport):
    """Hands requests to a sandbox, started or not: for `transport=` of both facades, and of httpx's clients.

    Safe to share between threads, and between tasks. An error in a `before_answer` callback is raised in the caller.
    """

    sandbox: Sandbox

    def provider(self, *, timeout: float = 20.0) -> Instantly:
        """The adapter that asks this sandbox, when used with this transport; `timeout` is its own, in seconds."""
        return self.sandbox.provider(base_url=self.base_url, timeout=timeout)


def respond(sandbox: ProviderSandbox, request: httpx.Request) -> httpx.Response:
    """The sandbox's whole answer to one request, without a client; delays and hangs take real seconds.

    Raises:
        httpx.ReadTimeout: it hangs for longer than the read timeout in the request's extensions.
        httpx.RemoteProtocolError: it breaks off, at once or in the middle of the body.
    """
    response = sandbox.transport().handle_request(request)
    response.request = request
    response.read()
    return response


async def _slept(sleep: Callable[[float], object], seconds: float) -> None:
    sleep(seconds)
    # Others have their turn, as they would while this one waits.
    await asyncio.sleep(0)


class _Caller:
    """One request, with the patience it has."""

    def __init__(self, sandbox: ProviderSandbox, request: httpx.Request) -> None:
        self._sandbox = sandbox
        self._request = request
        self._reply: Reply | None = None

    def waits(self) -> Generator[float, None, None]:
        """The seconds of each wait for the reply; closed half-way, the sandbox goes on alone, as any server would."""
        target = self._request.url.raw_path.decode("ascii")
        exchange = self._sandbox.exchange(self._request.method, target, self._request.headers, self._request.content)
        patience = self._request.extensions.get("timeout", {}).get("read")
        left = math.inf if patience is None else patience
        while (ahead := self._next(exchange)) is not None:
            waited = min(ahead, left)
            since = time.monotonic()
            try:
                yield waited
            except GeneratorExit:
                self._sandbox.leave(exchange, ahead - (time.monotonic() - since))
                raise
            if waited < ahead:
                self._sandbox.leave(exchange, ahead - waited)
                raise httpx.ReadTimeout("timed out", request=self._request)
            left -= waited

    def response(self) -> httpx.Response:
        """What the reply is on the wire."""
        reply = self._reply
        if reply is None or reply.cut is Cut.BEFORE_ANSWER:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=self._request)
        headers = {
            "Date": formatdate(usegmt=True),
            "Content-Type": "application/json",
            **reply.headers,
            "Content-Length": str(len(reply.body)),
        }
        return httpx.Response(reply.status, headers=headers, stream=_Body(reply, self._request))

    def _next(self, exchange: Exchange) -> float | None:
        """Seconds until the exchange goes on, None where it has ended."""
        try:
            while (seconds := next(exchange)) <= 0:
                pass
        except StopIteration as stop:
            self._reply = stop.value
            return None
        return seconds


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A reply's body, or the half of it that comes before the connection breaks off."""

    def __init__(self, reply: Reply, request: httpx.Request) -> None:
        self._reply = reply
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        whole = self._reply.body
        if self._reply.cut is None:
            yield whole
            return
        yield whole[: len(whole) // 2]
        raise httpx.RemoteProtocolError(
            "peer closed connection without sending complete message body", request=self._request
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk
