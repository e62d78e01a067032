"""What the strategies give is accepted by the library, reaches every corner, and shrinks to what one would write."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import HealthCheck, assume, find, given, settings
from hypothesis import strategies as st

from inbox_lifecycle import Inbox, Inboxes
from inbox_lifecycle.address import read_address
from inbox_lifecycle.domain import (
    RULES,
    Adopt,
    Ban,
    Command,
    Correct,
    FailWarmup,
    Graduate,
    InboxErased,
    Pair,
    Register,
    StartWarmup,
    State,
    Status,
    Trigger,
    WarmupState,
    WarmupStatus,
    decide,
    evolve,
    explains,
    judge,
)
from inbox_lifecycle.drivers.network import send
from inbox_lifecycle.facade.calls import read_key, read_owner
from inbox_lifecycle.flow import Send, Unanswered
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.testing import Failure, Happened, Kind, Operation, Sandbox
from inbox_lifecycle.testing.strategies import (
    addresses,
    commands,
    failures,
    histories,
    idempotency_keys,
    inboxes,
    legal_commands,
    owners,
    pairs,
    provider_scripts,
)
from tests.support.databases import TestDatabase

T = TypeVar("T")

#: However slow the machine is just now.
CALM = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))

PENDING = Pair(Status.PENDING, WarmupStatus.NOT_STARTED)
STATES: dict[str, State | None] = {"unborn": None} | {
    f"{status} {warmup_status}{' erased' * erased}": State(
        pair=Pair(status, warmup_status), version=3, erased=bool(erased)
    )
    for status, warmup_status, erased in itertools.product(Status, WarmupStatus, (0, 1))
}


def simplest(strategy: st.SearchStrategy[T], holds: Callable[[T], bool] = lambda _: True) -> T:
    """The example that is left after shrinking."""
    return find(strategy, holds, settings=settings(CALM, max_examples=2000), random=Random(7))


def commands_of(history: list[Happened]) -> list[Command]:
    """What was asked."""
    return [happened.command for happened in history]


def has(history: list[Happened], kind: type[Command], times: int = 1) -> bool:
    """Whether a command of this kind happened that often."""
    return sum(isinstance(command, kind) for command in commands_of(history)) >= times


@CALM
@given(addresses())
def test_every_address_is_accepted_in_a_stable_form(address: str) -> None:
    """Reading it gives a form that is read as itself."""
    once = read_address(address)
    assert read_address(once.text) == once


@CALM
@given(owners(), idempotency_keys())
def test_every_owner_and_every_key_is_accepted(owner: str, key: str) -> None:
    """Neither is changed."""
    assert (read_owner(owner), read_key(key)) == (owner, key)


def test_what_is_given_can_be_stored_as_it_is(database: TestDatabase) -> None:
    """Addresses, owners and keys of all kinds come back from the database, and the key still answers."""
    taken: set[str] = set()
    transport = Sandbox().transport()
    with Inboxes(database.url, provider=transport.provider(), transport=transport) as facade:

        @settings(CALM, max_examples=30)
        @given(address=addresses(), owner=owners(), key=idempotency_keys())
        def store(address: str, owner: str, key: str) -> None:
            assume(read_address(address).text not in taken)
            taken.add(read_address(address).text)
            born = facade.register(email_address=address, owner_id=owner)
            warm = facade.retry_warmup(born.id, owner_id=owner, idempotency_key=key)
            assert facade.retry_warmup(born.id, owner_id=owner, idempotency_key=key) == warm
            assert (warm.email_address, warm.owner_id) == (read_address(address).text, owner)

        store()


@CALM
@given(commands(), st.sampled_from(list(STATES.values())))
def test_every_command_can_be_judged_anywhere(command: Command, state: State | None) -> None:
    """It is decided or refused, and never fails otherwise."""
    assert judge(state, command).clauses


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_legal_commands_are_legal_and_leave_none_out(state: State | None) -> None:
    """Each is allowed, and each trigger that the rules allow in this state is among them."""
    seen: set[Trigger] = set()

    @settings(CALM, max_examples=40, derandomize=True)
    @given(legal_commands(state))
    def look(command: Command) -> None:
        decide(state, command)
        seen.add(command.trigger)

    look()
    facts: list[Command] = [FailWarmup(WarmupState.ABSENT), Graduate(reputation=100, total_sent=9999)]
    others = [Correct(PENDING), Correct(Pair(Status.BANNED, WarmupStatus.BANNED)), Adopt(PENDING), *simple_commands()]
    assert seen == {command.trigger for command in facts + others if judge(state, command).holds}


def simple_commands() -> list[Command]:
    """Those without facts."""
    built: list[Any] = [rule for rule in Command.__args__ if not rule.__dataclass_fields__.keys() - {"trigger"}]
    return [kind() for kind in built]


@CALM
@given(histories(max_size=12))
def test_every_history_replays(history: list[Happened]) -> None:
    """Command by command and event by event the rules lead to the states it tells."""
    state: State | None = None
    for version, happened in enumerate(history, start=1):
        assert decide(state, happened.command) == happened.move
        assert explains(state, happened.event, happened.move.reached)
        state = evolve(state, happened.event, happened.move.reached)
        assert (state, happened.state.version) == (happened.state, version)


@CALM
@given(
    st.integers(1, 4).flatmap(lambda least: st.tuples(st.just(least), histories(min_size=least, max_size=least + 2)))
)
def test_histories_have_as_many_moves_as_asked_for(sized: tuple[int, list[Happened]]) -> None:
    """Neither fewer nor more."""
    least, history = sized
    assert least <= len(history) <= least + 2


def test_histories_make_use_of_every_rule() -> None:
    """None of them lies beyond reach, after erasure either where it is legal then."""
    found: set[tuple[type, bool]] = set()

    @settings(CALM, max_examples=300, derandomize=True)
    @given(histories())
    def look(history: list[Happened]) -> None:
        found.update((type(happened.event), happened.state.erased) for happened in history)

    look()
    living = {rule.event for rule in RULES} - {InboxErased}
    erased = {rule.event for rule in RULES if rule.after_erasure} | {InboxErased}
    assert found == {(event, False) for event in living} | {(event, True) for event in erased}


def test_histories_shrink_to_the_moves_that_matter() -> None:
    """Whatever else happened is gone from the example."""
    assert commands_of(simplest(histories())) == [Register()]
    assert commands_of(simplest(histories(), lambda history: has(history, Ban))) == [Register(), Ban()]
    twice = simplest(histories(), lambda history: has(history, FailWarmup, 2))
    there_and_back = [StartWarmup, FailWarmup]
    assert [type(command) for command in commands_of(twice)] == [Register, *there_and_back, *there_and_back]


@CALM
@given(inboxes())
def test_every_inbox_is_one_that_the_library_could_give(inbox: Inbox) -> None:
    """Its ids are ids, its address is in normal form, and an erased one holds nothing personal."""
    assert read_id("inbox_id", inbox.id) == inbox.id
    assert inbox.created_at <= inbox.updated_at
    assert inbox.created_at.tzinfo is not None
    personal = (inbox.owner_id, inbox.email_address, inbox.email_domain, inbox.email_domain_id)
    if inbox.erased_at is not None:
        assert (*personal, inbox.email_domain_status, inbox.provider_ref) == (None,) * 6
        assert inbox.version > 1
    else:
        assert None not in personal
        address = read_address(inbox.email_address or "")
        assert (address.text, address.domain) == (inbox.email_address, inbox.email_domain)


def test_inboxes_shrink_to_one_just_registered() -> None:
    """Nothing about it is remarkable."""
    inbox = simplest(inboxes())
    assert (inbox.pair, inbox.version, inbox.erased_at) == (PENDING, 1, None)


def test_pairs_are_all_sixteen() -> None:
    """And the simplest is where every inbox begins."""
    found: set[Pair] = set()

    @settings(CALM, max_examples=300, derandomize=True)
    @given(pairs())
    def look(pair: Pair) -> None:
        found.add(pair)

    look()
    assert len(found) == 16
    assert simplest(pairs()) == PENDING


@CALM
@given(provider_scripts(seconds=600.0))
def test_every_script_is_accepted_by_the_sandbox(script: list[Failure]) -> None:
    """In Python and over HTTP; then every request has an answer, or none, and the script is spent in the end."""
    sandbox = Sandbox(api_key="key")
    sandbox.script(*script)
    transport = sandbox.transport(sleep=lambda _: None)
    with httpx.Client(
        transport=transport, base_url=transport.base_url, headers={"Authorization": "Bearer key"}
    ) as client:
        ordered = [client.post("/sandbox/failures", json=as_words(failure)) for failure in script]
        assert [answer.status_code for answer in ordered] == [200] * len(script)
        for _ in range(2 * sum(failure.times for failure in script)):
            for step in one_of_each(client):
                with suppress(Unanswered):
                    assert send(transport, step).status_code < 600
        assert client.delete("/sandbox/failures").json() == {"ordered": 0}
        sandbox.set_account("ana@example.com", warmup_status=0)
    assert all(send(transport, step).status_code in (200, 409) for step in one_of_each(client))


def as_words(failure: Failure) -> dict[str, object]:
    """An order as JSON has it, without what is left to the default."""
    given_ = {name: getattr(failure, name) for name in failure.__struct_fields__}
    return {name: value for name, value in given_.items() if value is not None}


def one_of_each(client: httpx.Client) -> list[Send]:
    """Requests for everything that a script strikes unless told otherwise."""
    requests = (
        client.build_request("POST", "/api/v2/accounts/warmup/enable", json={"emails": ["ana@example.com"]}),
        client.build_request("GET", "/api/v2/accounts/ana%40example.com"),
        client.build_request("GET", "/api/v2/background-jobs"),
    )
    return [Send(request, 20.0) for request in requests]


def test_scripts_keep_to_what_was_asked_for() -> None:
    """Kinds, operations, seconds and length."""
    kinds = (Kind.CUT, Kind.HANG)

    @CALM
    @given(provider_scripts(kinds=kinds, on=[Operation.DISABLE], seconds=0.5, max_size=2))
    def look(script: list[Failure]) -> None:
        assert len(script) <= 2
        assert {failure.kind for failure in script} <= set(kinds)
        assert all(failure.on is Operation.DISABLE and failure.lasts <= 0.5 for failure in script)

    look()


def test_failures_are_of_every_kind() -> None:
    """Unless told otherwise."""
    found: set[tuple[Kind, bool]] = set()

    @settings(CALM, max_examples=600, derandomize=True)
    @given(failures())
    def look(failure: Failure) -> None:
        found.add((failure.kind, failure.late))

    look()
    assert {kind for kind, _ in found} == set(Kind)
    both_ways = {Kind.CUT, Kind.HANG, Kind.ERROR, Kind.NOT_JSON, Kind.TRUNCATED}
    assert {kind for kind, late in found if late} == both_ways
    assert {kind for kind, late in found if not late} == set(Kind)


@pytest.mark.parametrize("kind", [Kind.THROTTLE, Kind.HANG, Kind.BANNED])
def test_scripts_shrink_to_one_failure_with_little_to_it(kind: Kind) -> None:
    """Struck once, at enabling, for as long and with as much detail as nothing."""
    (failure,) = simplest(provider_scripts(), lambda script: kind in {failure.kind for failure in script})
    assert (failure.on, failure.times, failure.email) == (Operation.ENABLE, 1, None)
    assert not failure.seconds
    assert failure.retry_after is None


def test_a_refusal_never_comes_after_the_effect() -> None:
    """A provider that says no and does it all the same is none that anybody could work with."""

    @CALM
    @given(failures())
    def look(failure: Failure) -> None:
        definite = failure.kind in (Kind.REJECT, Kind.THROTTLE, Kind.BUSY) or failure.status == 503
        assert not (definite and failure.late)

    look()


def test_addresses_and_ids_shrink_to_the_shortest() -> None:
    """What a person would write in an example."""
    assert simplest(addresses()) == "0@0.com"
    assert simplest(addresses(), lambda address: not address.rpartition("@")[2].isascii()) == "0@bücher.com"
    assert (simplest(owners()), simplest(idempotency_keys())) == ("0", "0")
    assert simplest(commands()) == Register()
