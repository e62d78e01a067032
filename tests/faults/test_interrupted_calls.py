"""A signal strikes the main thread at every step of a retry, and its handler raises: Ctrl-C, or a time limit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from inbox_lifecycle import Inbox, Inboxes, Instantly
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.testing import Sandbox
from tests.support.aftermath import (
    ANA,
    OWNER,
    Standing,
    background,
    eventually,
    in_flight,
    settle,
    standing,
    unmoved,
    warming,
)
from tests.support.children import run_child
from tests.support.databases import TestDatabase
from tests.support.faces import Face
from tests.support.interrupts import Interrupts, SoftTimeLimit
from tests.support.locks import Held, TableLock, Watched, WriteLock, recording_held, waiters


@dataclass(frozen=True, slots=True)
class Scene:
    """A sync facade, called in the main thread, and what may strike it."""

    face: Face
    inbox: Inbox
    database: TestDatabase
    interrupts: Interrupts
    #: What the signal's handler raises.
    kind: type[BaseException]

    def retry_interrupted(self) -> None:
        """A retry that ends with the interruption."""
        with pytest.raises(self.kind), self.interrupts.raising(self.kind):
            self.retry()

    def retry(self) -> Inbox:
        """A retry."""
        moved: Inbox = self.face.retry_warmup(self.inbox.id, owner_id=OWNER)
        return moved

    def standing(self) -> Standing:
        """How the inbox stands."""
        return standing(self.database, self.inbox.id)

    def settle(self) -> Reconciled:
        """Settle what the interruption left."""
        return settle(self.face, self.database)


@pytest.fixture(params=[KeyboardInterrupt, SoftTimeLimit])
def kind(request: pytest.FixtureRequest) -> type[BaseException]:
    """What the signal's handler raises: what passes every `except Exception`, and what does not."""
    raised: type[BaseException] = request.param
    return raised


@pytest.fixture
def options() -> dict[str, Any]:
    """Options of the facade."""
    return {}


@pytest.fixture
def face(watched: Watched, provider: Instantly, options: dict[str, Any]) -> Iterator[Face]:
    """A sync facade."""
    with Inboxes(watched.engine, provider, **options) as inboxes:
        yield Face(inboxes)


@pytest.fixture
def scene(face: Face, database: TestDatabase, interrupts: Interrupts, kind: type[BaseException]) -> Scene:
    """An inbox to retry, and a signal to come."""
    return Scene(face, face.register(email_address=ANA, owner_id=OWNER), database, interrupts, kind)


@pytest.fixture
def held(provider_sandbox: Sandbox, watched: Watched, scene: Scene) -> Iterator[Held]:
    """The recording of the retry, which waits until it is released."""
    with recording_held(provider_sandbox, watched, scene.database, scene.inbox.id) as recording:
        yield recording


def test_interrupted_before_the_answer_is_read_leaves_the_attempt_open(scene: Scene, provider_sandbox: Sandbox) -> None:
    """Only reconciling can tell that the provider accepted."""
    in_flight(provider_sandbox, scene.interrupts.send)
    scene.retry_interrupted()
    assert scene.standing() == unmoved(None)
    assert scene.settle() == Reconciled(moved=1)


def test_interrupted_before_the_provider_acts_leaves_the_attempt_open(scene: Scene, provider_sandbox: Sandbox) -> None:
    """The request had no effect, and reconciling finds that out."""

    def press() -> None:
        eventually(lambda: provider_sandbox.requests)
        scene.interrupts.send()

    provider_sandbox.fail_next("hang", seconds=30)
    pressed = background(press)
    scene.retry_interrupted()
    pressed.result(10)
    assert scene.standing() == unmoved(None)
    assert scene.settle() == Reconciled(abandoned=1)


def interrupt_the_opening(scene: Scene, watched: Watched) -> None:
    """Interrupt a retry while it waits for somebody else before it can open its attempt."""
    before = watched.taken
    sqlite = scene.database.kind == "sqlite"
    lock = WriteLock(scene.database) if sqlite else TableLock(scene.database, "inbox_attempts")

    def press() -> None:
        eventually(lambda: watched.taken > before and (sqlite or waiters(scene.database) == 1))
        scene.interrupts.send()
        if sqlite:
            # Its waiting cannot be interrupted: the signal strikes when it ends.
            lock.release()

    pressed = background(press)
    scene.retry_interrupted()
    pressed.result(10)
    lock.release()


def test_interrupted_while_opening_the_attempt_never_asks_the_provider(
    scene: Scene, watched: Watched, provider_sandbox: Sandbox
) -> None:
    """Nothing was sent and nothing moved."""
    interrupt_the_opening(scene, watched)
    assert provider_sandbox.requests == ()
    assert scene.standing().version == 1
    assert scene.settle().moved == 0


def test_connection_that_an_interruption_struck_is_not_used_again(
    postgres_database: TestDatabase, provider: Instantly, interrupts: Interrupts, kind: type[BaseException]
) -> None:
    """Nobody can tell what it would answer next, so the next call gets another one, and works."""
    with Inboxes(postgres_database.url, provider) as inboxes:
        face = Face(inboxes)
        inbox = face.register(email_address=ANA, owner_id=OWNER)
        scene = Scene(face, inbox, postgres_database, interrupts, kind)
        lock = TableLock(postgres_database, "inbox_attempts")

        def press() -> None:
            eventually(lambda: waiters(postgres_database) == 1)
            interrupts.send()

        pressed = background(press)
        scene.retry_interrupted()
        pressed.result(10)
        lock.release()
        assert scene.retry().version == 2
        scene.settle()
        assert (scene.standing().version, scene.standing().events) == (2, 2)


@pytest.mark.parametrize("times", [1, 3])
def test_interrupted_while_recording_is_recorded_first(scene: Scene, held: Held, times: int) -> None:
    """However often the signal strikes, it is raised only when the acceptance is recorded."""

    def press() -> Standing:
        held.wait_until_it_waits()
        for struck in range(times):
            scene.interrupts.send()
            eventually(partial(scene.interrupts.has_struck, struck + 1))
        before = scene.standing()
        held.release()
        return before

    pressed: Future[Standing] = background(press)
    scene.retry_interrupted()
    assert scene.standing() == warming("moved")
    assert pressed.result(10) == unmoved(None)
    assert scene.settle() == Reconciled()


@pytest.mark.parametrize("options", [{"recording_budget": 0.3}])
def test_budget_over_while_recording_is_raised_and_recorded_later(scene: Scene, held: Held) -> None:
    """An interrupted call waits for its recording no longer than the budget; the commit lands when it can."""

    def press() -> None:
        held.wait_until_it_waits()
        scene.interrupts.send()

    pressed = background(press)
    scene.retry_interrupted()
    pressed.result(10)
    assert scene.standing() == unmoved(None)
    held.release()
    eventually(lambda: scene.standing() == warming("moved"))
    assert scene.settle() == Reconciled()


def test_interrupted_anywhere_leaves_what_can_be_settled(
    face: Face, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """At whatever instant a signal strikes: all recorded, or an open attempt, or nothing; and the process works on."""
    emails = [f"ana{number}@mail.example.com" for number in range(40)]
    inboxes = [face.register(email_address=email, owner_id=OWNER) for email in emails]
    run_child(
        "tests.support.struck_child",
        database.url,
        provider_sandbox.base_url,
        provider_sandbox.api_key,
        *[inbox.id for inbox in inboxes],
    )
    assert {standing(database, inbox.id) for inbox in inboxes} <= {unmoved(), unmoved(None), warming("moved")}
    settle(face, database)
    for email, inbox in zip(emails, inboxes, strict=True):
        assert (standing(database, inbox.id).status == "warming") is provider_sandbox.warming(email)
