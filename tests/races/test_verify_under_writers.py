"""Verification while others write: never an alarm, whatever comes between two of its statements.

Twice: with everything there is to do done between every two statements of one verification, so that no gap is missed;
and with writers in threads of their own while it runs again and again, where statements meet in the middle. That the
first bites is shown as well: a verification that takes rows and events as of two moments finds damage that is none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine

from inbox_lifecycle import Inbox, Inboxes, Instantly
from inbox_lifecycle.audit.checkpoints import Checkpoint, open_checkpoint
from inbox_lifecycle.audit.notes import Signer
from inbox_lifecycle.audit.signing import sign
from inbox_lifecycle.audit.verify import Verification, verify_all
from inbox_lifecycle.drivers.sync import Database
from inbox_lifecycle.flow import Flow, Once
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.rows import LAST_VERSION
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.store.verification import StoredInbox
from tests.fix_scale import Scale
from tests.support.databases import TestDatabase
from tests.support.hosts import host_engine
from tests.support.signed import add_crowd
from tests.support.steps import terms

T = TypeVar("T")

#: Inboxes with two events each that are there from the beginning: enough for a node of the tree.
CROWD = 130
#: Threads that write.
WRITERS = 3

Change = Callable[[Any], Any]


class Writer:
    """Does everything there is to do, each time to other inboxes."""

    def __init__(self, inboxes: Inboxes, host: Engine, signer: Signer, name: str) -> None:
        self._inboxes = inboxes
        self._operator = inboxes.operator(actor=name)
        self._host = host
        self._verifier = signer.verifier
        self._name = name
        self._numbers = itertools.count()
        self._older: list[Inbox] = []

    def write(self) -> None:
        """A bit of everything; what was left of it the last time is banned and erased."""
        ana, bea = self._born(), self._born()
        self._inboxes.retry_warmup(ana.id, owner_id="owner")
        self._operator.correct(bea.id, status="active", warmup_status="active", reason="why not")
        with self._host.begin() as connection:
            within = self._inboxes.within(connection)
            within.operator(actor=self._name).ban(bea.id)
            cleo = within.register(email_address=self._address(), owner_id="owner")
        for older in self._older:
            self._operator.ban(older.id)
            self._operator.erase(older.id, reason="asked to")
        self._older = [cleo]

    def sign(self) -> Checkpoint:
        """Give positions to what waits, and sign all of it."""
        self._operator.seal()
        return open_checkpoint(self._operator.checkpoint().note, self._verifier)

    def write_and_sign(self) -> None:
        """Both."""
        self.write()
        self.sign()

    def _born(self) -> Inbox:
        return self._inboxes.register(email_address=self._address(), owner_id="owner")

    def _address(self) -> str:
        return f"{self._name}-{next(self._numbers)}@mail.example.com"


MakeWriter = Callable[[str], Writer]


@pytest.fixture
def signer() -> Signer:
    """The log's key."""
    return Signer.generate("example.com/log")


@pytest.fixture
def make_writer(database: TestDatabase, provider: Instantly, signer: Signer) -> Iterator[MakeWriter]:
    """Makes writers; a crowd has written before."""
    with host_engine(database) as host, ExitStack() as stack:
        with Inboxes(database.url) as inboxes, host.begin() as connection:
            add_crowd(inboxes.within(connection), CROWD)

        def make(name: str) -> Writer:
            return Writer(stack.enter_context(Inboxes(database.url, provider, signer=signer)), host, signer, name)

        yield make


def played(database: TestDatabase, flow: Flow[T], between: Callable[[], object], change: Change | None = None) -> T:
    """The flow's value, with something done before each of its statements, and their answers changed if need be."""
    engine = make_engine(database.url)
    with closing(Database(engine, backend_for(engine.dialect), owns_engine=True)) as opened:
        answer: Any = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as stop:
                value: T = stop.value
                return value
            assert isinstance(step, Once)
            between()
            answer = opened.perform(step)
            answer = answer if change is None else change(answer)


def test_writers_between_all_statements_of_a_verification_raise_no_alarm(
    database: TestDatabase, make_writer: MakeWriter, signer: Signer
) -> None:
    """Rows move on, events are sealed and signed and inboxes erased, each time before it reads on."""
    writer = make_writer("wanda")
    writer.write()
    kept = writer.sign()
    verifying = verify_all(against=(kept,), verifier=signer.verifier, progress=None)
    report = played(database, verifying, writer.write_and_sign)
    assert report.findings == []
    assert (report.events > 2 * CROWD, report.positions > kept.size, report.checkpoints > 1) == (True, True, True)


def test_rows_and_events_of_two_moments_would_raise_alarms(database: TestDatabase, make_writer: MakeWriter) -> None:
    """The same, but for the version up to which a row's statement has seen events: whatever is there later is taken."""
    writer = make_writer("wanda")
    writer.write()

    def forget_the_moment(answer: Any) -> Any:
        if not (isinstance(answer, tuple) and answer and isinstance(answer[0], StoredInbox)):
            return answer
        return tuple(replace(row, newest=LAST_VERSION) for row in answer)

    verifying = verify_all(against=(), verifier=None, progress=None)
    report = played(database, verifying, writer.write, forget_the_moment)
    assert {finding.kind for finding in report.findings} == {"row"}


def test_checkpoints_between_all_statements_of_another_raise_no_alarm(
    database: TestDatabase, make_writer: MakeWriter, signer: Signer
) -> None:
    """Whoever signs while others write and sign finds the tree consistent, and signs one that is."""
    writer = make_writer("wanda")
    kept = writer.sign()
    signed = played(database, sign(terms(), signer, against=(kept,)), writer.write_and_sign)
    with Inboxes(database.url) as inboxes:
        report = inboxes.operator(actor="vera").verify(against=(kept, signed.checkpoint), verifier=signer.verifier)
    assert (report.findings, signed.size > kept.size) == ([], True)


def test_writers_in_threads_raise_no_alarm(
    database: TestDatabase, make_writer: MakeWriter, signer: Signer, scale: Scale, tally: Callable[..., None]
) -> None:
    """Verified again and again until they are done, with the checkpoints kept so far and without."""
    rounds, kept = scale.of(4, 100), [make_writer("first").sign()]
    writers = [make_writer(f"writer{number}") for number in range(WRITERS)]

    def labour(writer: Writer) -> None:
        for _ in range(rounds):
            writer.write()
            kept.append(writer.sign())

    reports: list[Verification] = []
    with ThreadPoolExecutor(WRITERS) as threads, Inboxes(database.url) as inboxes:
        operator = inboxes.operator(actor="vera")
        running = [threads.submit(labour, writer) for writer in writers]
        while len(reports) < 2 or not all(future.done() for future in running):
            reports.append(operator.verify(against=tuple(kept), verifier=signer.verifier))
            reports.append(operator.verify())
        for future in running:
            future.result()
        last = operator.verify(against=tuple(kept), verifier=signer.verifier)
    tally(verifications=len(reports))
    assert [finding for report in (*reports, last) for finding in report.findings] == []
    # Six events in the first round of each writer, and two more of the inbox left over in each later one.
    assert last.events == last.positions == 2 * CROWD + WRITERS * (8 * rounds - 2)
