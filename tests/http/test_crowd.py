"""Many requests at once: for one inbox, and behind a hook that waits."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from inbox_lifecycle import Inbox
from inbox_lifecycle.http import Principal
from tests.fix_face import MakeFace
from tests.support.contract import OWNER, born, crosswise
from tests.support.faces import AnyFace, LoopThread
from tests.support.hosting import TOKEN, Host, site_of
from tests.support.serving import Web

#: More than any pool of threads or connections holds; `serve` is asked a thousand at once in tests/e2e/test_serve.py.
CROWD = 400


async def retry_all(web: Web, inbox: Inbox) -> Counter[int]:
    """The statuses of hundreds of retries, sent once all of their connections are open."""
    connections = [await asyncio.open_connection(*web.address) for _ in range(CROWD)]
    request = (
        f"PATCH /api/email/accounts/{inbox.id}/retry-warmup HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    ).encode()
    for _, writer in connections:
        writer.write(request)
    answers = await asyncio.gather(*(reader.read() for reader, _ in connections))
    for _, writer in connections:
        writer.close()
    return Counter(int(answer.split()[1]) for answer in answers)


@crosswise
@pytest.mark.slow
@pytest.mark.usefixtures("site")
def test_hundreds_of_retries_of_one_inbox_move_it_once(web: Web, face: AnyFace, loop_thread: LoopThread) -> None:
    """One of them moves it, all others hear why not, and every one is on record.

    A provider that is asked by hundreds at once may keep the last of them waiting for too long, which is a 502.
    """
    inbox = born(face)
    statuses = loop_thread.wait(retry_all(web, inbox))
    assert (statuses[200], statuses.total(), set(statuses) - {200, 409, 502}) == (1, CROWD, set())
    assert face.get(inbox.id, owner_id=OWNER).version == 2
    attempts = Counter(attempt.outcome for attempt in face.attempts(inbox.id, owner_id=OWNER))
    assert attempts["moved"] == 1
    assert attempts.total() == CROWD
    assert attempts["refused"] + attempts["lost"] == statuses[409]


@pytest.mark.parametrize(("make", "database"), [("sync", "sqlite"), ("async", "sqlite")], indirect=True)
def test_a_hook_that_waits_holds_nobody_else_up(make: MakeFace, host: Host, web: Web) -> None:
    """A plain function is called in a thread: while one caller's waits for something slow, others are answered."""
    asked, answered = threading.Event(), threading.Event()

    def authenticate(token: str) -> Principal | None:
        if token == "slow":
            asked.set()
            assert answered.wait(20)
        return Principal(owner_id=OWNER, actor=token)

    with site_of(web, host.application(make(), authenticate=authenticate)) as site, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(site.get, "/api/email/accounts", token="slow")
        assert asked.wait(20)
        assert site.get("/api/email/accounts", token="quick").status_code == 200
        answered.set()
        assert slow.result(20).status_code == 200
