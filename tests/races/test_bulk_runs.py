"""Several bulk runs at once, on one database: no inbox is asked for twice, moved twice, or forgotten."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import httpx
import pytest
from sqlalchemy import Connection

from inbox_lifecycle import Inbox, Inboxes, InboxId, Instantly
from inbox_lifecycle.testing import Operation, Sandbox
from tests.fix_face import MakeFace
from tests.support.children import child
from tests.support.claiming import claim, commits
from tests.support.contract import crosswise
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, Face
from tests.support.hosts import host_engine
from tests.support.racing import each, together
from tests.support.store import Store
from tests.support.stuck import assert_asked_once, assert_moved_once, closings, retry_many, retry_stuck, stuck

RUNS = 4
#: More than one batch.
MANY = 130


def assert_shared_out(told: Sequence[Mapping[InboxId, str]], inboxes: Iterable[Inbox]) -> None:
    """Demand that each inbox was moved by one run, and that the others were told that they came too late, if at all."""
    for inbox in inboxes:
        heard = Counter(outcomes[inbox.id] for outcomes in told if inbox.id in outcomes)
        assert heard["moved"] == 1, heard
        assert set(heard) <= {"moved", "taken", "refused"}


def test_runs_of_several_facades_ask_for_each_inbox_once(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Each with an engine of its own; whoever claims an inbox is the only one to ask for it."""
    faces = [make() for _ in range(RUNS)]
    inboxes = stuck(faces[0], MANY)
    reports = together(each(retry_stuck, faces))
    told = [getattr(report, "outcomes", {}) for report in reports]
    assert_shared_out(told, inboxes)
    assert_asked_once(provider_sandbox, inboxes)
    assert_moved_once(database, inboxes)
    assert closings(database)["moved"] == MANY
    assert closings(database)[None] == 0
    assert faces[0].operator().verify().clean


@crosswise
def test_runs_share_a_provider_that_does_one_job_at_a_time(make: MakeFace, database: TestDatabase) -> None:
    """Who meets the lock waits and comes back: each inbox is named in one job, whoever's calls were refused."""
    with Sandbox(job_seconds=0.05) as sandbox:
        provider = Instantly(api_key=sandbox.api_key, base_url=sandbox.base_url)
        faces = [make(provider=provider) for _ in range(RUNS)]
        inboxes = stuck(faces[0], RUNS * 3)
        chunks = [inboxes[start::RUNS] for start in range(RUNS)]
        reports = together([partial(retry_many, face, chunk) for face, chunk in zip(faces, chunks, strict=True)])
        assert [getattr(report, "counts", None) for report in reports] == [{"moved": 3}] * RUNS
        assert named_in_jobs(sandbox) == len(inboxes)
    assert_moved_once(database, inboxes)


def named_in_jobs(sandbox: Sandbox) -> int:
    """How many mailboxes the provider's jobs were for."""
    answer = httpx.get(
        f"{sandbox.base_url}/api/v2/background-jobs", headers={"Authorization": f"Bearer {sandbox.api_key}"}
    )
    return sum(job["data"]["total_to_process"] for job in answer.json()["items"])


@pytest.mark.parametrize("make", ["sync"], indirect=True)
def test_runs_of_several_processes_ask_for_each_inbox_once(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """On any hosts: nothing but the database decides."""
    face = make()
    inboxes = stuck(face, MANY)
    arguments = (database.url, provider_sandbox.base_url, provider_sandbox.api_key)
    with ExitStack() as stack:
        runs = [stack.enter_context(child("tests.support.bulk_child", *arguments)) for _ in range(2)]
        assert [_heard(run.stdout) for run in runs] == ["ready"] * 2
        for run in runs:
            assert run.stdin is not None
            run.stdin.write("go\n")
            run.stdin.flush()
        told = [json.loads(_heard(run.stdout)) for run in runs]
    assert_shared_out(told, inboxes)
    assert_asked_once(provider_sandbox, inboxes)
    assert_moved_once(database, inboxes)
    assert face.operator().verify().clean


def _heard(lines: Iterator[str] | None) -> str:
    assert lines is not None
    return next(lines).strip()


def test_a_run_among_single_retries_moves_each_inbox_once(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """They may ask for the same inbox, as single calls claim nothing; it moves once, and is told so once."""
    face = make()
    inboxes = stuck(face, 30)

    def retry(inbox: Inbox) -> object:
        return face.retry_warmup(inbox.id, owner_id="owner")

    together([*each(retry, inboxes[::2]), lambda: retry_stuck(face)])
    assert_moved_once(database, inboxes)
    assert closings(database)[None] == 0
    assert closings(database)["moved"] == len(inboxes)
    assert provider_sandbox.count(Operation.ENABLE) <= 2 * len(inboxes)
    assert face.operator().verify().clean


@pytest.fixture
def store(postgres_database: TestDatabase) -> Iterator[Store]:
    """The statements on a database where writers wait for each other's rows alone."""
    made = Store(postgres_database)
    yield made
    made.close()


def there_and_back(face: AnyFace, inbox: Inbox) -> None:
    """The pair comes again."""
    correct = face.operator().correct
    correct(inbox.id, status="active", warmup_status="active", reason="there")
    correct(inbox.id, status="pending", warmup_status="not_started", reason="and back")


def ban(face: AnyFace, inbox: Inbox) -> None:
    """Another pair."""
    face.operator().ban(inbox.id)


@pytest.mark.parametrize("move", [there_and_back, ban])
def test_an_inbox_that_a_host_is_moving_holds_up_nobody_else_of_the_batch(
    store: Store, provider: Instantly, move: Callable[[AnyFace, Inbox], None]
) -> None:
    """The statement comes back while the row is locked, with all the others moved; that one misses when tried again."""
    inboxes = [store.born(f"box{number}@mail.example.com") for number in range(5)]
    statement = commits(store, claim(store, inboxes))
    with host_engine(store.database) as engine, engine.connect() as connection:
        move(_within(connection, provider), inboxes[2])
        moved = store.run(statement)
        connection.commit()
    assert moved == {inbox.id for inbox in inboxes if inbox != inboxes[2]}
    assert store.run(statement) == frozenset()
    assert store.run(replace(statement, commits=statement.commits[2:3])) == frozenset()


def _within(connection: Connection, provider: Instantly) -> Face:
    return Face(Inboxes(connection.engine, provider).within(connection))
