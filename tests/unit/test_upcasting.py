"""Old payloads in today's form, with a made-up family of three schemas; the registry is the module's own elsewhere."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle.canonical import canonical
from inbox_lifecycle.codec import (
    UnreadableEntry,
    decode_entry,
    decode_event,
    encode_event,
    leaf_hash,
)
from inbox_lifecycle.context import NOBODY
from inbox_lifecycle.domain import InboxBanned, InboxEvent, InboxGraduated, Move, Trigger
from inbox_lifecycle.domain.rules import ACTIVE_PAIR, WARMING_PAIR
from inbox_lifecycle.upcasting import EventSchemas, Payload, UnreadablePayload, Upcaster, upcast

NAME = "mail.measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured1:
    """At first there was a word, and the figures stood in a list."""

    word: Literal["poor", "good"]
    figures: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured2:
    """Then the word became a number."""

    reputation: int
    figures: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Today the sum is kept, and who measured it where that is known."""

    reputation: int
    total_sent: int
    source: str | None


class Steps:
    """The two steps, which keep what they were given."""

    def __init__(self) -> None:
        self.met: list[tuple[int, Payload]] = []

    def to_2(self, payload: Payload) -> Payload:
        """From the word to a number."""
        self.met.append((1, copy.deepcopy(payload)))
        payload["reputation"] = {"poor": 10, "good": 95}[payload.pop("word")]
        # A careless step: it changes the list that it was given.
        payload["figures"].sort()
        return payload

    def to_3(self, payload: Payload) -> Payload:
        """From the list to its sum."""
        self.met.append((2, copy.deepcopy(payload)))
        return {"reputation": payload["reputation"], "total_sent": sum(payload["figures"]), "source": None}


@pytest.fixture
def steps() -> Steps:
    """Steps that were not taken yet."""
    return Steps()


def upcasters(steps: Steps) -> dict[tuple[str, int], Upcaster]:
    """Both links of the chain."""
    return {(NAME, 1): Upcaster(Measured1, steps.to_2), (NAME, 2): Upcaster(Measured2, steps.to_3)}


@pytest.fixture
def schemas(steps: Steps) -> EventSchemas[object]:
    """The family, with a second event that never had another schema."""
    types: dict[tuple[str, int], type[object]] = {(NAME, 3): Measured, ("mail.banned", 1): InboxBanned}
    return EventSchemas(types, upcasters(steps))


def test_first_schema_is_brought_up_by_every_step_in_order(schemas: EventSchemas[object], steps: Steps) -> None:
    """Each step meets what the one before it gave, and the type of today reads the last one's."""
    event = schemas.decode(NAME, 1, {"word": "good", "figures": [3, 1, 2]})
    assert event == Measured(reputation=95, total_sent=6, source=None)
    assert steps.met == [(1, {"word": "good", "figures": [3, 1, 2]}), (2, {"reputation": 95, "figures": [1, 2, 3]})]


def test_second_schema_is_brought_up_by_the_last_step_alone(schemas: EventSchemas[object], steps: Steps) -> None:
    """No step sees a payload that is newer than what it reads."""
    event = schemas.decode(NAME, 2, {"reputation": 40, "figures": [5]})
    assert event == Measured(reputation=40, total_sent=5, source=None)
    assert steps.met == [(2, {"reputation": 40, "figures": [5]})]


def test_newest_schema_is_read_as_it_stands(schemas: EventSchemas[object], steps: Steps) -> None:
    """It needs no step, and none is asked."""
    payload = {"reputation": 1, "total_sent": 2, "source": "provider"}
    assert schemas.decode(NAME, 3, payload) == Measured(reputation=1, total_sent=2, source="provider")
    assert schemas.decode("mail.banned", 1, {}) == InboxBanned()
    assert steps.met == []


@pytest.mark.parametrize(
    ("name", "schema"), [(NAME, 4), (NAME, 0), (NAME, -1), ("mail.banned", 2), ("mail.unheard_of", 1)]
)
def test_unknown_name_or_newer_schema_is_none(
    schemas: EventSchemas[object], steps: Steps, name: str, schema: int
) -> None:
    """Whatever its payload looks like: guessing would be worse than saying so."""
    assert schemas.decode(name, schema, {"word": "good", "figures": [1]}) is None
    assert (name, schema) not in schemas
    assert steps.met == []


@settings(deadline=None)
@given(st.sampled_from(["poor", "good"]), st.lists(st.integers(-(2**53) + 1, 2**53 - 1)))
def test_payload_that_is_read_stays_as_it_was(word: str, figures: list[int]) -> None:
    """Not even a careless step reaches what was stored: neither the payload nor a list inside it."""
    payload = {"word": word, "figures": figures}
    before = copy.deepcopy(payload)
    upcast(payload, tuple(upcasters(Steps()).values()))
    assert payload == before
    assert payload["figures"] is figures


@pytest.mark.parametrize(
    ("schema", "payload", "why"),
    [
        (1, {"word": "good"}, "not one of its event"),
        (1, {"word": "splendid", "figures": []}, "not one of its event"),
        (1, {"word": "good", "figures": ["1"]}, "not one of its event"),
        (1, {"word": "good", "figures": [], "smuggled": 1}, "fields its event does not have"),
        (1, {"reputation": 40, "figures": [5]}, "not one of its event"),
        (2, {"word": "good", "figures": [1]}, "not one of its event"),
        (2, {"reputation": 40, "figures": [5], "smuggled": 1}, "fields its event does not have"),
        (3, {"reputation": 1, "total_sent": 2, "source": None, "smuggled": 1}, "fields its event does not have"),
        (3, {"word": "good", "figures": [1]}, "not one of its event"),
    ],
)
def test_payload_that_is_not_of_its_stored_schema_is_refused(
    schemas: EventSchemas[object], steps: Steps, schema: int, payload: Payload, why: str
) -> None:
    """Before a step sees it: one that drops what it does not know would hide a field that was smuggled in."""
    with pytest.raises(UnreadablePayload, match=why):
        schemas.decode(NAME, schema, payload)
    assert steps.met == []


def test_step_that_gives_no_payload_of_the_next_schema_is_found(steps: Steps) -> None:
    """What it gave is held against the next form, and the last one's against the type of today."""
    careless = upcasters(steps) | {(NAME, 2): Upcaster(Measured2, lambda payload: payload)}
    with pytest.raises(UnreadablePayload, match="not one of its event"):
        EventSchemas({(NAME, 3): Measured}, careless).decode(NAME, 1, {"word": "good", "figures": []})


def test_step_that_fails_says_so_and_repeats_nothing() -> None:
    """Verification goes on to the next place, and no payload gets into a log."""

    def stumbles(payload: Payload) -> Payload:
        raise KeyError(payload["figures"])

    chain = (Upcaster(Measured2, stumbles),)
    with pytest.raises(UnreadablePayload, match="cannot be brought up") as refused:
        upcast({"reputation": 1, "figures": [77]}, chain)
    assert "77" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("missing", [1, 2])
def test_missing_link_is_refused_where_the_schemas_are_defined(steps: Steps, missing: int) -> None:
    """Whoever raises a schema learns it at once, and not from the first customer with an old event."""
    links = {known: upcaster for known, upcaster in upcasters(steps).items() if known[1] != missing}
    with pytest.raises(ValueError, match=rf"no upcaster from schema \[{missing}\]"):
        EventSchemas({(NAME, 3): Measured}, links)


@pytest.mark.parametrize("known", [(NAME, 3), (NAME, 4), (NAME, 0), ("mail.unheard_of", 1)])
def test_upcaster_that_leads_nowhere_is_refused_where_the_schemas_are_defined(
    steps: Steps, known: tuple[str, int]
) -> None:
    """The schema it leads to was forgotten, or its name is misspelt."""
    links = upcasters(steps) | {known: Upcaster(Measured, lambda payload: payload)}
    with pytest.raises(ValueError, match="lead to no current schema"):
        EventSchemas({(NAME, 3): Measured}, links)


def test_event_with_two_current_schemas_is_refused(steps: Steps) -> None:
    """It is written in one."""
    with pytest.raises(ValueError, match="two current schemas"):
        EventSchemas({(NAME, 3): Measured, (NAME, 2): Measured2}, upcasters(steps))


def test_schema_below_one_is_refused() -> None:
    """The first schema of every event is 1."""
    with pytest.raises(ValueError, match="is 1, not 0"):
        EventSchemas({(NAME, 0): Measured}, {})


def test_schemas_are_those_that_can_be_read(schemas: EventSchemas[object]) -> None:
    """Each older one with the current one, and nothing else."""
    assert sorted(schemas) == [("mail.banned", 1), (NAME, 1), (NAME, 2), (NAME, 3)]
    assert all(known in schemas for known in schemas)


def test_schemas_do_not_change_with_what_they_were_made_of(steps: Steps) -> None:
    """They are settled when they are defined."""
    links = upcasters(steps)
    schemas = EventSchemas({(NAME, 3): Measured}, MappingProxyType(links))
    links.clear()
    assert schemas.decode(NAME, 2, {"reputation": 1, "figures": [1]}) == Measured(
        reputation=1, total_sent=1, source=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Graduated1:
    """A graduation as it might have been once."""

    score: int


def graduated(payload: Payload) -> Payload:
    """From the score alone."""
    return {"reputation": payload["score"], "total_sent": 0}


#: Our own graduation, as if it had had another schema before.
GRADUATIONS: EventSchemas[InboxEvent] = EventSchemas(
    {("inbox.graduated", 2): InboxGraduated}, {("inbox.graduated", 1): Upcaster(Graduated1, graduated)}
)


def old_entry(**payload: Any) -> bytes:
    """A graduation's entry as a library of that time would have written it."""
    encoded = encode_event(
        InboxGraduated(reputation=0, total_sent=0),
        Move(Trigger.GRADUATE, WARMING_PAIR, ACTIVE_PAIR),
        event_id="01a206cc-023e-7931-abea-000000000001",
        inbox_id="01a206cc-023e-7931-abea-000000000002",
        version=3,
        previous=b"p" * 32,
        recorded_at=datetime(2030, 6, 1, tzinfo=UTC),
        context=NOBODY,
    )
    return canonical(json.loads(encoded.entry) | {"schema": 1, "payload": payload})


def test_entry_and_hash_of_an_old_event_stay_as_they_were_written() -> None:
    """What is upcast is a reading; the bytes that hashes and proofs cover are the old ones."""
    entry = old_entry(score=97)
    before = leaf_hash(entry)
    read = decode_entry(entry)
    assert decode_event(read.name, read.schema, read.payload, schemas=GRADUATIONS) == InboxGraduated(
        reputation=97, total_sent=0
    )
    assert (read.schema, read.payload) == (1, {"score": 97})
    assert leaf_hash(entry) == before
    assert decode_entry(entry) == read


def test_old_payload_with_a_field_too_many_makes_its_entry_unreadable() -> None:
    """The codec says it as it says it of an event of today."""
    read = decode_entry(old_entry(score=97, total_sent=5))
    with pytest.raises(UnreadableEntry, match="fields its event does not have") as refused:
        decode_event(read.name, read.schema, read.payload, schemas=GRADUATIONS)
    assert refused.value.__suppress_context__


def test_schema_that_is_newer_than_ours_is_an_unknown_event() -> None:
    """As it is to the library of today, which has no such schema."""
    payload = {"reputation": 1, "total_sent": 2}
    assert decode_event("inbox.graduated", 3, payload, schemas=GRADUATIONS) is None
    assert decode_event("inbox.graduated", 2, payload) is None
    assert decode_event("inbox.graduated", 2, payload, schemas=GRADUATIONS) == InboxGraduated(
        reputation=1, total_sent=2
    )
