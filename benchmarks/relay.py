"""A relay in front of a PostgreSQL socket that counts round trips: how often the server said that it is ready again.

It says so once for all that a client asks for and then waits for, so that what is sent in a pipeline counts once.
Counting stands outside of what is measured: it has a pass of its own.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

#: How PostgreSQL names a socket in its folder.
SOCKET = ".s.PGSQL.5432"
_CHUNK = 1 << 16
#: The type of the message "ready for query".
_READY = ord("Z")
#: Bytes of a message's type and of its length, which counts itself but not the type.
_TYPE, _HEAD = 1, 5


@dataclass(eq=False)
class _End:
    """One side of a relayed connection."""

    socket: socket.socket
    is_client: bool
    other: _End | None = None
    #: The beginning of a message whose length is not known yet, and how much of the one before is still to come.
    head: bytes = b""
    rest: int = 0

    def count_ready(self, data: bytes) -> int:
        """How many messages of that type begin in what the server says next."""
        found, at = 0, 0
        while at < len(data):
            if self.rest:
                step = min(self.rest, len(data) - at)
                self.rest -= step
            else:
                step = min(_HEAD - len(self.head), len(data) - at)
                self.head += data[at : at + step]
                if len(self.head) == _HEAD:
                    found += self.head[0] == _READY
                    self.rest, self.head = int.from_bytes(self.head[_TYPE:]) + _TYPE - _HEAD, b""
            at += step
        return found


class Relay:
    """Passes everything on between clients of `folder` and the server of `upstream`, in a thread of its own."""

    def __init__(self, folder: Path, upstream: Path) -> None:
        """Listen in a folder, for a server whose socket is in another."""
        self.folder = folder
        self.trips = 0
        self._upstream = str(upstream / SOCKET)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(folder / SOCKET))
        self._listener.listen()
        self._selector = selectors.DefaultSelector()
        self._waker, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def __enter__(self) -> Self:
        """Start."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and close every connection."""
        self._waker.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._waker.close()
        os.unlink(self.folder / SOCKET)  # noqa: PTH108 - a socket is no file to Path on every platform

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._pass_on(key.data)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.connect(self._upstream)
        ends = _End(client, is_client=True), _End(server, is_client=False)
        for end, other in zip(ends, reversed(ends), strict=True):
            end.other = other
            self._selector.register(end.socket, selectors.EVENT_READ, end)

    def _pass_on(self, end: _End) -> None:
        assert end.other is not None  # noqa: S101 - both ends are made together
        if end.socket.fileno() < 0:
            return
        try:
            data = end.socket.recv(_CHUNK)
            if not end.is_client:
                # Before it is passed on: who reads the count has had the answer.
                self.trips += end.count_ready(data)
            end.other.socket.sendall(data)
        except OSError:
            data = b""
        if not data:
            self._hang_up(end, end.other)

    def _hang_up(self, *ends: _End) -> None:
        for end in ends:
            self._selector.unregister(end.socket)
            end.socket.close()
