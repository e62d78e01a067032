"""Many threads that commit for the same few inboxes by statements for all of them, in this process or in another.

    python -m tests.support.group_hammer DATABASE_URL SEED INBOX_ID...

A thread opens an attempt on each inbox, has somebody close one of them just as it commits for all, and brings back
those that moved. Leases are over at once, so that whoever moves an inbox supersedes the attempts of all others. The
process says `ready`, waits for a line, hammers, and answers with one line of JSON.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec

from inbox_lifecycle import Inboxes, InboxId, StoreError
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import AttemptId, AttemptKind, Recorder
from inbox_lifecycle.drivers.sync import Database
from inbox_lifecycle.flow import Once
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.record import Acceptor, commit_of
from inbox_lifecycle.providers.port import AlreadyWarming
from inbox_lifecycle.store.bulk import CommitTogether
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.store.statements import CloseAttempt, CommitWarmup, OpenTheAttempt
from inbox_lifecycle.terms import utc_now
from tests.support.aftermath import OWNER
from tests.support.racing import each, together
from tests.support.steps import terms

THREADS = 4
ROUNDS = 20


class Done(msgspec.Struct, frozen=True):
    """What hammering came to."""

    #: Attempts that moved their inbox, by the statement's own answer.
    moved: list[str]
    #: Attempts that were still open when somebody closed them.
    closed: list[str]
    #: Statements that moved some of theirs, and not all.
    partial: int
    #: What went wrong.
    errors: list[str]


class Hammer:
    """A process at work."""

    def __init__(self, url: str, inbox_ids: Sequence[str]) -> None:
        self._ids = [InboxId(inbox_id) for inbox_id in inbox_ids]
        engine = make_engine(url)
        self._database = Database(engine, backend_for(engine.dialect), owns_engine=True)
        self._inboxes = Inboxes(url)
        self._closers = ThreadPoolExecutor(THREADS)
        self.done = Done([], [], 0, [])

    def work(self, seed: str) -> Done:
        """Hammer, in threads."""
        calls = each(self._rounds, [f"{seed} {number}" for number in range(THREADS)])
        assert together(calls) == [None] * THREADS
        self._closers.shutdown()
        self._inboxes.close()
        self._database.close()
        return self.done

    def _rounds(self, seed: str) -> None:
        chance = random.Random(seed)
        for _ in range(ROUNDS):
            try:
                self._round(chance)
            except StoreError as error:
                self.done.errors.append(repr(error))

    def _round(self, chance: random.Random) -> None:
        opened = [self._open(inbox_id) for inbox_id in chance.sample(self._ids, len(self._ids))]
        commits = [commit for commit in opened if commit is not None]
        if not commits:
            return
        closing = self._closers.submit(self._close, chance.choice(commits))
        moved = self._database.perform(Once(CommitTogether(commits=tuple(commits), patience=10.0)))
        self.done.moved.extend(commit.attempt_id for commit in commits if commit.event.inbox_id in moved)
        if 0 < len(moved) < len(commits):
            self.done = msgspec.structs.replace(self.done, partial=self.done.partial + 1)
        closing.result()
        for inbox_id in moved:
            self._inboxes.operator(actor="olga").correct(
                inbox_id, status="pending", warmup_status="not_started", reason="once more"
            )

    def _open(self, inbox_id: InboxId) -> CommitWarmup | None:
        """What an attempt of its own would commit; None if the inbox is warming just now."""
        attempt_id = AttemptId(new_id(utc_now()))
        statement = OpenTheAttempt(
            inbox_id=inbox_id,
            owner_id=OWNER,
            attempt_id=attempt_id,
            kind=AttemptKind.RETRY,
            now=utc_now(),
            lease=0.0,
            context=Context(),
        )
        seen = self._database.perform(Once(statement))
        if seen.inbox.status != "pending":
            return None
        acceptor = Acceptor(
            attempt_id=attempt_id,
            kind=AttemptKind.RETRY,
            answer=AlreadyWarming(),
            context=Context(),
            recorder=Recorder.CALL,
        )
        return commit_of(replace(terms(), clock=utc_now), seen, acceptor)

    def _close(self, commit: CommitWarmup) -> None:
        statement = CloseAttempt(
            inbox_id=InboxId(commit.event.inbox_id),
            owner_id=OWNER,
            attempt_id=commit.attempt_id,
            outcome="abandoned",
            now=utc_now(),
        )
        if self._database.perform(Once(statement)).was_open:
            self.done.closed.append(commit.attempt_id)


def main(url: str, seed: str, *inbox_ids: str) -> None:
    """Hammer when told to."""
    hammer = Hammer(url, inbox_ids)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(msgspec.json.encode(hammer.work(seed)).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
