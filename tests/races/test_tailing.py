"""Readers that tail the feed while many write: ours miss nothing and see no inbox go backwards.

Beside them, on the same traffic, read the two that are usually written: one by a growing id, and one by transaction id
that holds back what is still open. The first must lose events and the second must turn some around, which shows that
this traffic would find a mistake of ours too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import cycle, islice, product
from subprocess import Popen

import pytest

from inbox_lifecycle import Inboxes
from tests.support.aftermath import background
from tests.support.children import child
from tests.support.databases import Postgres, TestDatabase
from tests.support.feeding import sealed
from tests.support.naive_tails import Contest, contest
from tests.support.racing import PATIENCE
from tests.support.tailing import BEHIND, COMPETING, RARE, feed_tail, race

WORKER = "tests.support.tailing_worker"
#: Seconds of a round.
ROUND = 1.5
#: Rounds at least, and those after which the naive readers have failed, if ever.
LEAST, BOUND = 4, 40


@pytest.fixture
def contested(postgres: Postgres) -> Iterator[Contest]:
    """A race in which naive readers take part, on a database of its own."""
    with postgres.fresh() as database, contest(database) as made:
        yield made


@pytest.mark.slow
def test_readers_miss_nothing_and_see_nothing_backwards_where_naive_readers_do(contested: Contest) -> None:
    """With sealers that come seldom, that fall behind, and that compete; and with numbers that were drawn early."""
    rounds = cycle(product((10, 1), (RARE, BEHIND, COMPETING)))
    for number, (cache, sealers) in enumerate(islice(rounds, BOUND), 1):
        contested.run(ROUND, sealers, cache=cache)
        assert contested.complaints() == []
        if number >= LEAST and contested.lost_by_id and contested.turned_by_xid:
            break
    assert contested.lost_by_id
    assert contested.turned_by_xid
    assert len(sealed(contested.race.database)) > 100


@pytest.mark.slow
def test_readers_of_a_file_that_several_processes_write_miss_nothing(sqlite_database: TestDatabase) -> None:
    """Two processes write and one seals; one reader of a fourth seals before each page, and one cannot."""
    with race(sqlite_database) as running, ExitStack() as stack, Inboxes(sqlite_database.url) as inboxes:
        orders = (("write", "one", *running.hot), ("write", "two", *running.hot), ("seal", "5"))
        processes = [stack.enter_context(child(WORKER, sqlite_database.url, *order)) for order in orders]
        assert [hear(process) for process in processes] == ["ready"] * len(orders)
        eager, over = feed_tail(inboxes), threading.Event()
        reading = [background(partial(tail.follow, over)) for tail in (running.reader, eager)]
        over.wait(2 * ROUND)
        for process in processes:
            complained = process.communicate(timeout=PATIENCE)[1]
            assert process.returncode == 0, complained
        over.set()
        for one in reading:
            one.result(PATIENCE)
        inboxes.operator(actor="sealer").seal()
        for tail in (running.reader, eager):
            tail.drain()
            assert list(running.complaints(tail)) == []
    assert len(sealed(sqlite_database)) > 50


def hear(process: Popen[str]) -> str:
    """One line from a process."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
