"""The bound on an answer: one that is too large is told from one that did not come.

Each transport is wrapped so that what comes is counted before the driver, for which both are the same, sees it. It also
leaves packed what came packed: nothing asked for it, and a small answer could be a flood once unpacked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import httpx

from inbox_lifecycle.drivers.network import LARGEST_ANSWER

_MEBIBYTE: Final = 1024 * 1024


class TooLarge(Exception):
    """The answer is larger than its bound."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the answer is larger than {LARGEST_ANSWER // _MEBIBYTE} MiB, ask for less at once")
        #: The HTTP status.
        self.status = status


class Bounded(httpx.BaseTransport):
    """A transport whose answers are counted as they come."""

    def __init__(self, transport: httpx.BaseTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        return _bounded(self._transport.handle_request(request))


class AsyncBounded(httpx.AsyncBaseTransport):
    """As `Bounded`, for the async client."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        return _bounded(await self._transport.handle_async_request(request))


class _Counted(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body on its way, of either kind."""

    def __init__(self, stream: Any, status: int) -> None:
        self._stream = stream
        self._status = status
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._count(chunk)
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._count(chunk)
            yield chunk

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _count(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > LARGEST_ANSWER:
            raise TooLarge(self._status)


def _bounded(response: httpx.Response) -> httpx.Response:
    response.headers.pop("Content-Encoding", None)
    if response.is_stream_consumed:
        if len(response.content) > LARGEST_ANSWER:
            raise TooLarge(response.status_code)
    else:
        response.stream = _Counted(response.stream, response.status_code)
    return response
