"""One exchange over a real connection, sync and async: bounded in time and size, each failure by one of two names.

`Unsent` promises that the request had no effect, so it is only said where no connection came about.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import ssl
from collections.abc import Callable, Iterator

import httpx
import pytest

from inbox_lifecycle.drivers.network import LARGEST_ANSWER, send, send_async
from inbox_lifecycle.drivers.transport import BoundedTransport
from inbox_lifecycle.flow import Send, Unanswered, Unsent
from tests.support.canned import canned, head, saying, trickling, whole

# Nothing here speaks TLS, and reading the certificates takes longer than a whole test.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Exchange = Callable[[Send], httpx.Response]


@pytest.fixture(params=["sync", "async"])
def exchange(request: pytest.FixtureRequest) -> Iterator[Exchange]:
    """Performs exchanges over one transport."""
    if request.param == "sync":
        with BoundedTransport(certificates=NO_TLS) as transport:
            yield lambda step: send(transport, step)
        return
    with asyncio.Runner() as runner:
        over = httpx.AsyncHTTPTransport(verify=NO_TLS)
        yield lambda step: runner.run(send_async(over, step))
        runner.run(over.aclose())


def get(url: str, timeout: float = 30.0) -> Send:
    """A request."""
    return Send(httpx.Request("GET", url), timeout)


def test_a_whole_answer_comes_back_whole(exchange: Exchange) -> None:
    """Status, headers and body are those that were sent."""
    with canned(saying(whole(b'{"ok":1}', "Retry-After: 7", status="429 Slow Down"))) as server:
        answer = exchange(get(server.url))
    assert (answer.status_code, answer.headers["retry-after"], answer.content) == (429, "7", b'{"ok":1}')


def test_a_chunked_answer_comes_back_joined(exchange: Exchange) -> None:
    """The framing is gone, and the answer can be read like any other."""
    chunks = (head("Transfer-Encoding: chunked"), b"2\r\n[1\r\n", b"3\r\n,2]\r\n", b"0\r\n\r\n")
    with canned(saying(*chunks)) as server:
        assert exchange(get(server.url)).json() == [1, 2]


def test_a_compressed_answer_is_decoded(exchange: Exchange) -> None:
    """Though we never ask for compression, some edges compress all the same."""
    with canned(saying(whole(gzip.compress(b'{"ok":1}'), "Content-Encoding: gzip"))) as server:
        assert exchange(get(server.url)).json() == {"ok": 1}


def test_a_compressed_answer_that_is_broken_is_unanswered(exchange: Exchange) -> None:
    """It may have had its effect, and nobody can read what became of it."""
    with canned(saying(whole(b"this is no gzip", "Content-Encoding: gzip"))) as server, pytest.raises(Unanswered):
        exchange(get(server.url))


@pytest.mark.parametrize("headers", [{}, {"Content-Encoding": "gzip"}])
def test_an_answer_that_a_transport_makes_up_comes_back_whole(headers: dict[str, str]) -> None:
    """Its body has been read already, and unpacked: httpx's own transport for tests makes such answers."""
    content = gzip.compress(b'{"ok":1}') if headers else b'{"ok":1}'
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, headers=headers, content=content))
    over = [send(transport, get("http://provider.example.com"))]
    over.append(asyncio.run(send_async(transport, get("http://provider.example.com"))))
    assert [answer.json() for answer in over] == [{"ok": 1}] * 2


def test_an_answer_that_is_too_large_once_unpacked_is_unanswered(exchange: Exchange) -> None:
    """A few bytes that unpack to more than is ever read are not unpacked any further."""
    packed = gzip.compress(bytes(LARGEST_ANSWER + 1))
    assert len(packed) < LARGEST_ANSWER / 100
    with canned(saying(whole(packed, "Content-Encoding: gzip"))) as server, pytest.raises(Unanswered):
        exchange(get(server.url))


@pytest.mark.parametrize("packing", ["gzip, gzip", "br", "something"])
def test_an_answer_packed_in_another_way_is_unanswered(exchange: Exchange, packing: str) -> None:
    """Nothing asked for it."""
    said = whole(gzip.compress(b"{}"), f"Content-Encoding: {packing}")
    with canned(saying(said)) as server, pytest.raises(Unanswered):
        exchange(get(server.url))


def test_an_answer_that_is_too_large_is_unanswered(exchange: Exchange) -> None:
    """Reading stops at the bound, whatever length was announced."""
    announced = head(f"Content-Length: {LARGEST_ANSWER * 100}")
    with canned(saying(announced, b"x" * (LARGEST_ANSWER + 1))) as server, pytest.raises(Unanswered):
        exchange(get(server.url))


def test_an_answer_without_end_is_unanswered(exchange: Exchange) -> None:
    """No length was announced and the bytes never cease: reading stops at the bound."""

    def flood(connection: socket.socket) -> None:
        connection.sendall(head("Transfer-Encoding: chunked"))
        while True:
            connection.sendall(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")

    with canned(flood) as server, pytest.raises(Unanswered):
        exchange(get(server.url))


def test_an_answer_as_large_as_allowed_comes_back(exchange: Exchange) -> None:
    """The bound itself is still allowed."""
    with canned(saying(whole(b"x" * LARGEST_ANSWER))) as server:
        assert len(exchange(get(server.url)).content) == LARGEST_ANSWER


def test_a_body_that_trickles_is_unanswered_at_the_deadline(exchange: Exchange) -> None:
    """Each byte comes in time and the whole never does: the time is for the whole exchange."""
    drops = trickling(head("Content-Length: 41"), b"x", b"x", every=0.05, times=40)
    with canned(drops) as server, pytest.raises(Unanswered):
        exchange(get(server.url, timeout=0.3))


def test_a_head_that_trickles_is_unanswered_at_the_deadline(exchange: Exchange) -> None:
    """The same for the head of the answer, which may go on for a hundred kilobytes."""
    drops = trickling(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", b"\r\nContent-Length: 0\r\n\r\n", every=0.05, times=40)
    with canned(drops) as server, pytest.raises(Unanswered):
        exchange(get(server.url, timeout=0.3))


def test_silence_is_unanswered(exchange: Exchange) -> None:
    """The request was taken and nothing came back."""
    with canned(saying()) as server, pytest.raises(Unanswered):
        exchange(get(server.url, timeout=0.2))


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\nContent-", head("Content-Length: 100") + b"half"],
    ids=["before the answer", "in its head", "in its body"],
)
def test_a_connection_that_is_cut_is_unanswered(exchange: Exchange, said: bytes) -> None:
    """The request was sent: wherever the answer broke off, it may have had its effect."""
    with canned(saying(said, close=True)) as server, pytest.raises(Unanswered):
        exchange(get(server.url))


def test_an_answer_that_is_not_http_is_unanswered(exchange: Exchange) -> None:
    """Something else listens there, and it took the request."""
    with canned(saying(b"220 smtp.example.com ESMTP\r\n\r\n")) as server, pytest.raises(Unanswered):
        exchange(get(server.url))


def test_a_connection_that_is_refused_is_unsent(exchange: Exchange) -> None:
    """Nobody listens: the request never left."""
    with canned(saying(b"")) as server:
        url = server.url
    with pytest.raises(Unsent):
        exchange(get(url))


def test_a_scheme_that_is_unknown_is_unsent(exchange: Exchange) -> None:
    """There is nothing that could carry it."""
    with pytest.raises(Unsent):
        exchange(get("gopher://127.0.0.1/"))


def test_a_failure_names_its_kind_and_nothing_else(exchange: Exchange) -> None:
    """The text of a transport's error may name hosts, and its cause may hold the request."""
    with canned(saying(b"", close=True)) as server, pytest.raises(Unanswered) as failure:
        exchange(get(server.url))
    assert str(failure.value) == "RemoteProtocolError"
    assert (failure.value.__cause__, failure.value.__context__) == (None, None)


def test_a_redirect_is_an_answer_and_not_followed(exchange: Exchange) -> None:
    """A key is for one host only."""
    with canned(saying(whole(b"", "Location: http://elsewhere.example.com/", status="302 Found"))) as server:
        assert exchange(get(server.url)).status_code == 302
    assert server.connections == 1


def test_a_connection_is_used_again(exchange: Exchange) -> None:
    """Three exchanges, one connection."""
    with canned(saying(whole(b"{}"))) as server:
        answers = [exchange(get(server.url)).status_code for _ in range(3)]
    assert (answers, server.connections) == ([200] * 3, 1)


def test_a_connection_that_was_closed_while_idle_is_made_anew(exchange: Exchange) -> None:
    """The server hangs up after each answer without having said so; the next exchange has its own connection."""
    with canned(saying(whole(b"{}"), close=True)) as server:
        answers = []
        for _ in range(3):
            answers.append(exchange(get(server.url)).status_code)
            assert server.hung_up.acquire(timeout=10)
    assert (answers, server.connections) == ([200] * 3, 3)


def test_the_proxies_of_the_environment_are_not_asked(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy is the host's to hand over: one that the environment names is never connected to."""
    with canned(saying(whole(b""))) as proxy, canned(saying(whole(b"{}"))) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        exchange(get(server.url))
    assert (server.connections, proxy.connections) == (1, 0)


def test_no_log_names_the_address_or_the_key(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    """Not even at the level at which the transport tells its every step."""
    caplog.set_level(logging.DEBUG)
    with canned(saying(whole(b'{"email":"ana@example.com"}'))) as server:
        step = get(server.url)
        step.request.headers["Authorization"] = "Bearer very-secret"
        exchange(step)
    assert caplog.messages != []
    assert not any(word in caplog.text for word in ("ana%40", "ana@", "very-secret"))
