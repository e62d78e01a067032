"""Facades: each test of the contract runs sync and async, on SQLite and on PostgreSQL, against the sandbox.

That is four times. Where a test is about what a call means, the two facades are one flow, and each database has its own
SQL: a file of such tests is marked `pairwise`. Each case of it then runs twice, so that both facades and both databases
are met, either as sync on PostgreSQL and async on SQLite or the other way round; which of the two is drawn from the
test's name, so that a file meets all four. With `--full` every case runs four times.

Whatever is about a driver runs four times always: transactions of a host's, streams, cancelling, waiting, threads and
tasks at once, errors of a database; and so does the promise itself, of the gate and of idempotency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

import pytest

from inbox_lifecycle import Instantly
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, LoopThread, make_face

MODES = ("sync", "async")

Pair = tuple[str, str]
#: Each facade once and each database once.
PAIRS: tuple[frozenset[Pair], frozenset[Pair]] = (
    frozenset({("sync", "postgresql"), ("async", "sqlite")}),
    frozenset({("sync", "sqlite"), ("async", "postgresql")}),
)

MakeFace = Callable[..., AnyFace]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a file that is `pairwise` leaves out."""
    if config.getoption("--full"):
        return
    cases: dict[str, dict[Pair, pytest.Item]] = defaultdict(dict)
    for item in items:
        if item.get_closest_marker("pairwise") and (pair := _pair_of(item)):
            cases[_case_of(item, pair)][pair] = item
    left_out = {
        item
        for case, faces in cases.items()
        # Two only have been chosen already.
        if len(faces) == sum(map(len, PAIRS))
        for pair, item in faces.items()
        if pair not in PAIRS[crc32(case.encode()) % len(PAIRS)]
    }
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _pair_of(item: pytest.Item) -> Pair | None:
    chosen = getattr(getattr(item, "callspec", None), "params", {})
    return (chosen["make"], chosen["database"]) if {"make", "database"} <= chosen.keys() else None


def _case_of(item: pytest.Item, pair: Pair) -> str:
    """The test with its other parameters."""
    test, _, parameters = item.nodeid.partition("[")
    return f"{test}[{'-'.join(word for word in parameters[:-1].split('-') if word not in pair)}]"


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    """An event loop for the whole session."""
    loop = LoopThread()
    yield loop
    loop.stop()


@pytest.fixture
def provider(provider_sandbox: Sandbox) -> Instantly:
    """The adapter, pointed at the sandbox."""
    return Instantly(api_key=provider_sandbox.api_key, base_url=provider_sandbox.base_url, timeout=5.0)


@pytest.fixture(params=MODES)
def make(
    request: pytest.FixtureRequest, database: TestDatabase, provider: Instantly, loop_thread: LoopThread
) -> Iterator[MakeFace]:
    """Makes facades over the test's database, sync and again async; they are closed at the end."""
    made: list[AnyFace] = []

    def make_one(url: Any = None, **options: Any) -> AnyFace:
        options.setdefault("provider", provider)
        face = make_face(request.param, loop_thread, url or database.url, **options)
        made.append(face)
        return face

    yield make_one
    for face in made:
        face.close()


@pytest.fixture
def face(make: MakeFace) -> AnyFace:
    """A facade over the test's database."""
    return make()
