"""Checkers that look for a bug where calls meet: in threads, at locks, and where something strikes in the middle."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress

from sqlalchemy import event

from inbox_lifecycle import Inbox, Inboxes, InboxLifecycleError
from inbox_lifecycle.testing import Sandbox, WarmupCode
from inbox_lifecycle.testing.linear import Call, Initial, Operation, answer_of
from tests.planted.place import Place, born, closed_twice, unlinear
from tests.support.aftermath import ANA, OWNER, background, eventually, in_flight, standing, warming
from tests.support.evidence import gather
from tests.support.interrupts import Interrupts
from tests.support.locks import Held, RowLock, Watched, recording_held, waiters
from tests.support.racing import Crowd, together

#: Calls in a crowd.
CROWD = 4


def crowd(place: Place) -> Iterator[str]:
    """Retries in threads, with a key and without: each has passed the gate before any of them records."""
    for key in (None, "once"):
        sandbox = Sandbox()
        with place.inboxes(sandbox) as inboxes:
            inbox = born(inboxes, f"crowd-{key}@mail.example.com")
            Crowd(sandbox, CROWD)
            yield from _race(inboxes, inbox, key)
        yield from _on_record(place, inbox)


def queue_at_the_lock(place: Place) -> Iterator[str]:
    """The same, and every commit has begun to wait for the inbox's row before the first of them gets it."""
    sandbox = Sandbox()
    with place.inboxes(sandbox) as inboxes:
        inbox = born(inboxes)
        Crowd(sandbox, CROWD)
        lock = RowLock(place.database, "inboxes", inbox.id)
        racing = background(lambda: list(_race(inboxes, inbox)))
        eventually(lambda: waiters(place.database) == CROWD)
        lock.release()
        yield from racing.result(30)
    yield from _on_record(place, inbox)


def there_and_back(place: Place) -> Iterator[str]:
    """While the provider is asked, the inbox is banned and corrected back: the pair is the same, the version is not."""
    sandbox = Sandbox()
    with place.inboxes(sandbox) as inboxes:
        inbox = born(inboxes)
        operator = inboxes.operator(actor="olga")

        def go() -> None:
            operator.ban(inbox.id)
            operator.correct(inbox.id, status="pending", warmup_status="not_started", reason="a mistake")

        in_flight(sandbox, go)
        try:
            moved = inboxes.retry_warmup(inbox.id, owner_id=OWNER)
        except InboxLifecycleError:
            return
        yield f"a stale call moved the inbox to version {moved.version}"


def closed_at_the_lock(place: Place) -> Iterator[str]:
    """A commit waits for the inbox's row, while `reconcile` would close its attempt: it is closed once."""
    sandbox = Sandbox()
    with place.inboxes(sandbox) as inboxes:
        inbox = born(inboxes)
        locks: list[RowLock] = []

        def hold() -> None:
            locks.append(RowLock(place.database, "inboxes", inbox.id))
            place.database.expire_leases()

        in_flight(sandbox, hold)
        call = background(lambda: inboxes.retry_warmup(inbox.id, owner_id=OWNER))
        eventually(lambda: waiters(place.database) == 1)
        sandbox.set_account(ANA, warmup_status=WarmupCode.PAUSED)
        settling = background(lambda: inboxes.operator(actor="olga").reconcile())
        eventually(lambda: settling.done() or waiters(place.database) == 2)
        closed = standing(place.database, inbox.id).attempts
        locks[0].release()
        call.exception(30)
        settling.exception(30)
    yield from closed_twice(place, inbox, closed)


def interrupted(place: Place) -> Iterator[str]:
    """On SQLite Ctrl-C strikes while the commit waits for the write lock: what was accepted is recorded first.

    On PostgreSQL it would be a matter of luck whether an unshielded commit is cancelled before it gets its lock.
    """
    sandbox, watched, pressed = Sandbox(), Watched(place.database), Interrupts()
    transport = sandbox.transport()
    signal.signal(signal.SIGINT, pressed.handle)
    with Inboxes(watched.engine, transport.provider(), transport=transport) as inboxes:
        inbox = born(inboxes)
        with recording_held(sandbox, watched, place.database, inbox.id) as held:
            striking = background(lambda: _strike(held, pressed))
            with suppress(KeyboardInterrupt), pressed.raising():
                inboxes.retry_warmup(inbox.id, owner_id=OWNER)
            striking.result(30)
    watched.engine.dispose()
    if standing(place.database, inbox.id) != warming("moved"):
        yield f"interrupted: accepted by the provider, and {standing(place.database, inbox.id)}"


def _strike(held: Held, pressed: Interrupts) -> None:
    held.wait_until_it_waits()
    pressed.send()
    # Whatever waits in SQLite itself hears of a signal when it has its lock; what it did is undone then.
    held.release()


def intruder(place: Place) -> Iterator[str]:
    """On SQLite somebody else writes between the reading and the writing of a transaction, if he is let in."""
    sandbox = Sandbox()
    transport = sandbox.transport()

    def intrude(statement: str) -> None:
        if statement.lstrip().startswith(("insert into inbox_attempts", "insert into inbox_events")):
            with closing(sqlite3.connect(place.database.path, timeout=0)) as other, suppress(sqlite3.OperationalError):
                # Another value each time: SQLite leaves a page alone that would stay as it is.
                other.execute("update email_domains set created_at = created_at || '.'")
                other.commit()

    with place.engine() as engine, Inboxes(engine, transport.provider(), transport=transport) as inboxes:
        inbox = born(inboxes)
        event.listen(engine, "checkout", lambda connection, *_: connection.set_trace_callback(intrude))

        def ban() -> None:
            with engine.begin() as connection:
                inboxes.within(connection).operator(actor="olga").ban(inbox.id)

        calls = {"a call": lambda: inboxes.retry_warmup(inbox.id, owner_id=OWNER), "a host's transaction": ban}
        for name, call in calls.items():
            try:
                call()
            except (InboxLifecycleError, sqlite3.OperationalError) as error:
                # Within a host's transaction the driver's own error goes up to the host.
                yield f"intruder: {name}: {error}"


def _race(inboxes: Inboxes, inbox: Inbox, key: str | None = None) -> Iterator[str]:
    call = Call(kind="retry", inbox_id=inbox.id, key=key)

    def retry() -> Operation:
        called = time.monotonic_ns()
        try:
            result: object = inboxes.retry_warmup(inbox.id, owner_id=OWNER, idempotency_key=key)
        except InboxLifecycleError as error:
            result = error
        return Operation(call=call, called=called, answered=time.monotonic_ns(), answer=answer_of(call, result))

    history = [each for each in together([retry] * CROWD) if isinstance(each, Operation)]
    yield from unlinear(history, {inbox.id: Initial(version=1, pair=("pending", "not_started"), attempts=False)})


def _on_record(place: Place, inbox: Inbox) -> Iterator[str]:
    outcomes = gather(place.database).outcomes(inbox.id)
    if outcomes != ["lost"] * (CROWD - 1) + ["moved"]:
        yield f"attempts of {CROWD} calls that were all accepted: {outcomes}"
