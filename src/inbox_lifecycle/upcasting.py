"""Payloads of old schemas, brought up to today's when they are read, and only then.

Theory of operation
    An event is history: its name, its schema, its payload and the hash over them stand as they were written, for good.
    What changes is the code that reads them. So a schema, once released, is readable forever, and it is never written
    again: an event is always written in the schema that is current for its name.

    A name and a schema number fix the form of a payload. For every schema but the current one there is an upcaster: a
    pure function from a payload of that schema to one of the next. Reading walks this chain up to the current schema;
    the event's type of today then reads the result as strictly as one that was written today. Nobody above this file
    ever meets an old form, and nothing that is stored changes: columns, entries, hashes and proofs are those of the
    schema that was written.

    Beside each upcaster stands the form of the payloads that it reads. A stored payload has to be exactly of the form
    of its schema before an upcaster sees it. Otherwise a field that was smuggled in, or one that was taken out, could
    vanish on the way up. An upcaster gets a copy of its own, so the stored payload is safe from it.

    An upcaster that was released is never edited, nor is its form: other steps stand on what it gives, and people have
    seen what it made of their history. If it gave the wrong thing, that is what the next schema is for.

A new schema of an event, step by step
    1. Copy the event's type of today into this file as the form of the schema that ends. Write words as `Literal` or
       `str` where the type has an enum, as an enum may lose a word one day.
    2. Write the function to the next schema, and put both into `UPCASTERS` under the name and the schema that ends.
    3. Change the type in `domain.events`, and raise its schema in `codec.EVENT_TYPES`.
    4. Write down beside each archive in `tests/archive` what its old events read as from now on.
    What no function can tell from the old payload is not a new schema: it is a new event, with a name of its own.
    Code of before answers `UnknownEvent` to the new schema, so everything that reads history is upgraded first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
E = TypeVar("E")

#: A payload as JSON has it.
Payload = dict[str, Any]
#: An event's stored name, and the schema of its payload: 1 at first, one more each time.
NameAndSchema = tuple[str, int]


class UnreadablePayload(ValueError):
    """A payload is not one of its schema; the text says in what way, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Upcaster:
    """The step from one schema of an event to the next."""

    #: The form of the payloads that it reads, as it was released: a frozen dataclass of its own.
    form: type
    #: Pure; from a payload of this form to one of the next schema.
    step: Callable[[Payload], Payload]

    def __call__(self, payload: Payload) -> Payload:
        """The payload in the next schema; the one given stays as it is.

        Raises:
            UnreadablePayload: it is not of this form, or the step fails on it.
        """
        copied: Payload = msgspec.to_builtins(strictly(self.form, payload))
        try:
            return self.step(copied)
        except Exception:  # noqa: BLE001 - whatever it stumbles over: the place gets named, the payload not repeated
            raise UnreadablePayload("its payload cannot be brought up to the next schema") from None


#: Every upcaster there is, by the name and the schema that it reads. So far every event has its first schema.
UPCASTERS: dict[NameAndSchema, Upcaster] = {}


class EventSchemas(Generic[E]):
    """The events that can be read: by name and schema, the type of today and the steps that lead up to it.

    Made once, where it is defined; a chain with a missing link is refused there, and not when an old event is met.
    """

    def __init__(self, types: Mapping[NameAndSchema, type[E]], upcasters: Mapping[NameAndSchema, Upcaster]) -> None:
        """Join types and upcasters.

        Args:
            types: the type of each event, by its name and the schema that is current.
            upcasters: the steps up to there, by the name and the schema that each reads.

        Raises:
            ValueError: a name has two current schemas, a schema below one, a missing step, or a step too many.
        """
        self._types = dict(types)
        self._older = {known: chain for name, schema in types for known, chain in _chains(name, schema, upcasters)}
        self._current = {name: (name, schema) for name, schema in types}
        self._check(upcasters)

    def __contains__(self, known: NameAndSchema) -> bool:
        return known in self._types or known in self._older

    def __iter__(self) -> Iterator[NameAndSchema]:
        yield from (*self._older, *self._types)

    def decode(self, name: str, schema: int, payload: Payload) -> E | None:
        """The event of a stored payload; None where the name is unknown, or the schema newer than what is known here.

        Raises:
            UnreadablePayload: the payload is not one of its schema.
        """
        # Nearly every event that is ever read is found here: what has no upcaster pays for none.
        event_type = self._types.get((name, schema))
        if event_type is None:
            chain = self._older.get((name, schema))
            if chain is None:
                return None
            payload = upcast(payload, chain)
            event_type = self._types[self._current[name]]
        return strictly(event_type, payload)

    def _check(self, upcasters: Mapping[NameAndSchema, Upcaster]) -> None:
        if len(self._current) != len(self._types):
            raise ValueError("an event has two current schemas: name its newest one alone")
        unused = sorted(set(upcasters) - set(self._older))
        if unused:
            raise ValueError(
                f"upcasters lead to no current schema: {unused}: raise the event's schema to what they reach"
            )


def upcast(payload: Payload, chain: Sequence[Upcaster]) -> Payload:
    """The payload after every step of a chain, in order; the one given stays as it is.

    Raises:
        UnreadablePayload: a step met a payload that is not of its form.
    """
    for upcaster in chain:
        payload = upcaster(payload)
    return payload


def strictly(form: type[T], payload: Payload) -> T:
    """The value of a payload that has exactly the fields of this form.

    Raises:
        UnreadablePayload: it has others, fewer, or one of another kind.
    """
    try:
        value = msgspec.convert(payload, form)
    except msgspec.ValidationError:
        raise UnreadablePayload("its payload is not one of its event") from None
    if msgspec.to_builtins(value) != payload:
        raise UnreadablePayload("its payload has fields its event does not have")
    return value


def _chains(
    name: str, current: int, upcasters: Mapping[NameAndSchema, Upcaster]
) -> Iterator[tuple[NameAndSchema, tuple[Upcaster, ...]]]:
    """The steps up to the current schema, from each one before it."""
    if current < 1:
        raise ValueError(f"the first schema of {name} is 1, not {current}")
    missing = [schema for schema in range(1, current) if (name, schema) not in upcasters]
    if missing:
        raise ValueError(f"{name} has no upcaster from schema {missing}: what was released stays readable")
    steps = tuple(upcasters[name, schema] for schema in range(1, current))
    return (((name, schema), steps[schema - 1 :]) for schema in range(1, current))
