"""A server on loopback that says exactly the bytes it was told to say, as slowly as it was told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

#: What to do with a connection, once the head of a request has come.
Script = Callable[[socket.socket], None]


class Canned:
    """The server: a thread for each connection, whose requests are answered by the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/accounts/ana%40example.com"
        #: Connections so far.
        self.connections = 0
        #: Counts the connections that this side has closed.
        self.hung_up = threading.Semaphore(0)
        #: Heads of the requests so far.
        self.heads: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        # The other side may hang up at any moment: that is what many tests are about.
        with connection, suppress(OSError):
            while head := self._read_head(connection):
                self.heads.append(head)
                self._script(connection)
        self.hung_up.release()

    @staticmethod
    def _read_head(connection: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            read = connection.recv(4096)
            if not read:
                return b""
            head += read
        return head


@contextmanager
def canned(script: Script) -> Iterator[Canned]:
    """A server that runs this script."""
    server = Canned(script)
    try:
        yield server
    finally:
        server.close()


def head(*headers: str, status: str = "200 OK") -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


def whole(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    return head(*headers, f"Content-Length: {len(body)}", status=status) + body


def saying(*parts: bytes, close: bool = False) -> Script:
    """Say these parts, and hang up if told to."""

    def script(connection: socket.socket) -> None:
        for part in parts:
            connection.sendall(part)
        if close:
            connection.shutdown(socket.SHUT_RDWR)

    return script


def trickling(start: bytes, drop: bytes, end: bytes, *, every: float, times: int) -> Script:
    """Say the start, then a drop every so many seconds, and the end when nobody has hung up by then."""

    def script(connection: socket.socket) -> None:
        connection.sendall(start)
        pause = threading.Event()
        for _ in range(times):
            pause.wait(every)
            connection.sendall(drop)
        connection.sendall(end)

    return script
