"""Crowds at an SQLite file: one leads, others stand in line behind it by the time it has begun, and all are heard."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import event

from inbox_lifecycle import InvalidInput
from inbox_lifecycle.drivers.sync import Database
from inbox_lifecycle.drivers.turns import Turns
from inbox_lifecycle.flow import Once, Statement
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.session import Session, backend_for

PATIENCE = 30.0

_TABLES = (
    "create table notes (number integer primary key, body text not null unique)",
    "create table late (note integer references notes deferrable initially deferred)",
    "create trigger undoing before insert on notes when new.body = 'undo all' begin select raise(rollback, ''); end",
)


class Notebook:
    """A database with a few notes; it tells what was said to the file."""

    def __init__(self, file: Path, *, hosted: bool = False) -> None:
        self._engine = make_engine(f"sqlite:///{file}")
        event.listen(self._engine, "connect", self._listen)
        self.database = Database(self._engine, backend_for(self._engine.dialect), owns_engine=not hosted)
        #: Statements in the words they were said in, since the last look.
        self.said: list[str] = []

    @classmethod
    def made(cls, file: Path) -> Notebook:
        """One with its tables."""
        book = cls(file)
        for table in _TABLES:
            book.database.perform(Once(Said(table)))
        book.said.clear()
        return book

    @property
    def line(self) -> Turns:
        """Where its writers wait."""
        line = self.database.line(Once(Note("")))
        assert line is not None
        return line

    @property
    def notes(self) -> list[str]:
        """What was committed, in its order."""
        notes: list[str] = self.database.perform(Once(ReadNotes()))
        return notes

    def transactions(self) -> list[list[str]]:
        """What was said in each transaction, the begin and the end of it included."""
        found: list[list[str]] = []
        for words in self.said:
            if words == "begin immediate":
                found.append([])
            if found and found[-1][-1:] not in (["commit"], ["ROLLBACK"]):
                found[-1].append(words)
        return found

    def close(self) -> None:
        """Close the file."""
        self.database.close()
        self._engine.dispose()

    def _listen(self, connection: Any, _record: object) -> None:
        connection.set_trace_callback(self._hear)

    def _hear(self, words: str) -> None:
        # SQLite tells a statement once more for a trigger that it sets off.
        if self.said[-1:] != [words]:
            self.said.append(words)


@dataclass(frozen=True)
class Said:
    """A statement, said as it is."""

    words: str
    name: ClassVar[str] = "said"
    writes: ClassVar[bool] = True

    def run(self, session: Session) -> None:
        """Say it."""
        session.run(self.words)


@dataclass(frozen=True)
class ReadNotes:
    """What is there."""

    name: ClassVar[str] = "read_notes"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> list[str]:
        """Read it."""
        return [body for (body,) in session.all("select body from notes order by number")]


Then = Callable[[Session], object]


@dataclass(frozen=True)
class Note:
    """Note something, and then do something else in the same step."""

    body: str
    then: Then | None = None
    name: ClassVar[str] = "note"
    writes: ClassVar[bool] = True

    def run(self, session: Session) -> str:
        """Do it."""
        session.run("insert into notes (body) values (:body)", {"body": self.body})
        if self.then is not None:
            self.then(session)
        return f"{self.body} noted"


def refuse(_session: Session) -> None:
    """Fail as the library does."""
    raise InvalidInput("no")


def slip(_session: Session) -> None:
    """Fail as nobody has thought of."""
    raise ZeroDivisionError


def repeat(session: Session) -> None:
    """Be refused by the database."""
    session.run("insert into notes (body) select body from notes")


def promise(session: Session) -> None:
    """Break a rule that is looked at when all is committed."""
    session.run("insert into late values (-1)")


def undo(session: Session) -> None:
    """Have the database undo everything in the transaction, whoever did it."""
    session.run("insert into notes (body) values ('undo all')")


@dataclass(frozen=True)
class Held:
    """A step that is under way until it is let go."""

    step: Statement[Any]
    begun: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)
    name: ClassVar[str] = "held"
    writes: ClassVar[bool] = True

    def run(self, session: Session) -> Any:
        """Wait, and do it."""
        self.begun.set()
        assert self.may_go_on.wait(PATIENCE)
        return self.step.run(session)


Call = tuple[Notebook, Once]


def background(work: Callable[[], Any]) -> Future[Any]:
    """Do it in a thread of its own."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - told to who asks
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.0005)


def waiting(turns: Turns) -> int:
    """How many stand in line."""
    return len(turns._waiting)  # noqa: SLF001 - only looked at: nothing else tells that one waits by now


class Leader:
    """One who has its turn, in a transaction, until it is let go; others come to stand behind it."""

    def __init__(self, book: Notebook, step: Statement[Any]) -> None:
        self._book = book
        self._held = Held(step)
        self.calls = [background(lambda: book.database.perform(Once(self._held)))]
        assert self._held.begun.wait(PATIENCE)

    def joined(self, step: Once, book: Notebook | None = None) -> Future[Any]:
        """Somebody who stands in line by now."""
        before = waiting(self._book.line)
        self.calls.append(background(partial((book or self._book).database.perform, step)))
        until(lambda: waiting(self._book.line) == before + 1)
        return self.calls[-1]

    def let_go(self) -> None:
        """Let it go on."""
        self._held.may_go_on.set()

    def heard(self) -> list[Any]:
        """Let it go on; what each was told, in their order: an answer, or the kind of an error."""
        self.let_go()
        return [_heard(call) for call in self.calls]


def together(book: Notebook, *steps: Statement[Any]) -> list[Any]:
    """What each was told, where all others stood in line when the first had begun."""
    leader = Leader(book, steps[0])
    for step in steps[1:]:
        leader.joined(Once(step))
    return leader.heard()


def noted(bodies: Sequence[str]) -> list[str]:
    """What those are told who note this."""
    return [f"{body} noted" for body in bodies]


def _heard(call: Future[Any]) -> Any:
    error = call.exception(PATIENCE)
    return call.result() if error is None else type(error)
