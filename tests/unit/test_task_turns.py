"""Tasks at SQLite's one write lock: they wait without a thread, are taken along, and none is forgotten."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from inbox_lifecycle import InvalidInput
from inbox_lifecycle.drivers.tasks import Mailbox, TaskTurn
from inbox_lifecycle.drivers.threaded import ThreadedDatabase
from inbox_lifecycle.drivers.turns import Turn, Turns
from inbox_lifecycle.flow import Once, Statement
from tests.support.crowds import (
    PATIENCE,
    Held,
    Leader,
    Note,
    Notebook,
    ReadNotes,
    background,
    noted,
    promise,
    refuse,
    until,
    waiting,
)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Notebook]:
    """A notebook."""
    opened = Notebook.made(tmp_path / "notes.db")
    yield opened
    opened.close()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """On an event loop of its own, for a bounded time."""
    return asyncio.run(asyncio.wait_for(work, PATIENCE))


async def held_up(book: Notebook, database: ThreadedDatabase, *steps: Statement[Any]) -> list[asyncio.Future[Any]]:
    """Steps that stand in line behind one that is let go as soon as they do."""
    leader = Leader(book, Note("the first"))
    futures = [database.perform(Once(step)) for step in steps]
    leader.let_go()
    await asyncio.wrap_future(leader.calls[0])
    return futures


def test_tasks_that_wait_come_along_in_one_transaction(book: Notebook) -> None:
    """With a thread that leads, and with each other."""

    async def work() -> list[Any]:
        database = ThreadedDatabase(book.database)
        futures = await held_up(book, database, *map(Note, "abc"))
        return await asyncio.gather(*futures)

    assert run(work()) == noted("abc")
    assert book.notes == ["the first", "a", "b", "c"]
    assert len(book.transactions()) == 1


def test_a_task_leads_others(book: Notebook) -> None:
    """Nobody was there before: the first of three tasks gets a thread, which performs all of their steps."""
    threads: set[str] = set()

    def look(_session: object) -> None:
        threads.add(threading.current_thread().name)

    async def work() -> list[Any]:
        database = ThreadedDatabase(book.database)
        first = Held(Note("a", look))
        futures = [database.perform(Once(step)) for step in (first, Note("b", look), Note("c", look))]
        first.may_go_on.set()
        told = await asyncio.gather(*futures)
        await database.close()
        return told

    assert run(work()) == noted("abc")
    assert len(book.transactions()) == 1
    assert len(threads) == 1


def test_errors_are_raised_where_the_task_waits(book: Notebook) -> None:
    """Its own, whether it was taken along or performed its step itself, as what undid all was its own."""

    async def work() -> list[Any]:
        database = ThreadedDatabase(book.database)
        futures = await held_up(book, database, Note("a", refuse), Note("b", promise), Note("c"))
        return await asyncio.gather(*futures, return_exceptions=True)

    told = run(work())
    assert [type(one).__name__ for one in told] == ["InvalidInput", "ConstraintViolated", "str"]
    assert isinstance(told[0], InvalidInput)
    assert book.notes == ["the first", "c"]


def test_a_step_that_was_cancelled_in_line_is_not_performed(book: Notebook) -> None:
    """Whoever comes to it passes it over; those behind it are served."""

    async def work() -> Any:
        database = ThreadedDatabase(book.database)
        leader = Leader(book, Note("the first"))
        cancelled, kept = database.perform(Once(Note("a"))), database.perform(Once(Note("b")))
        cancelled.cancel()
        leader.let_go()
        return await kept

    assert run(work()) == "b noted"
    assert book.notes == ["the first", "b"]


def test_a_turn_that_comes_to_a_cancelled_step_goes_on(book: Notebook) -> None:
    """It stood first in line when one who takes nobody along gave its turn back."""

    async def work() -> Any:
        database = ThreadedDatabase(book.database)
        turn = Turn()
        book.line.take(turn)
        cancelled, kept = database.perform(Once(Note("a"))), database.perform(Once(Note("b")))
        cancelled.cancel()
        book.line.give_back(turn)
        return await kept

    assert run(work()) == "b noted"
    assert book.notes == ["b"]


def test_a_step_that_is_cancelled_while_it_is_performed_is_performed(book: Notebook) -> None:
    """No thread can be called back; nobody else notices."""

    async def work() -> Any:
        database = ThreadedDatabase(book.database)
        step = Held(Note("b"))
        first, cancelled, kept = (database.perform(Once(each)) for each in (Note("a"), step, Note("c")))
        await asyncio.to_thread(step.begun.wait, PATIENCE)
        cancelled.cancel()
        step.may_go_on.set()
        return await first, await kept

    assert run(work()) == ("a noted", "c noted")
    assert book.notes == ["a", "b", "c"]


def test_a_crowd_that_waits_leaves_threads_to_those_who_read(book: Notebook) -> None:
    """Many more wait to write than there are threads; a reader is served at once."""

    async def work() -> tuple[Any, int]:
        database = ThreadedDatabase(book.database)
        leader = Leader(book, Note("the first"))
        futures = [database.perform(Once(Note(f"{number}"))) for number in range(50)]
        read = await database.perform(Once(ReadNotes()))
        done = sum(future.done() for future in futures)
        leader.let_go()
        await asyncio.gather(*futures)
        return read, done

    assert run(work()) == ([], 0)
    assert len(book.notes) == 51


def test_a_loop_that_ended_holds_nobody_up(book: Notebook) -> None:
    """Its task is gone when its step was performed; the thread that did it goes on, and so does everybody else."""
    leader = Leader(book, Note("a"))

    async def leave() -> None:
        ThreadedDatabase(book.database).perform(Once(Note("b")))

    run(leave())
    behind = leader.joined(Once(Note("c")))
    assert leader.heard() == noted("ac")
    assert behind.done()
    assert book.notes == ["a", "b", "c"]


def test_a_step_whose_threads_were_closed_meanwhile_is_performed(book: Notebook) -> None:
    """It stood in line when its facade was closed; it is not lost, and neither is the turn."""

    async def work() -> Any:
        database = ThreadedDatabase(book.database)
        turn = Turn()
        book.line.take(turn)
        waits = database.perform(Once(Note("a")))
        await database.close()
        book.line.give_back(turn)
        return await waits

    assert run(work()) == "a noted"
    assert book.notes == ["a"]


def test_a_turn_that_was_lost_is_waited_for_with_patience(book: Notebook) -> None:
    """As threads do: after that, the step goes ahead all the same, and only once."""

    async def work() -> Any:
        line = Turns(patience=0.01)
        line.take(Turn())
        with ThreadPoolExecutor(1) as threads:
            return await TaskTurn(line, Once(Note("a")), book.database, threads, Mailbox()).future

    assert run(work()) == "a noted"
    assert book.notes == ["a"]


def test_one_that_is_taken_along_is_waited_for_with_more_patience(book: Notebook) -> None:
    """Going ahead would perform its step twice."""

    async def work() -> Any:
        line = Turns(patience=0.01)
        leader = Turn(None, book.database)
        line.take(leader)
        with ThreadPoolExecutor(1) as threads:
            turn = TaskTurn(line, Once(Note("a")), book.database, threads, Mailbox())
            assert line.take_next(leader) is turn
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(turn.future), 0.05)
            line.put_back([turn])
            line.give_back(leader)
            return await turn.future

    assert run(work()) == "a noted"
    assert book.notes == ["a"]


class Struck(ThreadPoolExecutor):
    """Threads that are asked for just when a signal's handler raises."""

    def submit(self, *_: Any, **__: Any) -> Any:
        """Be struck."""
        raise KeyboardInterrupt


def test_a_task_that_is_struck_as_its_turn_comes_passes_it_on(book: Notebook) -> None:
    """Nobody has to lose patience before the next one is served."""

    async def work() -> Any:
        line = Turns()
        with Struck(1) as struck, pytest.raises(KeyboardInterrupt):
            TaskTurn(line, Once(Note("a")), book.database, struck, Mailbox())
        with ThreadPoolExecutor(1) as threads:
            return await TaskTurn(line, Once(Note("b")), book.database, threads, Mailbox()).future

    assert run(work()) == "b noted"
    assert book.notes == ["b"]


def test_the_patience_of_a_cancelled_task_moves_nobody(book: Notebook) -> None:
    """It ends long after the task has left: whoever has the turn then keeps it."""

    async def work() -> bool:
        line, holder, other = Turns(patience=0.01), Turn(None, book.database), Turn(None, book.database)
        line.take(holder)
        with ThreadPoolExecutor(1) as threads:
            TaskTurn(line, Once(Note("a")), book.database, threads, Mailbox()).future.cancel()
            await asyncio.sleep(0.03)
        line.join(other)
        return line.take_next(holder) is other

    assert run(work())
    assert book.notes == []


def test_many_loops_and_threads_at_once_lose_nothing(book: Notebook) -> None:
    """Two event loops with eight tasks each and two threads, all at one file: each note is there once."""

    async def tasks(loop: int) -> list[Any]:
        database = ThreadedDatabase(book.database)

        async def work(task: int) -> list[Any]:
            return [await database.perform(Once(Note(f"{loop} {task} {number}"))) for number in range(20)]

        told = await asyncio.gather(*[work(task) for task in range(8)])
        return [one for part in told for one in part]

    def thread(name: int) -> list[Any]:
        return [book.database.perform(Once(Note(f"thread {name} {number}"))) for number in range(20)]

    calls: list[Future[Any]] = [background(partial(run, tasks(loop))) for loop in range(2)]
    calls += [background(partial(thread, name)) for name in range(2)]
    told = [one for call in calls for one in call.result(PATIENCE)]
    assert sorted(told) == sorted(noted(book.notes))
    assert len(told) == 2 * 8 * 20 + 2 * 20
    until(lambda: waiting(book.line) == 0)
