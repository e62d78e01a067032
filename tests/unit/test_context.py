"""Who acts and why: how blocks nest, what threads and tasks see, and what is refused. No store is needed for that."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import rfc8785

from inbox_lifecycle import audit_context
from inbox_lifecycle.context import NOBODY, Context, current_context
from inbox_lifecycle.errors import ActorRequired, MalformedText


def test_without_a_block_nobody_acts() -> None:
    """Nothing is known, and nothing is committed to."""
    assert current_context() == NOBODY
    assert NOBODY.canonical() == b"{}"


def test_a_block_says_who_and_why() -> None:
    """Every word it takes is there inside, and gone after it."""
    with audit_context(actor="rita", reason="asked", correlation_id="req-1", causation_id="msg-1"):
        inside = current_context()
    assert inside == Context(actor="rita", reason="asked", correlation_id="req-1", causation_id="msg-1")
    assert current_context() == NOBODY


def test_an_inner_block_overrides_only_what_it_names() -> None:
    """The rest stays as the outer one said, and comes back after it."""
    with audit_context(actor="rita", correlation_id="req-1"):
        with audit_context(actor="otto", reason="inner"):
            assert current_context() == Context(actor="otto", reason="inner", correlation_id="req-1")
        assert current_context() == Context(actor="rita", correlation_id="req-1")


def test_a_block_that_fails_is_over_all_the_same() -> None:
    """The next call must not act in a name that is gone."""
    with pytest.raises(KeyError), audit_context(actor="rita"):
        raise KeyError
    assert current_context() == NOBODY


def test_one_block_can_be_entered_again_and_within_itself() -> None:
    """It is a value that says who, not a place."""
    block = audit_context(actor="rita")
    with block:
        with block:
            assert current_context().actor == "rita"
        assert current_context().actor == "rita"
    assert current_context() == NOBODY
    with block:
        assert current_context().actor == "rita"


def test_what_the_call_says_stands_before_what_the_block_says() -> None:
    """An operator's facade knows its actor, and a method its reason."""
    with audit_context(actor="rita", reason="block"):
        assert current_context(actor="olga", reason="call") == Context(actor="olga", reason="call")


def test_a_key_is_the_calls_alone() -> None:
    """A key of one call must never mark another's event."""
    assert current_context(idempotency_key="k").idempotency_key == "k"
    assert current_context().idempotency_key is None


def test_a_required_actor_that_is_missing_is_an_error() -> None:
    """And one that is there is none."""
    with pytest.raises(ActorRequired, match="audit_context"):
        current_context(require_actor=True)
    with audit_context(actor="rita"):
        assert current_context(require_actor=True).actor == "rita"


@pytest.mark.parametrize("name", ["actor", "reason", "correlation_id", "causation_id"])
@pytest.mark.parametrize("text", ["a\x00b", "a\ud83d"])
def test_a_text_that_cannot_be_kept_is_refused_where_it_is_said(name: str, text: str) -> None:
    """At the block and not at the call inside; the error names the word."""
    with pytest.raises(MalformedText, match=name):
        audit_context(**{name: text})


def test_a_context_is_written_as_rfc_8785_has_it() -> None:
    """What is not known is not written, so that a word to come changes no commitment of today."""
    context = Context(actor="Réné", owner_id="o", reason=None)
    assert context.canonical() == rfc8785.dumps({"actor": "Réné", "owner_id": "o"})
    assert context.as_dict() == {"actor": "Réné", "owner_id": "o"}


def test_a_context_does_not_show_in_its_repr() -> None:
    """Logs are full of reprs."""
    context = Context(
        owner_id="secret", actor="secret", reason="secret", correlation_id="secret", causation_id="secret"
    )
    assert "secret" not in repr(context)


def test_a_thread_inherits_nothing() -> None:
    """It works for whoever hands it work, and must be told."""
    seen: list[Context] = []
    with audit_context(actor="rita"):
        thread = threading.Thread(target=lambda: seen.append(current_context()))
        thread.start()
        thread.join()
    assert seen == [NOBODY]


def test_a_function_that_is_carried_takes_its_context_along() -> None:
    """Into a pool's thread, which has its own again afterwards."""
    with ThreadPoolExecutor(1) as pool:
        with audit_context(actor="rita"):
            carried = audit_context.carry(current_context)
        assert pool.submit(carried).result().actor == "rita"
        assert pool.submit(current_context).result() == NOBODY


def test_a_carried_function_that_fails_leaves_nothing_behind() -> None:
    """The pool's thread is clean for the next one."""

    def fail() -> None:
        raise KeyError

    with ThreadPoolExecutor(1) as pool:
        with audit_context(actor="rita"):
            carried = audit_context.carry(fail)
        with pytest.raises(KeyError):
            pool.submit(carried).result()
        assert pool.submit(current_context).result() == NOBODY


def test_tasks_see_their_own_block() -> None:
    """Two at once on one loop never mix."""

    async def act(actor: str, entered: asyncio.Event, other: asyncio.Event) -> str | None:
        with audit_context(actor=actor):
            entered.set()
            await other.wait()
            return current_context().actor

    async def both() -> tuple[str | None, str | None]:
        one, two = asyncio.Event(), asyncio.Event()
        first, second = await asyncio.gather(act("rita", one, two), act("otto", two, one))
        return first, second

    assert asyncio.run(both()) == ("rita", "otto")


def test_a_block_works_across_await() -> None:
    """What is awaited inside acts in its name."""

    async def act() -> str | None:
        with audit_context(actor="rita"):
            await asyncio.sleep(0)
            return current_context().actor

    assert asyncio.run(act()) == "rita"
