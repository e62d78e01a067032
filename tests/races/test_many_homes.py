"""Several facades with engines of their own, and several processes, on one database: still one event a move."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from inbox_lifecycle import Inbox, RetryRefused
from inbox_lifecycle.testing import Operation, Sandbox
from tests.fix_face import MakeFace
from tests.support.databases import TestDatabase
from tests.support.evidence import sound
from tests.support.faces import AnyFace
from tests.support.racing import PATIENCE, Crowd, each, losers, together, winners

ANA = "ana@mail.example.com"
HERE = Path(__file__).parents[2]

PROCESSES = 4
INBOXES = 20


def test_facades_with_engines_of_their_own_move_the_inbox_once(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Nothing that the facades share in memory decides the race: each has its own engine and its own connections."""
    faces = [make() for _ in range(4)]
    inbox: Inbox = faces[0].register(email_address=ANA, owner_id="owner")
    Crowd(provider_sandbox, 8)

    def retry(face: AnyFace) -> Inbox:
        moved: Inbox = face.retry_warmup(inbox.id, owner_id="owner")
        return moved

    answers = together(each(retry, faces * 2))
    assert [winner.version for winner in winners(answers)] == [2]
    assert Counter(map(type, losers(answers))) == Counter({RetryRefused: 7})
    assert sound(database).outcomes(inbox.id) == ["lost"] * 7 + ["moved"]
    assert faces[0].operator().verify().clean


@pytest.mark.parametrize("make", ["sync"], indirect=True)
def test_processes_with_the_same_list_move_each_inbox_once(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Four processes retry the same inboxes in the same order: each inbox has one winner and one event."""
    face = make()
    addresses = [f"inbox{number}@mail.example.com" for number in range(INBOXES)]
    ids = [face.register(email_address=address, owner_id="owner").id for address in addresses]
    # The first inbox is the starting line: all four are accepted for it before any of them records.
    Crowd(provider_sandbox, PROCESSES, email=addresses[0])
    told = retry_in_processes(database.url, provider_sandbox, ids)
    per_inbox = [Counter(answers) for answers in zip(*told, strict=True)]
    assert per_inbox == [Counter({2: 1, "RetryRefused": PROCESSES - 1})] * INBOXES
    evidence = sound(database)
    assert {tuple(evidence.names(inbox_id)) for inbox_id in ids} == {("inbox.registered", "inbox.warmup_started")}
    ended = [Counter(evidence.outcomes(inbox_id)) for inbox_id in ids]
    assert ended[0] == Counter({"lost": PROCESSES - 1, "moved": 1})
    assert all(found["moved"] == 1 and found["lost"] + found["refused"] == PROCESSES - 1 for found in ended)
    assert provider_sandbox.count(Operation.ENABLE) == sum(found["moved"] + found["lost"] for found in ended)
    assert face.operator().verify().clean


def retry_in_processes(url: str, sandbox: Sandbox, ids: list[str]) -> list[list[int | str]]:
    """What each process was answered, inbox by inbox."""
    order = {
        "url": url,
        "base_url": sandbox.base_url,
        "api_key": sandbox.api_key,
        "owner_id": "owner",
        "inbox_ids": ids,
    }
    with ExitStack() as stack:
        workers = [stack.enter_context(worker()) for _ in range(PROCESSES)]
        for process in workers:
            tell(process, json.dumps(order))
        assert [hear(process) for process in workers] == ["ready"] * PROCESSES
        for process in workers:
            tell(process, "go")
        return [json.loads(hear(process)) for process in workers]


@contextmanager
def worker() -> Iterator[subprocess.Popen[str]]:
    """A process that is gone at the end."""
    command = [sys.executable, "-m", "tests.support.retry_worker"]
    with subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def tell(process: subprocess.Popen[str], line: str) -> None:
    """One line to a process."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def hear(process: subprocess.Popen[str]) -> str:
    """One line from a process."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
