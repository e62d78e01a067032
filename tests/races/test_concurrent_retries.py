"""N retries of one inbox at once: one event, one winner, and every loser hears so and is on record."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from inbox_lifecycle import AsyncInboxes, Inbox, Instantly, RetryRefused
from inbox_lifecycle.testing import Operation, Sandbox
from tests.support.databases import TestDatabase
from tests.support.evidence import sound
from tests.support.faces import AnyFace
from tests.support.racing import Crowd, each, losers, together, winners

ANA = "ana@mail.example.com"


def retries(face: AnyFace, inbox: Inbox, count: int, key: str | None = None) -> list[object]:
    """What so many retries at once were answered."""
    call = [lambda: face.retry_warmup(inbox.id, owner_id="owner", idempotency_key=key)]
    return together(call * count)


def inboxes(face: AnyFace) -> Iterator[tuple[int, Inbox]]:
    """The sizes of crowds, and a new inbox for each."""
    for count in (2, 8, 32):
        yield count, face.register(email_address=f"inbox{count}@mail.example.com", owner_id="owner")


@pytest.fixture
def inbox(face: AnyFace) -> Inbox:
    """An inbox to retry."""
    registered: Inbox = face.register(email_address=ANA, owner_id="owner")
    return registered


def test_retries_that_were_all_accepted_move_the_inbox_once(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """All pass the gate and all are accepted before any records: one wins, the others hear which version beat them."""
    for count, inbox in inboxes(face):
        Crowd(provider_sandbox, count)
        answers = retries(face, inbox, count)
        (winner,) = winners(answers)
        assert (winner.status, winner.warmup_status, winner.version) == ("warming", "warming", 2)
        versions = [clause for refusal in losers(answers) for clause in clauses(refusal) if clause[0] == "version"]
        assert versions == [("version", "1", "2", False)] * (count - 1)
        evidence = sound(database)
        assert evidence.names(inbox.id) == ["inbox.registered", "inbox.warmup_started"]
        assert evidence.outcomes(inbox.id) == ["lost"] * (count - 1) + ["moved"]
        assert provider_sandbox.enable_calls(f"inbox{count}@mail.example.com") == count
    assert face.operator().verify().clean


def test_retries_let_loose_together_move_the_inbox_once(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """However they interleave, each call has an attempt of its own, and the provider is asked once a call at most."""
    for count, inbox in inboxes(face):
        answers = retries(face, inbox, count)
        assert [winner.version for winner in winners(answers)] == [2]
        assert Counter(map(type, losers(answers))) == Counter({RetryRefused: count - 1})
        evidence = sound(database)
        assert evidence.names(inbox.id) == ["inbox.registered", "inbox.warmup_started"]
        ended = Counter(evidence.outcomes(inbox.id))
        assert ended["moved"] == 1
        assert ended["refused"] + ended["lost"] == count - 1
        # Exactly those who passed the gate asked.
        assert provider_sandbox.enable_calls(f"inbox{count}@mail.example.com") == 1 + ended["lost"]
    assert face.operator().verify().clean


def test_retries_that_share_a_key_all_get_the_one_success(
    face: AnyFace, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """With one idempotency key every call returns the inbox as the one event left it, losers of the swap included."""
    for count, inbox in inboxes(face):
        Crowd(provider_sandbox, count)
        answers = retries(face, inbox, count, key="once")
        assert winners(answers) == [face.get(inbox.id, owner_id="owner")] * count
        evidence = sound(database)
        assert evidence.names(inbox.id) == ["inbox.registered", "inbox.warmup_started"]
        assert evidence.outcomes(inbox.id) == ["lost"] * (count - 1) + ["moved"]
    assert face.operator().verify().clean


def test_a_crowd_mixed_of_keys_gives_success_to_the_winning_key_only(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox
) -> None:
    """Of two keys in one crowd, one stands for the event: all its calls succeed, and all calls of the other lose."""
    Crowd(provider_sandbox, 8)

    def retry(key: str) -> Inbox:
        moved: Inbox = face.retry_warmup(inbox.id, owner_id="owner", idempotency_key=key)
        return moved

    answers = together(each(retry, "abababab"))
    by_key = {key: {type(answer) for answer in answers[start::2]} for start, key in enumerate("ab")}
    assert sorted(map(str, by_key.values())) == sorted(map(str, ({Inbox}, {RetryRefused})))
    (keyed,) = [event.context.get("idempotency_key") for event in sound(database).events[inbox.id][1:]]
    assert keyed is not None
    assert by_key[keyed] == {Inbox}


@pytest.mark.parametrize("back", ["fail_warmup", "correct"])
def test_retries_after_the_way_back_move_the_inbox_once_more(
    face: AnyFace, inbox: Inbox, database: TestDatabase, provider_sandbox: Sandbox, back: str
) -> None:
    """A pair that comes again opens the gate again, for one more event and no more."""
    Crowd(provider_sandbox, 8)
    retries(face, inbox, 8)
    lead_back(face, inbox, provider_sandbox, back)
    answers = retries(face, inbox, 8)
    assert [winner.version for winner in winners(answers)] == [4]
    assert Counter(map(type, losers(answers))) == Counter({RetryRefused: 7})
    evidence = sound(database)
    assert evidence.names(inbox.id)[1::2] == ["inbox.warmup_started"] * 2
    assert evidence.outcomes(inbox.id) == ["lost"] * 14 + ["moved"] * 2
    assert face.operator().verify().clean


def test_thirty_two_tasks_of_one_async_facade_move_the_inbox_once(
    database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """Tasks of one event loop share eight threads for the database, and none waits there for the provider."""
    Crowd(provider_sandbox, 32)

    async def race() -> tuple[Inbox, list[Inbox | BaseException]]:
        inboxes = AsyncInboxes(database.url, provider=provider)
        inbox = await inboxes.register(email_address=ANA, owner_id="owner")
        calls = [inboxes.retry_warmup(inbox.id, owner_id="owner") for _ in range(32)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert (await inboxes.operator(actor="olga").verify()).clean
        await inboxes.aclose()
        return inbox, answers

    inbox, answers = asyncio.run(race())
    assert Counter(map(type, answers)) == Counter({Inbox: 1, RetryRefused: 31})
    assert sound(database).outcomes(inbox.id) == ["lost"] * 31 + ["moved"]
    assert provider_sandbox.count(Operation.ENABLE) == 32


def lead_back(face: AnyFace, inbox: Inbox, sandbox: Sandbox, how: str) -> None:
    """Bring a warming inbox back to pending / not_started."""
    if how == "fail_warmup":
        sandbox.set_account(ANA, warmup_status=0)
        face.operator().fail_warmup(inbox.id)
    else:
        face.operator().correct(inbox.id, status="pending", warmup_status="not_started", reason="by mistake")


def clauses(refusal: Exception) -> list[tuple[str, str, str, bool]]:
    """The clauses of a refusal."""
    assert isinstance(refusal, RetryRefused)
    return [(clause.field, clause.expected, clause.found, clause.held) for clause in refusal.verdict.clauses]
