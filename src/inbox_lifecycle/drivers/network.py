"""Performing a `Send`: one exchange over an httpx transport, bounded in time and size.

The transport is used without httpx's client, which logs every URL: a URL may hold an address or a key. Redirects are
not followed and the environment's proxies are not read; a host that needs a proxy hands over its own transport.
"""

from __future__ import annotations

import asyncio
import time
import zlib

import httpcore
import httpx

from inbox_lifecycle.flow import Send, Unanswered, Unsent

#: Bytes of an answer at most, as it came and unpacked; a provider's answer to a batch of 100 stays far below.
LARGEST_ANSWER = 8 * 1024 * 1024
_CONNECT_SHARE = 0.25

#: Ways of packing that are understood; nothing asks for any.
_PACKED = ("gzip", "x-gzip", "deflate")
# Of zlib: gzip or deflate, whichever the head says.
_BY_ITS_HEAD = 32 + zlib.MAX_WBITS

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
            for chunk in response.iter_raw() if _is_unread(response) else [response.content]:
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
                if not _is_unread(response):
                    _take(body, response.content, deadline)
                else:
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


def _is_unread(response: httpx.Response) -> bool:
    """Whether the body is still to come; a transport that makes answers up hands over one that is there, unpacked."""
    if response.is_stream_consumed:
        response.headers.pop("content-encoding", None)
    return not response.is_stream_consumed


def _take(body: bytearray, chunk: bytes, deadline: float) -> None:
    body += chunk
    if len(body) > LARGEST_ANSWER or time.monotonic() > deadline:
        raise TimeoutError


def _whole(response: httpx.Response, body: bytes, step: Send) -> httpx.Response:
    headers = httpx.Headers(response.headers)
    packed = headers.pop("content-encoding", "identity").strip().lower()
    content = body if packed == "identity" else _unpacked(body, packed)
    if content is None:
        raise Unanswered("the answer could not be decoded")
    return httpx.Response(response.status_code, headers=headers, content=content, request=step.request)


def _unpacked(body: bytes, packed: str) -> bytes | None:
    """What was packed, by the two ways every server knows; None where it is broken or too large unpacked."""
    if packed not in _PACKED:
        return None
    unpacking = zlib.decompressobj(_BY_ITS_HEAD)
    try:
        content = unpacking.decompress(body, LARGEST_ANSWER + 1)
    except zlib.error:
        return None
    return content if unpacking.eof and len(content) <= LARGEST_ANSWER else None


def _failure(error: Exception) -> Unsent | Unanswered:
    # By kind only: the text of a transport's error may name hosts and more.
    kind = type(error).__name__
    return Unsent(kind) if kind in _UNSENT else Unanswered(kind)
