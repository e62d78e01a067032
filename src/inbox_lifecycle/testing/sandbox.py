"""A provider to develop and test against: a real HTTP server on loopback that speaks Instantly v2, failures included.

    with Sandbox() as sandbox:
        provider = Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url)
        sandbox.fail_next("throttle", retry_after=2)

Where a test makes thousands of requests, the same sandbox answers without a server and without a socket:

    transport = Sandbox().transport()
    inboxes = Inboxes(url, provider=transport.provider(), transport=transport)

Everything may be called from any thread. One lock guards the whole state; it is never held while a request hangs or
while a callback of yours runs.
"""

import hmac
import secrets
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import FrameType, TracebackType
from typing import Self

import msgspec

from inbox_lifecycle.testing.api import Call, perform, understand
from inbox_lifecycle.testing.reply import Cut, Exchange, Headers, Reply, answer, error
from inbox_lifecycle.testing.scripts import Failure, Kind, Operation, Script
from inbox_lifecycle.testing.server import Server
from inbox_lifecycle.testing.stragglers import Stragglers
from inbox_lifecycle.testing.transport import SandboxTransport
from inbox_lifecycle.testing.workspace import SandboxAccount, WarmupCode, Workspace

_GONE = Reply(500, b"", cut=Cut.BEFORE_ANSWER)


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """A request that the sandbox was sent."""

    method: str
    #: The path with its parameter unnamed: `/api/v2/accounts/{email}`.
    path: str
    operation: Operation
    #: The addresses it named.
    emails: tuple[str, ...]


class Sandbox:
    """The sandbox; its server is started by `with`, or by `start` and `close`, and not needed for `transport()`."""

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        accept_unknown: bool = True,
        job_seconds: float = 0.0,
        busy_for: float = 0.0,
        delay: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a sandbox.

        Args:
            host: where it listens.
            port: any free one where 0.
            api_key: the key it wants; one of its own where None.
            accept_unknown: make an account for every address at first sight; otherwise unknown ones get a 404.
            job_seconds: how long a warmup job runs; nothing else is switched meanwhile.
            busy_for: how long the workspace stays locked after each job.
            delay: seconds before each answer.
            clock: what jobs and locks are timed by; hangs and delays take real seconds on the server.
        """
        self.api_key = api_key or f"sandbox_{secrets.token_hex(12)}"
        self.delay = delay
        self._address = host, port
        self._workspace = Workspace(
            clock=clock, accept_unknown=accept_unknown, job_seconds=job_seconds, busy_for=busy_for
        )
        self._stragglers = Stragglers(clock)
        self._script = Script()
        self._requests: list[SandboxRequest] = []
        self._callback: Callable[[SandboxRequest], None] | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: Server | None = None

    def start(self) -> Self:
        """Listen."""
        self._closing.clear()
        self._server = Server(*self._address, self._respond)
        return self

    def close(self) -> None:
        """Stop; requests that hang are broken off.

        Raises:
            Exception: what a `before_answer` callback raised first.
        """
        server, self._server = self._server, None
        if server is None:
            return
        self._closing.set()
        server.stop()
        if server.errors:
            raise server.errors[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """Where it listens."""
        if self._server is None:
            raise RuntimeError(
                "the sandbox is not running: use it in a with statement, or call start(); "
                "without a server, use transport() and its base_url"
            )
        return f"http://{self._address[0]}:{self._server.port}"

    def transport(self, *, sleep: Callable[[float], object] | None = None) -> SandboxTransport:
        """An httpx transport, sync and async, that asks this sandbox without a socket; `SandboxTransport` says more."""
        return SandboxTransport(self, sleep=sleep)

    @property
    def requests(self) -> tuple[SandboxRequest, ...]:
        """Every authorised request so far, in the order of arrival."""
        self._stragglers.catch_up()
        with self._lock:
            return tuple(self._requests)

    def count(self, operation: Operation | str) -> int:
        """How many requests asked for this."""
        return sum(request.operation == operation for request in self.requests)

    def enable_calls(self, email: str) -> int:
        """How many requests asked to enable this address."""
        return sum(
            request.operation is Operation.ENABLE and email.lower() in map(str.lower, request.emails)
            for request in self.requests
        )

    def warming(self, email: str) -> bool:
        """Whether this address warms."""
        account = self.account(email)
        return account is not None and account.warmup_status == WarmupCode.ACTIVE

    def account(self, email: str) -> SandboxAccount | None:
        """The account of an address as it stands; None where there is none yet."""
        self._stragglers.catch_up()
        with self._lock:
            self._workspace.settle()
            account = self._workspace.peek(email)
            return replace(account) if account else None

    def activated(self, campaign_id: str) -> bool:
        """Whether this campaign was launched."""
        self._stragglers.catch_up()
        with self._lock:
            return self._workspace.campaigns.get(campaign_id, False)

    def set_account(
        self,
        email: str,
        *,
        warmup_status: int | None = None,
        reputation: float | None = None,
        total_sent: int | None = None,
        total_received: int | None = None,
        landed_spam: int | None = None,
        daily: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """Make an account, or change what is named of it; `daily` is mails sent and received by `YYYY-MM-DD`."""
        changes = {
            "warmup_status": warmup_status,
            "reputation": reputation,
            "total_sent": total_sent,
            "total_received": total_received,
            "landed_spam": landed_spam,
            "daily": daily,
        }
        self._stragglers.catch_up()
        with self._lock:
            self._workspace.settle()
            account = self._workspace.add_account(email)
            for name, value in changes.items():
                if value is not None:
                    setattr(account, name, value)

    def add_campaign(self, campaign_id: str) -> None:
        """Make a campaign, not launched."""
        with self._lock:
            self._workspace.campaigns.setdefault(campaign_id, False)

    def fail_next(
        self,
        kind: Kind | str,
        *,
        times: int = 1,
        on: Operation | str = Operation.ENABLE,
        email: str | None = None,
        status: int | None = None,
        seconds: float | None = None,
        retry_after: float | str | None = None,
        after_effect: bool | None = None,
        mid_body: bool = False,
    ) -> None:
        """Order a failure for the next requests it fits; `Failure` says what each detail means."""
        failure = Failure(
            kind=Kind(kind),
            on=Operation(on),
            email=email,
            times=times,
            status=status,
            seconds=seconds,
            retry_after=retry_after,
            after_effect=after_effect,
            mid_body=mid_body,
        )
        self.script(failure)

    def script(self, *failures: Failure) -> None:
        """Order failures, spent in this order; `Failure(kind=Kind.SERVE)` lets a request pass in between."""
        with self._lock:
            for failure in failures:
                self._script.add(failure)

    def clear_failures(self) -> None:
        """Forget the failures not spent yet."""
        with self._lock:
            self._script.clear()

    def before_answer(self, callback: Callable[[SandboxRequest], None] | None) -> None:
        """Call this in the request's thread, after the effect and before the answer; None for no more calls."""
        with self._lock:
            self._callback = callback

    def exchange(self, method: str, target: str, headers: Headers, body: bytes) -> Exchange:
        """Answer a request; for those who bring requests here, as the server and the transport do."""
        yield self.delay
        self._stragglers.catch_up()
        refused = self._at_the_door(headers)
        if refused:
            return refused
        if target == "/sandbox/failures":
            return self._order(method, body)
        call = understand(method, target, body)
        return call if isinstance(call, Reply) else (yield from self._answer(call))

    def leave(self, exchange: Exchange, seconds: float) -> None:
        """Wait for an exchange no longer; it goes on by itself after these seconds of the sandbox's clock."""
        self._stragglers.add(exchange, seconds)

    def _respond(self, method: str, target: str, headers: Headers, body: bytes) -> Reply:
        exchange = self.exchange(method, target, headers, body)
        while True:
            try:
                seconds = next(exchange)
            except StopIteration as stop:
                reply: Reply = stop.value
                return reply
            if self._closing.wait(seconds):
                return _GONE

    def _at_the_door(self, headers: Headers) -> Reply | None:
        if headers.get("User-Agent", "Python-urllib").startswith("Python-urllib"):
            return error(403, "Access denied")
        shown = headers.get("Authorization", "").encode()
        if not hmac.compare_digest(shown, f"Bearer {self.api_key}".encode()):
            return error(401, "Invalid API key")
        return None

    def _order(self, method: str, body: bytes) -> Reply:
        if method == "DELETE":
            self.clear_failures()
        elif method == "POST":
            try:
                self.script(msgspec.json.decode(body, type=Failure))
            except msgspec.DecodeError as problem:
                return error(400, str(problem))
        else:
            return error(405, "POST an order, or DELETE them all")
        with self._lock:
            return answer({"ordered": len(self._script)})

    def _answer(self, call: Call) -> Exchange:
        request = SandboxRequest(call.method, call.path, call.operation, call.emails)
        with self._lock:
            self._requests.append(request)
            failure = self._script.take(call.operation, call.emails)
            callback = self._callback
        hangs = failure.kind is Kind.HANG
        if hangs and not failure.late:
            yield failure.lasts
        reply = self._perform(call, failure)
        if callback is not None:
            callback(request)
        if hangs and failure.late:
            yield failure.lasts
        return failure.spoil(reply)

    def _perform(self, call: Call, failure: Failure) -> Reply:
        if failure.prevents:
            return answer({})
        with self._lock:
            return perform(self._workspace, call, failure)


def serve(
    host: str = "127.0.0.1", port: int = 0, *, api_key: str | None = None, say: Callable[[str], object] = print
) -> None:
    """Run a sandbox until Ctrl-C or SIGTERM, and say where it is and which key it wants."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Sandbox(host=host, port=port, api_key=api_key) as sandbox:
            say(f"base URL  {sandbox.base_url}\nAPI key   {sandbox.api_key}\nCtrl-C stops it")
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
