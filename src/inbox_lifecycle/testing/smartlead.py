"""A sandbox that speaks Smartlead's API v1: accounts by number, the key in the URL, failures inside a 200.

    with SmartleadSandbox() as sandbox:
        sandbox.set_account("ana@mail.example.com")
        provider = Smartlead(api_key=sandbox.api_key, base_url=sandbox.base_url)
        sandbox.fail_next("reject", status=200)

It knows the accounts it was told of and no others: an address never comes to this provider, only a number.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from inbox_lifecycle.providers.smartlead import Smartlead
from inbox_lifecycle.testing import smartlead_api
from inbox_lifecycle.testing.base import ProviderSandbox
from inbox_lifecycle.testing.calls import Call, Routes
from inbox_lifecycle.testing.reply import Headers, Reply
from inbox_lifecycle.testing.scripts import ON_THE_WIRE, Failure, Kind
from inbox_lifecycle.testing.smartlead_api import SHAPES, Directory, SmartleadAccount


class SmartleadSandbox(ProviderSandbox):
    """The sandbox of Smartlead; its server is started by `with`, and not needed for `transport()`."""

    routes: ClassVar[Routes] = smartlead_api.ROUTES
    kinds: ClassVar[frozenset[Kind]] = ON_THE_WIRE | {Kind.ALREADY_WARMING, Kind.BANNED}

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        shape: str = "live",
        delay: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a sandbox.

        Args:
            host: where it listens.
            port: any free one where 0.
            api_key: the key it wants; one of its own where None.
            shape: how figures come: `live`, `documented` or `spec`, which differ.
            delay: seconds before each answer.
            clock: what is due is timed by it; hangs and delays take real seconds on the server.
        """
        if shape not in SHAPES:
            raise ValueError(f"shape is one of {', '.join(SHAPES)}")
        super().__init__(host=host, port=port, api_key=api_key, delay=delay, clock=clock)
        self._directory = Directory(shape=shape, campaigns=self.campaigns)

    def provider(self, *, base_url: str | None = None, timeout: float = 20.0) -> Smartlead:
        """The adapter that asks this sandbox.

        Args:
            base_url: where; at the sandbox's server where None.
            timeout: the adapter's own, in seconds for each exchange.
        """
        return Smartlead(api_key=self.api_key, base_url=base_url or self.base_url, timeout=timeout)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key, and every mailbox's password."""
        with self.settled():
            return (self.api_key, *(account.password for account in self._directory.accounts.values()))

    def provider_ref(self, email: str) -> str:
        """What to keep as an inbox's `provider_ref`: the number of this address.

        Raises:
            LookupError: there is no such account.
        """
        account = self.account(email)
        if account is None:
            raise LookupError("there is no such account: call set_account first")
        return str(account.id)

    def account(self, email: str) -> SmartleadAccount | None:
        """The account of an address as it stands; None where there is none."""
        with self.settled():
            account = self._directory.accounts.get(email.lower())
            return replace(account) if account else None

    def warming(self, email: str) -> bool:
        """Whether this address warms."""
        account = self.account(email)
        return account is not None and account.warms

    def set_account(
        self,
        email: str,
        *,
        username: str | None = None,
        warmup_status: str | None = None,
        blocked_reason: str | None = None,
        reputation: float | None = None,
        total_sent: int | None = None,
        total_received: int | None = None,
        landed_spam: int | None = None,
        daily: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        """Make an account, or change what is named of it; `daily` is mails sent and replies by `YYYY-MM-DD`."""
        changes = {
            "username": username,
            "warmup_status": warmup_status,
            "blocked_reason": blocked_reason,
            "reputation": reputation,
            "total_sent": total_sent,
            "total_received": total_received,
            "landed_spam": landed_spam,
            "daily": daily,
        }
        with self.settled():
            account = self._directory.add_account(email)
            for name, value in changes.items():
                if value is not None:
                    setattr(account, name, value)

    def authorised(self, target: str, headers: Headers) -> bool:
        """Whether a request brings the key, in its URL."""
        del headers
        return self.is_key(parse_qs(urlsplit(target).query).get("api_key", [""])[-1])

    def refuse(self, status: int, message: str, *, retry_after: float | str | None = None) -> Reply:
        """An error, in one of the four shapes that this provider has for them."""
        return smartlead_api.refuse(status, message, retry_after=retry_after)

    def understand(self, method: str, target: str, body: bytes) -> Call | Reply:
        """The call that a request makes, or the answer to one that makes none."""
        return self._directory.understand(method, target, body)

    def perform(self, call: Call, failure: Failure) -> Reply:
        """Have the effect of a call, and give its good answer."""
        return self._directory.perform(call, failure.kind)
