"""The transport of sync facades: httpx's own engine, with one deadline over all that a single exchange reads or writes.

A timeout on each read is not enough: an answer whose head comes byte by byte keeps every read in time and never ends.
Async facades need nothing of the kind, as asyncio can cancel a read at any moment.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore
import httpx

_CONNECTIONS = 100
#: Connections kept open for the next call, and for how many seconds.
_KEPT = 20
_KEPT_FOR = 5.0

# An exchange happens in one thread from its beginning to its end.
_exchange = threading.local()


class BoundedTransport(httpx.BaseTransport):
    """Exchanges over HTTP/1.1, each within the `exchange` seconds of its request's timeouts."""

    def __init__(self, *, certificates: ssl.SSLContext | None = None) -> None:
        """Make one.

        Args:
            certificates: whom to trust; those that httpx trusts unless said.
        """
        self._pool = httpcore.ConnectionPool(
            ssl_context=certificates or httpx.create_ssl_context(),
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_KEPT_FOR,
            network_backend=_Backend(),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, its body still to be read in this thread; trouble is raised as httpcore has it."""
        _exchange.deadline = time.monotonic() + request.extensions["timeout"]["exchange"]
        url = request.url
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                target,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Close the connections that are kept."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends at the exchange's deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        bounded = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, bounded))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.SyncBackend):
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        bounded = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(super().connect_tcp(host, port, bounded, local_address, socket_options))


def _left(timeout: float | None, over: type[Exception]) -> float:
    left: float = _exchange.deadline - time.monotonic()
    if left <= 0:
        raise over
    return left if timeout is None else min(left, timeout)
