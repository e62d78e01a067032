"""`inbox-lifecycle serve` in a process of its own, and ways to ask it over real connections."""

from __future__ import annotations

import asyncio
import http.client
import json
import queue
import re
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from inbox_lifecycle import Inbox
from tests.support.commands import Terminal

#: Seconds after which what should have happened never will.
PATIENCE = 60.0
_LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)(\S*)")


@dataclass(frozen=True)
class Answer:
    """An answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def document(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


class Server:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._fresh: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        said = _LISTENING.search(self.wait_for("listening on"))
        assert said is not None
        self.port, self.prefix = int(said[1]), said[2].rstrip('"}')

    @property
    def url(self) -> str:
        """Where its routes begin."""
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    @property
    def log(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        return [json.loads(line) for line in self.lines]

    def wait_for(self, words: str) -> str:
        """The next line that it writes with these words."""
        while (line := self._fresh.get(timeout=PATIENCE)) is not None:
            if words in line:
                return line
        raise AssertionError(f"it ended without a word of {words!r}: {self.lines}")

    def connect(self) -> http.client.HTTPConnection:
        """A connection of its own."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, method: str, path: str, token: str | None = None, **headers: str) -> Answer:
        """The answer to a request on a connection of its own."""
        connection = self.connect()
        try:
            return ask_on(connection, method, path, token, **headers)
        finally:
            connection.close()

    def ask_at_once(self, requests: Sequence[tuple[str, str]], token: str) -> list[Answer]:
        """The answers to many requests, each on a connection of its own, all connected before the first is sent."""
        allow_files(len(requests) + 256)
        return asyncio.run(_ask_at_once(self.port, requests, token))

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; the exit code."""
        code = self.process.wait(PATIENCE)
        self._reading.join()
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            self._fresh.put(self.lines[-1])
        self._fresh.put(None)


@contextmanager
def served(terminal: Terminal, *options: str) -> Iterator[Server]:
    """A server on a free port; killed at the end if it is still there."""
    with terminal.start("serve", "--port", "0", *options) as process:
        server = Server(process)
        try:
            yield server
        finally:
            process.kill()
            # Its last lines are read before the pipe is closed under whoever reads.
            server.end()


def ask_on(
    connection: http.client.HTTPConnection, method: str, path: str, token: str | None = None, **headers: str
) -> Answer:
    """The answer to a request on a connection that is there."""
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    connection.request(method, path, headers={**bearer, **headers})
    response = connection.getresponse()
    return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def retrying(inbox: Inbox) -> tuple[str, str]:
    """The request that retries an inbox."""
    return "PATCH", f"/api/email/accounts/{inbox.id}/retry-warmup"


def allow_files(count: int) -> None:
    """Have so many files open at once, if the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


async def _ask_at_once(port: int, requests: Sequence[tuple[str, str]], token: str) -> list[Answer]:
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in requests]

    async def ask(request: tuple[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
        method, path = request
        lines = (
            f"{method} {path} HTTP/1.1",
            "Host: localhost",
            f"Authorization: Bearer {token}",
            "Connection: close",
        )
        writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        status, *fields = head.decode().split("\r\n")
        headers = dict(one.lower().split(": ", 1) for one in fields)
        return Answer(int(status.split()[1]), headers, body)

    async with asyncio.timeout(PATIENCE):
        pairs = zip(requests, connections, strict=True)
        return await asyncio.gather(*(ask(request, *connection) for request, connection in pairs))
