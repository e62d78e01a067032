"""A provider to develop and test against: a real HTTP server on loopback that speaks Instantly v2, failures included.

    with Sandbox() as sandbox:
        provider = Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url)
        sandbox.fail_next("throttle", retry_after=2)

Where a test makes thousands of requests, the same sandbox answers without a server and without a socket:

    transport = Sandbox().transport()
    inboxes = Inboxes(url, provider=transport.provider(), transport=transport)

Everything may be called from any thread; `testing.base` says how.
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FrameType
from typing import ClassVar

from inbox_lifecycle.providers.instantly import Instantly
from inbox_lifecycle.testing import api
from inbox_lifecycle.testing.base import ProviderSandbox, SandboxRequest
from inbox_lifecycle.testing.calls import Call, Routes
from inbox_lifecycle.testing.reply import Headers, Reply
from inbox_lifecycle.testing.scripts import Failure, Kind
from inbox_lifecycle.testing.transport import SandboxTransport
from inbox_lifecycle.testing.workspace import SandboxAccount, WarmupCode, Workspace

__all__ = ["Sandbox", "SandboxRequest", "serve"]


class Sandbox(ProviderSandbox):
    """The sandbox; its server is started by `with`, or by `start` and `close`, and not needed for `transport()`."""

    routes: ClassVar[Routes] = api.ROUTES
    kinds: ClassVar[frozenset[Kind]] = frozenset(Kind)

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
        super().__init__(host=host, port=port, api_key=api_key, delay=delay, clock=clock)
        self._workspace = Workspace(
            clock=clock, accept_unknown=accept_unknown, job_seconds=job_seconds, busy_for=busy_for
        )
        self.campaigns = self._workspace.campaigns

    def provider(self, *, base_url: str | None = None, timeout: float = 20.0) -> Instantly:
        """The adapter that asks this sandbox.

        Args:
            base_url: where; at the sandbox's server where None.
            timeout: the adapter's own, in seconds for each exchange.
        """
        return Instantly(api_key=self.api_key, base_url=base_url or self.base_url, timeout=timeout)

    def transport(self, *, sleep: Callable[[float], object] | None = None) -> SandboxTransport:
        """An httpx transport, sync and async, that asks this sandbox without a socket; `SandboxTransport` says more."""
        return SandboxTransport(self, sleep=sleep)

    def warming(self, email: str) -> bool:
        """Whether this address warms."""
        account = self.account(email)
        return account is not None and account.warmup_status == WarmupCode.ACTIVE

    def account(self, email: str) -> SandboxAccount | None:
        """The account of an address as it stands; None where there is none yet."""
        with self.settled():
            self._workspace.settle()
            account = self._workspace.peek(email)
            return replace(account) if account else None

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
        with self.settled():
            self._workspace.settle()
            account = self._workspace.add_account(email)
            for name, value in changes.items():
                if value is not None:
                    setattr(account, name, value)

    def admit(self, target: str, headers: Headers) -> Reply | None:
        """The answer to a request that is not let in: one with a bare HTTP library's name, or without the key."""
        if headers.get("User-Agent", "Python-urllib").startswith("Python-urllib"):
            return self.refuse(403, "Access denied")
        return super().admit(target, headers)

    def understand(self, method: str, target: str, body: bytes) -> Call | Reply:
        """The call that a request makes, or the answer to one that makes none."""
        return api.understand(method, target, body)

    def perform(self, call: Call, failure: Failure) -> Reply:
        """Have the effect of a call, and give its good answer."""
        return api.perform(self._workspace, call, failure)


def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    api_key: str | None = None,
    say: Callable[[str], object] = print,
    sandbox: Callable[..., ProviderSandbox] = Sandbox,
) -> None:
    """Run a sandbox until Ctrl-C or SIGTERM, and say where it is and which key it wants."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with sandbox(host=host, port=port, api_key=api_key) as running:
            say(f"base URL  {running.base_url}\nAPI key   {running.api_key}\nCtrl-C stops it")
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
