"""The sandbox's HTTP server: one thread a connection, and a stop that leaves neither threads nor sockets behind."""

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from socket import SHUT_RDWR, socket
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import Any

from inbox_lifecycle.testing.reply import Cut, Headers, Reply

#: From method, target, headers and body to an answer.
Responder = Callable[[str, str, Headers, bytes], Reply]

_LONGEST_BODY = 1 << 20


class Server(ThreadingMixIn, TCPServer):
    """A server on a thread of its own.

    Not `http.server.HTTPServer`, which asks the name service for the host's name before it starts.
    """

    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, host: str, port: int, respond: Responder) -> None:
        super().__init__((host, port), partial(_Handler, respond))
        self.errors: list[BaseException] = []
        self._connections: dict[Thread, socket] = {}
        self._accepting = Thread(target=self.serve_forever, args=(0.02,), name="sandbox", daemon=True)
        self._accepting.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.socket.getsockname()[1])

    def stop(self) -> None:
        """Take no more connections, break those that are open, and wait for their threads."""
        self.shutdown()
        self._accepting.join()
        for thread, connection in self._connections.items():
            # A thread waits in a read for the next request of its connection; this ends the read.
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)
            thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread of its own, and remember both."""
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        alive = {known: connection for known, connection in self._connections.items() if known.is_alive()}
        thread.start()
        self._connections = alive | {thread: request}

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep the error for `Sandbox.close` to raise; it would be printed otherwise."""
        del request, client_address
        error = sys.exception()
        # A client that hangs up early is what many tests are about.
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    #: Buffered, so that an answer leaves in one packet.
    wbufsize = -1

    def __init__(self, respond: Responder, request: socket, address: tuple[str, int], server: Server) -> None:
        self._respond = respond
        super().__init__(request, address, server)

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            self.send_error(413)
            return
        body = self.rfile.read(int(length))
        self._write(self._respond(self.command, self.path, self.headers, body))

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _serve  # noqa: N815 - the base class looks for these names

    def _write(self, reply: Reply) -> None:
        self.close_connection = self.close_connection or reply.cut is not None
        if reply.cut is Cut.BEFORE_ANSWER:
            return
        self.send_response(reply.status)
        for name, value in ({"Content-Type": "application/json"} | dict(reply.headers)).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)

    def log_message(self, *message: object) -> None:
        """Log nothing: the request line holds an address."""
