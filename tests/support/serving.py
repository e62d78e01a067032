"""A real HTTP server on loopback for a test run: uvicorn on an event loop in a thread, serving one application a test.

    with web.serving(app) as url:
        httpx.get(f"{url}/livez")

The server is started once; what a test serves takes the place of what the one before it served.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import uvicorn

from tests.support.faces import LoopThread

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Web:
    """The server."""

    def __init__(self, loop: LoopThread) -> None:
        """Listen, on this loop: an `AsyncInboxes` that is served must live there too."""
        self._loop = loop
        self._application: Application | None = None
        # Of this protocol by name, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(self._serve, interface="asgi3", lifespan="off", log_config=None, access_log=False)
        self._server = _Server(config)
        self._running = asyncio.run_coroutine_threadsafe(self._server.serve([self._listener]), loop.loop)
        assert self._server.ready.wait(30), "the server did not start"

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self._listener.getsockname()
        return host, port

    @contextmanager
    def serving(self, application: Application) -> Iterator[str]:
        """Serve this application; where it is."""
        self._application = application
        try:
            yield "http://{}:{}".format(*self.address)
        finally:
            self._application = None

    def stop(self) -> None:
        """Stop the server."""
        self._server.should_exit = True
        self._running.result(30)
        self._listener.close()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self._application is not None, "nothing is served now"
        await self._application(scope, receive, send)


class _Server(uvicorn.Server):
    """A server that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
