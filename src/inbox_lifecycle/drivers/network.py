"""Performing a `Send`: one exchange over an httpx transport, bounded in time and size.

The transport is used without httpx's client, which logs every URL: a URL may hold an address or a key. Redirects are
not followed and the environment's proxies are not read; a host that needs a proxy hands over its own transport.
"""

from __future__ import annotations

import asyncio
import time

import httpcore
import httpx

from inbox_lifecycle.flow import Send, Unanswered, Unsent

#: Bytes of an answer that are read at most; a provider's answer to a batch of 100 stays far below.
LARGEST_ANSWER = 8 * 1024 * 1024
_CONNECT_SHARE = 0.25

# Our own transport says httpcore's words, a host's says httpx's; they have the same names.
_TROUBLE = (
    httpx.TransportError,
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    OSError,
    TimeoutError,
)
# The request never left: there was no connection, or it was never begun.
_UNSENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "ProxyError")


def send(transport: httpx.BaseTransport, step: Send) -> httpx.Response:
    """The whole answer.

    Raises:
        Unsent: the request never left.
        Unanswered: it may have had its effect.
    """
    deadline = time.monotonic() + step.timeout
    _set_timeouts(step)
    try:
        response = transport.handle_request(step.request)
        try:
            body = bytearray()
            for chunk in response.iter_raw():
                _take(body, chunk, deadline)
        finally:
            response.close()
    except _TROUBLE as error:
        failure = _failure(error)
    else:
        return _whole(response, bytes(body), step)
    raise failure


async def send_async(transport: httpx.AsyncBaseTransport, step: Send) -> httpx.Response:
    """As `send`, without blocking the event loop."""
    deadline = time.monotonic() + step.timeout
    _set_timeouts(step)
    try:
        async with asyncio.timeout(step.timeout):
            response = await transport.handle_async_request(step.request)
            try:
                body = bytearray()
                async for chunk in response.aiter_raw():
                    _take(body, chunk, deadline)
            finally:
                await response.aclose()
    except _TROUBLE as error:
        failure = _failure(error)
    else:
        return _whole(response, bytes(body), step)
    raise failure


def _set_timeouts(step: Send) -> None:
    connect = step.timeout * _CONNECT_SHARE
    step.request.extensions["timeout"] = {
        "connect": connect,
        "pool": connect,
        "read": step.timeout,
        "write": step.timeout,
        "exchange": step.timeout,
    }


def _take(body: bytearray, chunk: bytes, deadline: float) -> None:
    body += chunk
    if len(body) > LARGEST_ANSWER or time.monotonic() > deadline:
        raise TimeoutError


def _whole(response: httpx.Response, body: bytes, step: Send) -> httpx.Response:
    # Content decoding (gzip and its like) happens here; a broken one is no answer either.
    try:
        whole = httpx.Response(response.status_code, headers=response.headers, content=body, request=step.request)
    except httpx.DecodingError:
        failure = Unanswered("the answer could not be decoded")
    else:
        return whole
    raise failure


def _failure(error: Exception) -> Unsent | Unanswered:
    # By kind only: the text of a transport's error may name hosts and more.
    kind = type(error).__name__
    return Unsent(kind) if kind in _UNSENT else Unanswered(kind)
