"""The connection breaks in the middle of a statement that commits for many: each of them succeeds, by one event."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from inbox_lifecycle import Inboxes, Instantly, WarmupNotRecorded
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.aftermath import RECORDING, settle, standing, unmoved, warming
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, Face
from tests.support.gathering import Line, born, retries
from tests.support.proxy import Fate, Proxy
from tests.support.racing import PATIENCE

#: As many as stand in line beside those under way: an async facade has no more threads.
IN_LINE = 6


@pytest.fixture
def database(postgres_database: TestDatabase) -> TestDatabase:
    """These tests are about connections, which SQLite has none of."""
    return postgres_database


@pytest.fixture
def line_at(
    database: TestDatabase, provider_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Callable[[AnyFace], Line]:
    """Holds up the first callers of a facade."""
    return lambda face: Line(face, database, provider_sandbox, monkeypatch)


@pytest.mark.parametrize("fate", [Fate.UNSENT, Fate.SWALLOWED, Fate.UNHEARD, Fate.LATE])
def test_everybody_succeeds_by_one_event(
    make: MakeFace, proxied_url: str, proxy: Proxy, line_at: Callable[[AnyFace], Line], fate: Fate
) -> None:
    """Before the server has the statement, before it has answered, after it has, and when it gets it far too late."""
    face = make(proxied_url)
    line = line_at(face)
    inboxes = born(face, IN_LINE)
    calls = line.gather(retries(face, inboxes))
    trap = proxy.set_trap(RECORDING, fate)
    line.let_go()
    assert [call.result(PATIENCE).version for call in calls] == [2] * IN_LINE
    assert trap.sprung.is_set()
    trap.release()
    assert fate is Fate.UNSENT or trap.answered.wait(PATIENCE)
    assert {standing(line.database, inbox.id) for inbox in inboxes} == {warming("moved")}
    assert settle(face, line.database) == Reconciled()


def test_what_nobody_could_record_is_left_for_reconcile(
    provider: Instantly, proxied_url: str, proxy: Proxy, line_at: Callable[[AnyFace], Line]
) -> None:
    """The database is gone from then on: each hears that its own was not recorded, and none is lost."""
    with Inboxes(proxied_url, provider, recording_budget=2.0) as opened:
        face = Face(opened)
        line = line_at(face)
        inboxes = born(face, IN_LINE)
        calls = line.gather(retries(face, inboxes))
        proxy.set_trap(RECORDING, Fate.UNSENT, refuse=True)
        line.let_go()
        assert [type(call.exception(PATIENCE)) for call in calls] == [WarmupNotRecorded] * IN_LINE
        proxy.resume()
        assert {standing(line.database, inbox.id) for inbox in inboxes} == {unmoved(None)}
        assert settle(face, line.database).moved == IN_LINE
