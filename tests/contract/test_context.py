"""Who, why and from where: what `audit_context` says stands beside every event and attempt; and when it happened."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from inbox_lifecycle import AsyncInboxes, Inbox, InvalidInput, ProviderError, audit_context
from inbox_lifecycle.context import Context
from inbox_lifecycle.errors import ActorRequired, MalformedText
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import (
    OWNER,
    UNKEEPABLE,
    Clock,
    attempt_on,
    born,
    crosswise,
    in_flight,
    nothing_moves,
    retry,
)
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, LoopThread

pytestmark = pytest.mark.pairwise


def contexts(face: AnyFace, inbox: Inbox) -> list[Context]:
    """What stands beside each event."""
    return [event.context for event in face.operator().history(inbox.id)]


def test_everything_said_stands_beside_the_event(face: AnyFace) -> None:
    """All four words of the block, and the owner on whose behalf it was."""
    with audit_context(actor="rita", reason="new campaign", correlation_id="req-7", causation_id="msg-9"):
        inbox = born(face)
    said = Context(owner_id=OWNER, actor="rita", reason="new campaign", correlation_id="req-7", causation_id="msg-9")
    assert contexts(face, inbox) == [said]


def test_nothing_said_leaves_only_the_owner(face: AnyFace) -> None:
    """A call outside any block is the owner's own."""
    assert contexts(face, born(face)) == [Context(owner_id=OWNER)]


def test_attempt_holds_the_same_as_its_event(face: AnyFace) -> None:
    """Attempt and event of one call tell the same story, the key included."""
    inbox = born(face)
    with audit_context(actor="rita", correlation_id="req-7"):
        retry(face, inbox, "k-1")
    said = Context(owner_id=OWNER, actor="rita", correlation_id="req-7", idempotency_key="k-1")
    assert attempt_on(face, inbox).context == said
    assert contexts(face, inbox)[-1] == said


def test_failed_attempt_tells_who_asked(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """A call that moved nothing is on record with its caller all the same."""
    inbox = born(face)
    provider_sandbox.fail_next("reject")
    with audit_context(actor="rita", reason="impatience"), pytest.raises(ProviderError):
        retry(face, inbox)
    context = attempt_on(face, inbox).context
    assert (context.actor, context.reason, context.owner_id) == ("rita", "impatience", OWNER)


def test_inner_block_overrides_what_it_names_and_nothing_else(face: AnyFace) -> None:
    """The outer block's words shine through, and are whole again after the inner one."""
    with audit_context(actor="rita", correlation_id="req-7"):
        with audit_context(actor="sven", reason="on rita's behalf"):
            inner = born(face)
        outer = born(face, "bo@mail.example.com")
    after = born(face, "cy@mail.example.com")
    assert contexts(face, inner) == [
        Context(owner_id=OWNER, actor="sven", reason="on rita's behalf", correlation_id="req-7")
    ]
    assert contexts(face, outer) == [Context(owner_id=OWNER, actor="rita", correlation_id="req-7")]
    assert contexts(face, after) == [Context(owner_id=OWNER)]


def test_block_left_by_an_error_is_left(face: AnyFace) -> None:
    """Whatever ends the block, its words end with it."""
    with pytest.raises(ZeroDivisionError), audit_context(actor="rita"):
        _ = 1 / 0
    assert contexts(face, born(face))[0].actor is None


def test_one_block_can_be_entered_twice(face: AnyFace) -> None:
    """A block that stands as a constant works nested in itself too."""
    block = audit_context(actor="rita")
    with block, block:
        inner = born(face)
    after = born(face, "bo@mail.example.com")
    assert (contexts(face, inner)[0].actor, contexts(face, after)[0].actor) == ("rita", None)


def test_operators_name_outweighs_the_block(face: AnyFace) -> None:
    """Who acts is who asked for the operator's facade; the block still says from where."""
    inbox = born(face)
    with audit_context(actor="rita", correlation_id="req-7"):
        face.operator("olga").ban(inbox.id)
    assert contexts(face, inbox)[-1] == Context(actor="olga", correlation_id="req-7")


def test_reason_at_the_call_outweighs_the_block(face: AnyFace) -> None:
    """What is said last is said closest."""
    inbox = born(face)
    with audit_context(reason="housekeeping"):
        face.operator().ban(inbox.id, reason="complaints")
    assert contexts(face, inbox)[-1].reason == "complaints"


def test_context_is_read_when_the_call_begins(face: AnyFace, provider_sandbox: Sandbox) -> None:
    """What other threads say while the call is with the provider does not reach it."""
    inbox = born(face)

    def talk() -> None:
        with audit_context(actor="sven"):
            born(face, "bo@mail.example.com")

    in_flight(provider_sandbox, talk)
    with audit_context(actor="rita"):
        retry(face, inbox)
    assert contexts(face, inbox)[-1].actor == "rita"


def in_a_thread(work: Callable[[], Inbox]) -> Inbox:
    """What the work gives in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_carried_function_brings_its_context_into_a_thread(face: AnyFace) -> None:
    """A pool's thread says what the block said where the function was carried."""
    with audit_context(actor="rita"):
        work = audit_context.carry(lambda: born(face))
    assert contexts(face, in_a_thread(work))[0].actor == "rita"


def test_thread_without_carrying_has_no_context(face: AnyFace) -> None:
    """Threads start with nothing said; that is why there is `carry`."""
    with audit_context(actor="rita"):
        inbox = in_a_thread(lambda: born(face))
    assert contexts(face, inbox)[0].actor is None


def test_carried_function_leaves_the_threads_own_context_as_it_was(face: AnyFace) -> None:
    """The carried words are gone from the thread when the function is done."""
    with audit_context(actor="rita"):
        work = audit_context.carry(lambda: born(face))

    def both() -> Inbox:
        work()
        return born(face, "bo@mail.example.com")

    assert contexts(face, in_a_thread(both))[0].actor is None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_tasks_that_interleave_keep_their_contexts_apart(database: TestDatabase, loop_thread: LoopThread) -> None:
    """Two tasks that wait for each other inside their blocks each keep their own words across every await."""

    async def story() -> list[str | None]:
        line = asyncio.Barrier(2)

        async def register(inboxes: AsyncInboxes, name: str) -> Inbox:
            with audit_context(actor=name):
                await line.wait()
                inbox = await inboxes.register(
                    email_address=f"{name}@mail.example.com", owner_id=OWNER, provider="instantly"
                )
                await line.wait()
            return inbox

        async with AsyncInboxes(database.url) as inboxes:
            made = await asyncio.gather(*(register(inboxes, name) for name in ("rita", "sven")))
            return [event.context.actor for inbox in made async for event in inboxes.history(inbox.id, owner_id=OWNER)]

    assert loop_thread.wait(story()) == ["rita", "sven"]


@pytest.mark.parametrize("name", ["actor", "reason", "correlation_id", "causation_id"])
def test_word_that_cannot_be_kept_is_refused_where_it_is_said(name: str) -> None:
    """The block itself tells, before anything is called."""
    for wrong in (*UNKEEPABLE, 7):
        words: dict[str, Any] = {name: wrong}
        with pytest.raises(MalformedText, match=name):
            audit_context(**words)


@crosswise
@pytest.mark.parametrize("wrong", ["", *UNKEEPABLE], ids=["empty", "NUL", "high", "low"])
def test_operator_without_a_name_that_can_be_kept_is_refused(face: AnyFace, wrong: str) -> None:
    """Operators act across owners, so each has a name."""
    with pytest.raises(InvalidInput, match="actor"):
        face.operator(wrong)


CALLS: dict[str, Callable[[AnyFace, Inbox], object]] = {
    "register": lambda face, _inbox: born(face, "bo@mail.example.com"),
    "register and start": lambda face, _inbox: born(face, "bo@mail.example.com", start_warmup=True),
    "start_warmup": lambda face, inbox: face.start_warmup(inbox.id, owner_id=OWNER),
    "retry_warmup": retry,
}


@crosswise
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_call_by_nobody_is_an_error_where_actors_are_required(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox, call: Callable[[AnyFace, Inbox], object]
) -> None:
    """Nothing moves, no attempt is left, nobody is asked, and the message names the cure."""
    strict = make(require_actor=True)
    inbox = born(make())
    with nothing_moves(database), pytest.raises(ActorRequired, match=r"audit_context\(actor="):
        call(strict, inbox)
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()


@crosswise
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_call_by_somebody_passes_where_actors_are_required(
    make: MakeFace, call: Callable[[AnyFace, Inbox], object]
) -> None:
    """Saying who acts is all it takes."""
    strict = make(require_actor=True)
    with audit_context(actor="rita"):
        assert call(strict, born(strict))


def test_reading_and_operators_pass_where_actors_are_required(make: MakeFace) -> None:
    """Looking changes nothing, and an operator has a name already."""
    strict = make(require_actor=True)
    inbox = born(make())
    assert strict.get(inbox.id, owner_id=OWNER) == inbox
    assert strict.find(owner_id=OWNER).items == (inbox,)
    assert strict.operator("olga").ban(inbox.id).version == 2


def test_events_carry_the_time_of_the_clock(make: MakeFace) -> None:
    """Time is the host's to give, to the microsecond."""
    clock = Clock()
    face = make(clock=clock)
    inbox = born(face)
    born_at = clock.now
    clock.move(hours=3)
    moved = retry(face, inbox)
    assert (moved.created_at, moved.updated_at) == (born_at, clock.now)
    assert [event.recorded_at for event in face.history(inbox.id, owner_id=OWNER)] == [born_at, clock.now]


def test_recorded_time_never_goes_back_with_the_clock(make: MakeFace) -> None:
    """A clock that is set back stands still for the inbox until it has caught up."""
    clock = Clock()
    face = make(clock=clock)
    inbox = born(face)
    before = clock.now
    clock.move(hours=-1)
    retry(face, inbox)
    face.operator().ban(inbox.id)
    clock.move(hours=2)
    face.operator().correct(inbox.id, status="active", warmup_status="active", reason="by hand")
    recorded = [event.recorded_at for event in face.history(inbox.id, owner_id=OWNER)]
    assert recorded == [before, before, before, clock.now]
    assert face.operator().verify(inbox.id).clean


def test_attempts_tell_the_time_as_the_clock_gave_it(make: MakeFace) -> None:
    """An attempt is no event: its times are those of its caller's clock."""
    clock = Clock()
    face = make(clock=clock)
    inbox = born(face)
    clock.move(minutes=5)
    retry(face, inbox)
    attempt = attempt_on(face, inbox)
    assert (attempt.opened_at, attempt.closed_at) == (clock.now, clock.now)


def naive() -> datetime:
    """A time of nowhere."""
    return datetime(2026, 3, 4, 5, 6, 7)  # noqa: DTZ001 - a naive time is the point


CLOCKED: dict[str, Callable[[AnyFace, Inbox], object]] = {
    "register": CALLS["register"],
    "adopt": lambda face, _inbox: face.operator().adopt(
        email_address="bo@mail.example.com", owner_id=OWNER, status="active", warmup_status="active"
    ),
    "retry_warmup": retry,
    "ban": lambda face, inbox: face.operator().ban(inbox.id),
}


@pytest.mark.parametrize("call", CLOCKED.values(), ids=CLOCKED.keys())
def test_clock_without_a_time_zone_is_an_error(
    make: MakeFace, database: TestDatabase, provider_sandbox: Sandbox, call: Callable[[AnyFace, Inbox], object]
) -> None:
    """A time that might be anyone's is refused before anything is sent or written, and the message names the cure."""
    inbox = born(make())
    lost = make(clock=naive)
    with nothing_moves(database), pytest.raises(ValueError, match="aware"):
        call(lost, inbox)
    assert database.count("inbox_attempts") == 0
    assert provider_sandbox.requests == ()


def test_moves_in_many_threads_each_tell_their_own_actor(face: AnyFace) -> None:
    """Eight threads with a block each never hear each other."""
    line = threading.Barrier(8)

    def register(number: int) -> Inbox:
        with audit_context(actor=f"actor-{number}"):
            line.wait()
            return born(face, f"box-{number}@mail.example.com")

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(register, range(8)))
    assert [contexts(face, inbox)[0].actor for inbox in made] == [f"actor-{number}" for number in range(8)]
