"""A facade that was made before a fork, as prefork servers do: the children must not share what is the parent's."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from inbox_lifecycle import Inboxes, Instantly
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MODES
from tests.support.aftermath import OWNER, background, settle, standing, warming
from tests.support.children import run_child
from tests.support.databases import TestDatabase
from tests.support.faces import Face
from tests.support.proxy import Fate, Proxy

COUNT = 13


@pytest.fixture
def face(database: TestDatabase, provider: Instantly) -> Iterator[Face]:
    """The facade that looks at what the others did."""
    with Inboxes(database.url, provider) as inboxes:
        yield Face(inboxes)


def born(face: Face, count: int) -> list[str]:
    """Ids of inboxes."""
    return [face.register(email_address=f"ana{n}@mail.example.com", owner_id=OWNER).id for n in range(count)]


@pytest.mark.parametrize("mode", MODES)
def test_parent_and_children_go_on_with_the_same_facade(
    face: Face, database: TestDatabase, provider_sandbox: Sandbox, mode: str
) -> None:
    """Each of three processes has its inboxes moved, by connections, threads and locks of its own."""
    ids = born(face, COUNT)
    lines = run_child(
        "tests.support.forking_child", mode, database.url, provider_sandbox.base_url, provider_sandbox.api_key, *ids
    )
    assert [json.loads(line) for line in lines.splitlines()] == [[2] * 4] * 3
    assert {standing(database, inbox_id) for inbox_id in ids} == {warming("moved")}
    assert settle(face, database) == Reconciled()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_children_open_connections_of_their_own(
    face: Face, proxied_url: str, proxy: Proxy, provider_sandbox: Sandbox, mode: str
) -> None:
    """While three processes open their attempts at once, there are three connections: none serves two of them."""
    ids = born(face, 4)
    traps = [proxy.set_trap(inbox_id.encode(), Fate.HELD) for inbox_id in ids[1:]]
    ran = background(
        lambda: run_child(
            "tests.support.forking_child", mode, proxied_url, provider_sandbox.base_url, provider_sandbox.api_key, *ids
        )
    )
    for trap in traps:
        assert trap.sprung.wait(30)
    assert proxy.connections == 3
    for trap in traps:
        trap.release()
    assert [json.loads(line) for line in ran.result(60).splitlines()] == [[2]] * 3
