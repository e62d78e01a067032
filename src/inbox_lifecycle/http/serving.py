"""Serving an application by itself, with uvicorn: its bounds, and its end.

On SIGTERM or SIGINT the server takes no more connections, `/readyz` answers 503, and what is in flight is finished,
within a bounded time. What is not finished by then is cut off: an attempt that it had opened stays open, for
`reconcile`. A second signal ends the process at once, as if it had been killed.

There is no TLS here and no bound on how slowly a client may send, which is the business of the proxy in front.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import uvicorn

from inbox_lifecycle.facade import AsyncInboxes
from inbox_lifecycle.http.app import create_app
from inbox_lifecycle.http.draining import Draining
from inbox_lifecycle.http.hooks import Authenticate
from inbox_lifecycle.http.logs import RequestLog

logger = logging.getLogger("inbox_lifecycle.serve")

#: Requests in flight at most; one more is answered 503. There are eight connections to the database for them.
MOST_REQUESTS: Final = 1500
#: Connections at most, idle ones included; one more is answered 503 by uvicorn itself.
MOST_CONNECTIONS: Final = 4000
#: Connections that wait to be accepted.
BACKLOG: Final = 2048
#: Bytes of a request's line and headers that are kept while the rest is to come: a bearer token has up to 8 KiB.
LONGEST_HEAD: Final = 32 * 1024
#: Seconds that an idle connection is kept; a proxy in front should give up its own sooner.
KEEP_ALIVE: Final = 75

#: File descriptors besides those of connections: the database's, the provider's, the standard streams.
_OTHER_FILES: Final = 96
#: Seconds in which what has been sent by clients already is still read.
_LAST_LOOK: Final = 0.1
#: Seconds for connections to close once everything has its answer.
_CLOSING: Final = 2
#: Seconds beyond the recording budget after which the facade is not waited for any longer.
_BEYOND: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """How and where to serve."""

    host: str = "127.0.0.1"
    #: Any free one where 0.
    port: int = 8000
    #: Where the routes begin.
    prefix: str = "/api"
    #: Seconds to finish what is in flight at the end; None for as long as a whole call may take.
    drain: float | None = None
    #: Addresses of proxies whose `X-Forwarded-*` headers are believed, comma-separated; nobody's where None.
    forwarded_allow_ips: str | None = None


def serve(inboxes: AsyncInboxes, authenticate: Authenticate, served: Served) -> int:
    """Serve until a signal says to end, then close the facade.

    Returns:
        0 if everything that was in flight had its answer; otherwise the signal's number and 128.

    Raises:
        OSError: it cannot listen there.
    """
    with _listening(served) as listener:
        _allow_files()
        return asyncio.run(_Serving(inboxes, authenticate, served).run(listener))


class _Serving:
    """One run of the server."""

    def __init__(self, inboxes: AsyncInboxes, authenticate: Authenticate, served: Served) -> None:
        self._inboxes = inboxes
        self._terms = inboxes._calls.terms  # noqa: SLF001 - how long a call may take is the facade's to know
        self._drain = self._terms.call_budget if served.drain is None else served.drain
        self._served = served
        app = create_app(inboxes, authenticate=authenticate, prefix=served.prefix)
        self._draining = Draining(app, most=MOST_REQUESTS)
        self._server = _Server(self._configured(), self._draining, self._drain)
        self._signal: int | None = None

    def _configured(self) -> uvicorn.Config:
        allowed = self._served.forwarded_allow_ips
        return uvicorn.Config(
            RequestLog(self._draining),
            http="h11",
            ws="none",
            lifespan="off",
            # Its line has the raw path; ours is of `RequestLog`.
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=allowed is not None,
            forwarded_allow_ips=allowed,
            limit_concurrency=MOST_CONNECTIONS,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=_CLOSING,
            h11_max_incomplete_event_size=LONGEST_HEAD,
        )

    async def run(self, listener: socket.socket) -> int:
        """Serve on the socket until the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        self._server.said = f"listening on {_url(listener, self._served)}"
        await self._server.serve(sockets=[listener])
        await self._close()
        return self._said_how_it_ended()

    def _stop(self, number: int) -> None:
        if self._signal is not None:
            _end_at_once(number, f"ended at once by a second signal; requests in flight: {self._draining.in_flight}")
        self._signal = number
        self._draining.begin()
        self._server.should_exit = True
        logger.info("ending; requests in flight: %d, with %g s to finish", self._draining.in_flight, self._drain)

    async def _close(self) -> None:
        patience = self._terms.recording_budget + _BEYOND
        try:
            async with asyncio.timeout(patience):
                # What was cut off after the provider had accepted is still being recorded.
                await self._draining.wait_until_idle(patience)
                await self._inboxes.aclose()
        except TimeoutError:
            # A thread hangs in the database, and the interpreter would wait for it.
            _end_at_once(self._signal or signal.SIGTERM, f"the database was not let go of within {patience:g} s")

    def _said_how_it_ended(self) -> int:
        cut_off = self._draining.cut_off
        if not cut_off:
            logger.info("ended; everything that was in flight has its answer")
            return 0
        logger.warning(
            "ended; requests cut off after %g s: %d; what they left open is for `inbox-lifecycle reconcile`",
            self._drain,
            cut_off,
        )
        return 128 + (self._signal or signal.SIGTERM)


class _Server(uvicorn.Server):
    """The server, with an end of its own."""

    #: What to say once it serves.
    said = ""

    def __init__(self, config: uvicorn.Config, draining: Draining, drain: float) -> None:
        super().__init__(config)
        self._draining = draining
        self._drain = drain

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are caught already, and none is to be raised again after a clean end."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say so."""
        await super().startup(sockets=sockets)
        logger.info("%s", self.said)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, let what is in flight finish, then cut off what is left."""
        self._draining.begin()
        for listener in self.servers:
            listener.close()
        # What clients sent before that is in the sockets' buffers, maybe unread.
        await asyncio.sleep(_LAST_LOOK)
        await self._draining.wait_until_idle(self._drain)
        for task in self.server_state.tasks if self._draining.in_flight else ():
            task.cancel()
        await super().shutdown(sockets=sockets)


@contextmanager
def _listening(served: Served) -> Iterator[socket.socket]:
    family, kind, protocol, _, address = socket.getaddrinfo(
        served.host, served.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )[0]
    # With its protocol named: only then does asyncio let small answers go at once (TCP_NODELAY).
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        yield listener


def _url(listener: socket.socket, served: Served) -> str:
    port: int = listener.getsockname()[1]
    host = f"[{served.host}]" if ":" in served.host else served.host
    return f"http://{host}:{port}{served.prefix}"


def _allow_files() -> None:
    """As many files as there may be connections, as far as the system lets us; macOS begins with 256."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        bounded = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (bounded, hard))


def _end_at_once(number: int, why: str) -> Any:
    logger.warning("%s; what was left open is for `inbox-lifecycle reconcile`", why)
    sys.stderr.flush()
    os._exit(128 + number)
