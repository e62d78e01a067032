"""The facts that births pass on: what each statement is given, and what a first warmup that failed leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx

from inbox_lifecycle.address import read_address
from inbox_lifecycle.context import NOBODY, Context
from inbox_lifecycle.domain import AttemptKind
from inbox_lifecycle.errors import (
    StoreContended,
    StoreUnavailable,
)
from inbox_lifecycle.lifecycle import births
from inbox_lifecycle.store.rows import Closed
from tests.support.steps import (
    BACK,
    NOW,
    PENDING,
    WARMING,
    job,
    looked,
    play,
    seen,
    terms,
)

CONTEXT = Context(owner_id="owner", actor="ana", idempotency_key="key-1")


CONTENDED = StoreContended("40P01")
GONE = StoreUnavailable("gone", maybe_applied=True)


LATER = NOW + timedelta(seconds=9)


CLOSED = Closed(was_open=True, keyed=None)


def test_a_birth_on_record_is_looked_for_by_its_event() -> None:
    """At the first version."""
    birth = births.Birth(address=read_address("ana@mail.example.com"), owner_id="owner", provider="p", context=NOBODY)
    played = play(births.register(terms(), birth), GONE, looked(PENDING), PENDING)
    event, look = played.statement(0).event, played.statement(1)
    assert (look.inbox_id, look.version, look.event_id) == (event.inbox_id, 1, event.event_id)
    assert event.version == 1


def test_an_adoption_is_another_event_than_a_registration() -> None:
    """It holds the pair the inbox had, and its own id."""
    birth = births.Birth(
        address=read_address("ana@mail.example.com"),
        owner_id="owner",
        provider="p",
        provider_ref="ref",
        context=CONTEXT,
        inbox_id=PENDING.id,
        adopted_in=WARMING.pair,
        created_at=LATER,
    )
    statement = play(births.register(terms(), birth), WARMING).statement(0)
    assert (statement.event.name, statement.event.reached, statement.event.inbox_id) == (
        "inbox.adopted",
        WARMING.pair,
        PENDING.id,
    )
    assert (statement.provider, statement.provider_ref, statement.created_at) == ("p", "ref", LATER)
    assert (statement.email_address, statement.domain) == ("ana@mail.example.com", "mail.example.com")


def test_a_key_stands_for_the_first_warmup_and_not_for_the_birth() -> None:
    """Or the warmup would be taken for done."""
    birth = births.Birth(
        address=read_address("ana@mail.example.com"), owner_id="owner", provider="instantly", context=CONTEXT
    )
    flow = births.register_and_start(terms(), birth)
    played = play(flow, PENDING, seen(PENDING), job(), None, WARMING)
    assert played.statement(0).event.context == replace(CONTEXT, idempotency_key=None)
    opened = played.statement(1)
    assert (opened.owner_id, opened.kind, opened.context) == ("owner", AttemptKind.START, CONTEXT)
    assert played.value == WARMING


def test_a_first_warmup_that_failed_returns_the_inbox_as_it_is_by_then() -> None:
    """Somebody may have moved it; one that cannot be read is returned as it was born."""
    birth = births.Birth(
        address=read_address("ana@mail.example.com"), owner_id="owner", provider="instantly", context=NOBODY
    )
    failed = (PENDING, seen(PENDING), httpx.Response(402), CLOSED)
    played = play(births.register_and_start(terms(), birth), *failed, seen(BACK))
    look = played.statement(4)
    assert (look.inbox_id, look.owner_id, played.value) == (PENDING.id, "owner", BACK)
    assert play(births.register_and_start(terms(), birth), *failed, None).value == PENDING
    assert play(births.register_and_start(terms(), birth), *failed, GONE, GONE).value == PENDING


def a_birth() -> births.Birth:
    """A birth like any other."""
    return births.Birth(address=read_address("ana@mail.example.com"), owner_id="owner", provider="p", context=NOBODY)


def test_a_birth_that_stays_contended_had_no_effect() -> None:
    """Each run was undone."""
    error = play(births.register(terms(), a_birth()), *(CONTENDED,) * 5).error
    assert isinstance(error, StoreUnavailable)
    assert (error.why, error.maybe_applied) == ("the registration stayed contended", False)


def test_a_birth_that_stays_contended_after_an_outage_may_have_had_its_effect() -> None:
    """The first run may land later, whatever the others were told."""
    error = play(births.register(terms(), a_birth()), GONE, None, *(CONTENDED,) * 4).error
    assert isinstance(error, StoreUnavailable)
    assert error.maybe_applied is True


def test_a_birth_that_cannot_be_looked_for_may_have_had_its_effect() -> None:
    """Though the look itself had none."""
    unseen = StoreUnavailable("no answer to the look")
    error = play(births.register(terms(), a_birth()), GONE, unseen, unseen).error
    assert isinstance(error, StoreUnavailable)
    assert (error.why, error.maybe_applied) == ("no answer to the look", True)
