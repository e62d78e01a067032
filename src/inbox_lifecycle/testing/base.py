"""What every sandbox has, whatever provider it plays: a server, a transport, failures to order, a record of requests.

A sandbox for a provider of your own says four things: its routes, how it knows a key, how it words an error, and what
a good request does. `docs/providers.md` has a small one.

Everything may be called from any thread. One lock guards the whole state; it is never held while a request hangs or
while a callback of yours runs.
"""

import hmac
import secrets
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

import msgspec

from inbox_lifecycle.providers.port import Provider
from inbox_lifecycle.testing.calls import Call, Routes
from inbox_lifecycle.testing.reply import Cut, Exchange, Headers, Reply, answer, error
from inbox_lifecycle.testing.scripts import ON_THE_WIRE, Failure, Kind, Operation, Script
from inbox_lifecycle.testing.server import Server
from inbox_lifecycle.testing.stragglers import Stragglers
from inbox_lifecycle.testing.transport import ProviderTransport

#: Where failures are ordered of a sandbox that stands alone.
ORDERS: Final = "/sandbox/failures"

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


class ProviderSandbox(ABC):
    """A provider to develop and test against; its server is started by `with`, and not needed for `transport()`."""

    #: What this provider can be asked.
    routes: ClassVar[Routes]
    #: The failures that can be ordered of it.
    kinds: ClassVar[frozenset[Kind]] = ON_THE_WIRE

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        delay: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a sandbox.

        Args:
            host: where it listens.
            port: any free one where 0.
            api_key: the key it wants; one of its own where None.
            delay: seconds before each answer.
            clock: what is due is timed by it; hangs and delays take real seconds on the server.
        """
        self.api_key = api_key or f"sandbox_{secrets.token_hex(12)}"
        self.delay = delay
        #: Whether it was launched, by campaign.
        self.campaigns: dict[str, bool] = {}
        self._address = host, port
        self._stragglers = Stragglers(clock)
        self._script = Script()
        self._requests: list[SandboxRequest] = []
        self._callback: Callable[[SandboxRequest], None] | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: Server | None = None

    @abstractmethod
    def provider(self, *, base_url: str | None = None, timeout: float = 20.0) -> Provider:
        """The adapter that asks this sandbox.

        Args:
            base_url: where; at the sandbox's server where None.
            timeout: the adapter's own, in seconds for each exchange.
        """

    @abstractmethod
    def set_account(
        self,
        email: str,
        *,
        reputation: float | None = None,
        total_sent: int | None = None,
        total_received: int | None = None,
        landed_spam: int | None = None,
        daily: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """Make an account, or change what is named of it; `daily` is mails sent and received by `YYYY-MM-DD`."""

    @abstractmethod
    def warming(self, email: str) -> bool:
        """Whether this address warms."""

    @abstractmethod
    def perform(self, call: Call, failure: Failure) -> Reply:
        """Have the effect of a call, and give its good answer; called while the state is `settled`."""

    def authorised(self, target: str, headers: Headers) -> bool:
        """Whether a request brings the key; as a bearer token, unless the provider takes it otherwise."""
        del target
        return self.is_key(headers.get("Authorization", "").removeprefix("Bearer "))

    def admit(self, target: str, headers: Headers) -> Reply | None:
        """The answer to a request that is not let in."""
        return None if self.authorised(target, headers) else self.refuse(401, "Invalid API key")

    def refuse(self, status: int, message: str, *, retry_after: float | str | None = None) -> Reply:
        """An error as this provider words it; `retry_after` is seconds to wait, or a text to send as it is."""
        return error(status, message, retry_after=retry_after)

    def understand(self, method: str, target: str, body: bytes) -> Call | Reply:
        """The call that a request makes, or the answer to one that makes none; called while the state is `settled`."""
        return self.routes.understand(method, target, body) or self.refuse(404, "Route not found")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no log and no answer of the adapter may repeat."""
        return (self.api_key,)

    def is_key(self, shown: str) -> bool:
        """Whether this is the key."""
        return hmac.compare_digest(shown.encode(), self.api_key.encode())

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

    def transport(self, *, sleep: Callable[[float], object] | None = None) -> ProviderTransport:
        """An httpx transport, sync and async, that asks this sandbox without a socket; its class says more."""
        return ProviderTransport(self, sleep=sleep)

    @property
    def requests(self) -> tuple[SandboxRequest, ...]:
        """Every authorised request so far, in the order of arrival."""
        with self.settled():
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

    def add_campaign(self, campaign_id: str) -> None:
        """Make a campaign, not launched."""
        with self.settled():
            self.campaigns.setdefault(campaign_id, False)

    def activated(self, campaign_id: str) -> bool:
        """Whether this campaign was launched."""
        with self.settled():
            return self.campaigns.get(campaign_id, False)

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
        """Order failures, spent in this order; `Failure(kind=Kind.SERVE)` lets a request pass in between.

        Raises:
            ValueError: this provider never fails like that.
        """
        for failure in failures:
            if failure.kind not in self.kinds:
                raise ValueError(
                    f"this provider never does {failure.kind}: order one of {', '.join(sorted(self.kinds))}"
                )
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
        refused = self.admit(target, headers)
        if refused:
            return refused
        if urlsplit(target).path == ORDERS:
            return self._order(method, body)
        with self._lock:
            call = self.understand(method, target, body)
        return call if isinstance(call, Reply) else (yield from self._answer(call))

    def leave(self, exchange: Exchange, seconds: float) -> None:
        """Wait for an exchange no longer; it goes on by itself after these seconds of the sandbox's clock."""
        self._stragglers.add(exchange, seconds)

    @contextmanager
    def settled(self) -> Iterator[None]:
        """For whoever looks at the state or changes it: what is due has happened, and nobody else is at it."""
        self._stragglers.catch_up()
        with self._lock:
            yield

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

    def _order(self, method: str, body: bytes) -> Reply:
        if method == "DELETE":
            self.clear_failures()
        elif method == "POST":
            try:
                self.script(msgspec.json.decode(body, type=Failure))
            except (msgspec.DecodeError, ValueError) as problem:
                return self.refuse(400, str(problem))
        else:
            return self.refuse(405, "POST an order, or DELETE them all")
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
        return failure.spoil(reply, self.refuse)

    def _perform(self, call: Call, failure: Failure) -> Reply:
        if failure.prevents:
            return answer({})
        with self._lock:
            return self.perform(call, failure)
