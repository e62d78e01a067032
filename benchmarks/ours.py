"""This library as contestants run it.

By its facades, or, where only a part of a call is measured, by the driver and the flows that its facades use.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import AsyncWork, Work
from benchmarks.stock import CONTEXT, PROVIDER, RETRY, Claimed
from inbox_lifecycle.domain import AttemptKind, Inbox, InboxId, Recorder
from inbox_lifecycle.drivers.sync import SyncDriver
from inbox_lifecycle.facade.assembly import make_calls, open_database
from inbox_lifecycle.facade.assembly_async import make_async_driver
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.lifecycle.record import Acceptor, record_warmup_started
from inbox_lifecycle.providers.port import EnableAnswer, Enabled, Mailbox
from inbox_lifecycle.terms import Terms


def url_of(database: str | Path) -> str:
    """As a user would write it."""
    return f"sqlite:///{database}" if isinstance(database, Path) else database


def terms() -> Terms:
    """The terms of a facade made without arguments."""
    return make_calls(
        None,
        clock=None,
        policy=None,
        require_actor=False,
        call_budget=None,
        recording_budget=None,
        signer=None,
    ).terms


def acceptor(claimed: Claimed) -> Acceptor:
    """A call whose provider has accepted."""
    return Acceptor(
        attempt_id=claimed.attempt_id,
        kind=AttemptKind.RETRY,
        answer=Enabled("job"),
        context=CONTEXT,
        recorder=Recorder.CALL,
        move=RETRY,
    )


@contextmanager
def recording(database: str | Path) -> Iterator[Callable[[Claimed], Inbox]]:
    """Records accepted warmups, as `Inboxes.retry_warmup` does once its provider has answered; for any thread."""
    driver, on = SyncDriver(open_database(url_of(database), None), None), terms()
    try:
        yield lambda claimed: driver.run(record_warmup_started(on, claimed.seen, acceptor(claimed)))
    finally:
        driver.close()


@asynccontextmanager
async def recording_async(database: str | Path) -> AsyncIterator[AsyncWork]:
    """The same, as `AsyncInboxes.retry_warmup` does."""
    driver, on = make_async_driver(url_of(database), None, None)[0], terms()
    try:
        yield lambda claimed: driver.run(record_warmup_started(on, claimed.seen, acceptor(claimed)))
    finally:
        await driver.close()


def shared_async(database: str | Path) -> Callable[[], AbstractAsyncContextManager[AsyncWork]]:
    """All tasks of a loop use one facade, as a service does; the first to come opens it, the last to go closes it."""
    opened = recording_async(database)
    users: list[AsyncWork] = []

    @asynccontextmanager
    async def worker() -> AsyncIterator[AsyncWork]:
        users.append(users[0] if users else await opened.__aenter__())
        try:
            yield users[0]
        finally:
            users.pop()
            if not users:
                await opened.__aexit__(None, None, None)

    return worker


def shared(work: Work) -> Callable[[], nullcontext[Work]]:
    """Workers that share what all of them may use."""
    return lambda: nullcontext(work)


@dataclass(frozen=True)
class AtOnce:
    """A provider of a host's own that answers at once: what is left of a call is this library's."""

    name: str = PROVIDER
    budget: float = 1.0

    def enable_warmup(self, mailboxes: Sequence[Mailbox]) -> Flow[Mapping[InboxId, EnableAnswer]]:
        """Yes."""
        yield from ()
        return {mailbox.inbox_id: Enabled("job") for mailbox in mailboxes}


def ids(seen: Sequence[Any]) -> list[InboxId]:
    """The ids of inboxes that were seen."""
    return [one.inbox.id for one in seen]
