"""A TCP proxy on loopback in front of a PostgreSQL socket, which breaks connections exactly where a test wants it.

It understands as much of PostgreSQL's protocol as it takes to tell where one request ends and where its answer ends, so
that "before it was sent", "before it was answered" and "after it took effect" are facts and not a matter of timing.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from types import TracebackType
from typing import Self

# Protocol version 3: requests without a type byte, by their code, which stand before a connection's start-up message.
_PREAMBLES = frozenset({80877102, 80877103, 80877104})
# A request is whole with Sync, Query, Terminate or a password.
_REQUEST_ENDS = frozenset(b"SQXp")
_READY = ord("Z")
_CHUNK = 1 << 16
# Nothing here waits longer; a test that forgets to release something fails instead of hanging.
_LONGEST = 60.0


class Fate(Enum):
    """What becomes of a request that a trap was set for."""

    #: The connection breaks, and the server never gets the request.
    UNSENT = "unsent"
    #: The server gets the request, and the connection breaks at once; the answer is swallowed whenever it comes.
    SWALLOWED = "swallowed"
    #: The server has answered, so that the request took effect; the connection breaks with the answer withheld.
    UNHEARD = "unheard"
    #: The connection breaks; the server gets the request when the trap is released, and its answer is swallowed.
    LATE = "late"
    #: Nothing breaks: the server gets the request when the trap is released.
    HELD = "held"
    #: Nothing breaks: the answer arrives when the trap is released.
    ANSWER_HELD = "answer held"


@dataclass(eq=False)
class Trap:
    """Set for the next request that contains some bytes."""

    marker: bytes
    fate: Fate
    #: From then on new connections are refused, until the proxy resumes.
    refuse: bool = False
    #: Called in the connection's thread, as soon as the fate is known and before it is felt.
    action: Callable[[], object] | None = None
    #: A request with these bytes came by.
    sprung: threading.Event = field(default_factory=threading.Event)
    #: The server answered it, or closed its end.
    answered: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let what was held go on."""
        self._released.set()

    def spring(self) -> None:
        """Say that the request came, and do what was to be done."""
        self.sprung.set()
        if self.action is not None:
            self.action()

    def wait(self) -> None:
        """Wait for the release."""
        assert self._released.wait(_LONGEST), "nobody released the trap"


class Proxy:
    """The proxy; `with Proxy(path) as proxy`."""

    def __init__(self, upstream: Path) -> None:
        self._upstream = upstream
        self._mutex = threading.Lock()
        self._traps: list[Trap] = []
        self._sprung: list[Trap] = []
        self._links: dict[_Link, threading.Thread] = {}
        self._refusing = False
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept, name="proxy", daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for trap in self._sprung:
            trap.release()
        for link, thread in self._links.items():
            link.cut()
            thread.join()

    def url(self, database: str) -> str:
        """The URL of a database behind the proxy."""
        return f"postgresql://postgres@127.0.0.1:{self._listener.getsockname()[1]}/{database}"

    def set_trap(
        self, marker: bytes, fate: Fate, *, refuse: bool = False, action: Callable[[], object] | None = None
    ) -> Trap:
        """Choose the fate of the next request that contains these bytes; several traps are spent one after another."""
        trap = Trap(marker, fate, refuse, action)
        with self._mutex:
            self._traps.append(trap)
        return trap

    def refuse(self) -> None:
        """The database is gone: break every connection and take no new one."""
        self._refusing = True
        self.cut()

    def resume(self) -> None:
        """The database is back."""
        self._refusing = False

    def cut(self) -> None:
        """Break every connection there is; new ones are taken."""
        with self._mutex:
            links = list(self._links)
        for link in links:
            link.cut()

    @property
    def connections(self) -> int:
        """Connections that are open."""
        with self._mutex:
            return sum(thread.is_alive() for thread in self._links.values())

    def spring(self, request: bytes) -> Trap | None:
        """The first trap set for this request, spent."""
        with self._mutex:
            trap = next((trap for trap in self._traps if trap.marker in request), None)
            if trap is None:
                return None
            self._traps.remove(trap)
            self._sprung.append(trap)
        self._refusing = self._refusing or trap.refuse
        trap.spring()
        return trap

    def _accept(self) -> None:
        while not self._closing:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing or self._closing:
                client.close()
                continue
            link = _Link(self, client, self._upstream)
            thread = threading.Thread(target=link.run, name="proxy-link", daemon=True)
            with self._mutex:
                self._links[link] = thread
            thread.start()


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, upstream: Path) -> None:
        self._proxy = proxy
        self._client = client
        self._upstream = upstream
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def cut(self) -> None:
        """Break both ends."""
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """Relay until an end is closed."""
        # A connection that breaks is what this is for.
        with self._client, self._server, suppress(OSError):
            self._server.connect(str(self._upstream))
            self._relay()

    def _relay(self) -> None:
        requests = _Requests()
        with DefaultSelector() as selector:
            selector.register(self._client, EVENT_READ)
            selector.register(self._server, EVENT_READ)
            while True:
                for key, _ in selector.select():
                    data = self._client.recv(_CHUNK) if key.fileobj is self._client else self._server.recv(_CHUNK)
                    if not data:
                        return
                    if key.fileobj is self._server:
                        self._client.sendall(data)
                    elif not all(map(self._forward, requests.take(data))):
                        return

    def _forward(self, request: bytes) -> bool:
        """Whether the connection goes on."""
        trap = self._proxy.spring(request)
        if trap is None:
            self._server.sendall(request)
            return True
        return self._meet(trap, request)

    def _meet(self, trap: Trap, request: bytes) -> bool:
        if trap.fate in {Fate.SWALLOWED, Fate.LATE}:
            self._client.shutdown(socket.SHUT_RDWR)
        if trap.fate in {Fate.LATE, Fate.HELD}:
            trap.wait()
        if trap.fate is Fate.UNSENT:
            return False
        if trap.fate is Fate.HELD:
            self._server.sendall(request)
            return True
        try:
            self._server.sendall(request)
            answer = self._whole_answer()
        finally:
            # The server may have hung up long ago, which is an answer too.
            trap.answered.set()
        if trap.fate is Fate.ANSWER_HELD:
            trap.wait()
            self._client.sendall(answer)
            return True
        return False

    def _whole_answer(self) -> bytes:
        answer = bytearray()
        while not _is_whole(answer):
            data = self._server.recv(_CHUNK)
            if not data:
                break
            answer += data
        return bytes(answer)


class _Requests:
    """Cuts what a client sends into whole requests."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._started = False

    def take(self, data: bytes) -> Iterator[bytes]:
        """The requests that are whole by now."""
        self._buffer += data
        while (end := self._end()) is not None:
            request = bytes(self._buffer[:end])
            del self._buffer[:end]
            yield request

    def _end(self) -> int | None:
        if not self._started:
            return self._start_up()
        for kind, end in _messages(self._buffer):
            if kind in _REQUEST_ENDS:
                return end
        return None

    def _start_up(self) -> int | None:
        if len(self._buffer) < 8:
            return None
        length, code = struct.unpack_from("!ii", self._buffer)
        if len(self._buffer) < length:
            return None
        self._started = code not in _PREAMBLES
        return int(length)


def _is_whole(answer: bytearray) -> bool:
    return any(kind == _READY for kind, _ in _messages(answer))


def _messages(buffer: bytearray) -> Iterator[tuple[int, int]]:
    """Type and end of each whole message."""
    start = 0
    while len(buffer) >= start + 5:
        (length,) = struct.unpack_from("!i", buffer, start + 1)
        end = start + 1 + length
        if len(buffer) < end:
            return
        yield buffer[start], end
        start = end
