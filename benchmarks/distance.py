"""A PostgreSQL that is further away: a process between client and socket that holds back what the client says.

    with away(url, folder, milliseconds=1.0) as far_url: ...

A process of its own, so that the waiting costs the client nothing, and threads, which wait more exactly than an event
loop does.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from benchmarks.relay import SOCKET

_CHUNK = 1 << 16


@contextmanager
def away(url: str, folder: Path, *, milliseconds: float) -> Iterator[str]:
    """The URL of the same database, each round trip to which takes so much longer."""
    parts = urlsplit(url)
    upstream = parse_qs(parts.query)["host"][0]
    there = folder / "away"
    there.mkdir()
    command = [sys.executable, "-m", "benchmarks.distance", str(there), upstream, str(milliseconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - this very module
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            if not process.stdout.readline():
                raise RuntimeError("the relay did not start")
            yield parts._replace(query=f"host={quote(str(there), safe='')}").geturl()
        finally:
            process.kill()
            (there / SOCKET).unlink(missing_ok=True)
            there.rmdir()


def _pass_on(source: socket.socket, target: socket.socket, delay: float) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            if delay:
                time.sleep(delay)
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _main() -> None:
    folder, upstream, delay = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]) / 1000
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(folder / SOCKET))
    listener.listen()
    print("listening", flush=True)
    while True:
        client, _ = listener.accept()
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.connect(str(upstream / SOCKET))
        for ends in ((client, server, delay), (server, client, 0.0)):
            threading.Thread(target=_pass_on, args=ends, daemon=True).start()


if __name__ == "__main__":
    _main()
