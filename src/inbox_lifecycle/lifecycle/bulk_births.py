"""Many inboxes put on record at once: a thousand in a statement, each accounted for.

A batch is all or nothing, and holds each address and each id once, so that of two rows that want the same one the
earlier has it, as if they had come one by one. What is in the way of those that are not born is found by a second
statement, as the first one does not see what was committed while it ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

from inbox_lifecycle.domain import InboxId, Status, WarmupStatus
from inbox_lifecycle.errors import StoreUnavailable
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle.births import Birth, statement_of
from inbox_lifecycle.store.births import FindUnborn, Found, RegisterMany
from inbox_lifecycle.store.faults import DOMAIN_KEPT, ConstraintViolated
from inbox_lifecycle.store.statements import RegisterInbox
from inbox_lifecycle.terms import Terms

#: Inboxes in a statement at most.
BATCH: Final = 1000

# A domain may be made, or dropped by an erasure, and an address or id taken, at the same moment, each by somebody else.
_TRIES: Final = 20
_MEANWHILE: Final = frozenset({"inboxes_email_address_key", "inboxes_pkey", "inbox_events_pkey", DOMAIN_KEPT})

#: Everything that can become of a row of `register_many` and `adopt_many`, and what it means.
BIRTH_OUTCOMES: Mapping[str, str] = {
    "born": "put on record",
    "exists": "on record already, with this owner, this address, and the id if one was given; left as it is",
    "taken": "its address, or the id that was given, is another inbox's",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInbox:
    """An inbox to register: a row of `register_many`."""

    email_address: str = field(repr=False)
    #: Name of the provider that serves it; None for the facade's one provider.
    provider: str | None = None
    #: The provider's own name for the mailbox, where it does not go by the address.
    provider_ref: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedInbox:
    """An inbox of a host's old table, in the pair it has there: a row of `adopt_many`."""

    email_address: str = field(repr=False)
    status: Status | str
    warmup_status: WarmupStatus | str
    #: Whose it is; None for the owner that is given for all.
    owner_id: str | UUID | None = field(default=None, repr=False)
    #: The id to keep; None for a fresh one.
    inbox_id: str | UUID | None = None
    #: Name of the provider that serves it; None for the facade's one provider.
    provider: str | None = None
    #: The provider's own name for the mailbox, where it does not go by the address.
    provider_ref: str | None = field(default=None, repr=False)
    #: When it was made, aware; None for now.
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BirthReport:
    """What became of every row, in the order in which they were given."""

    #: A key of `BIRTH_OUTCOMES` for each.
    outcomes: tuple[str, ...] = ()
    #: The id of the inbox that was born or exists; None where it is taken.
    inbox_ids: tuple[InboxId | None, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """Numbers of rows by outcome."""
        return Counter(self.outcomes)


#: What became of one row, and the inbox's id.
_Answer = tuple[str, InboxId | None]


def register_all(terms: Terms, births: Sequence[Birth]) -> Flow[BirthReport]:
    """Put all of them on record, batch by batch.

    Raises:
        StoreUnavailable: the database did not answer; the batches before are on record, and this one may be.
    """
    answers: list[_Answer] = []
    for batch in batches(births):
        answers += yield from _register_batch(terms, batch)
    return BirthReport(
        outcomes=tuple(outcome for outcome, _ in answers), inbox_ids=tuple(inbox_id for _, inbox_id in answers)
    )


def batches(births: Sequence[Birth]) -> Iterator[Sequence[Birth]]:
    """Stretches of the list in which no address and no id comes twice."""
    start, taken = 0, set[str]()
    for number, birth in enumerate(births):
        names = {birth.address.text} if birth.inbox_id is None else {birth.address.text, birth.inbox_id}
        if number - start == BATCH or names & taken:
            yield births[start:number]
            start, taken = number, set()
        taken |= names
    if births:
        yield births[start:]


def _register_batch(terms: Terms, batch: Sequence[Birth]) -> Flow[list[_Answer]]:
    encoded = cache(lambda: _encoded(terms, batch))
    answers: dict[InboxId, _Answer] = {}
    for _ in range(_TRIES):
        try:
            born = yield from again(RegisterMany(births=encoded))
        except ConstraintViolated as refused:
            if refused.constraint not in _MEANWHILE:
                raise
            continue
        answers |= {inbox_id: ("born", inbox_id) for inbox_id in born}
        if len(answers) < len(batch):
            found = yield from again(FindUnborn(births=encoded, born=frozenset(answers)))
            answers |= _explained(encoded(), batch, found)
        if len(answers) == len(batch):
            return [answers[InboxId(one.event.inbox_id)] for one in encoded()]
    raise StoreUnavailable("the registration stayed contended", maybe_applied=bool(answers))


def _encoded(terms: Terms, batch: Sequence[Birth]) -> tuple[RegisterInbox, ...]:
    """Each with its event, and one id for each domain of an owner."""
    domains: dict[tuple[str, str], str] = {}
    return tuple(
        statement_of(
            terms,
            birth,
            domain_id=domains.setdefault((birth.owner_id, birth.address.domain), new_id(terms.clock())),
        )
        for birth in batch
    )


def _explained(
    encoded: Sequence[RegisterInbox], batch: Sequence[Birth], found: Mapping[InboxId, Sequence[Found]]
) -> dict[InboxId, _Answer]:
    """What became of those for whom somebody was found; the others were in nobody's way, and are tried again."""
    asked = ((InboxId(one.event.inbox_id), one, birth) for one, birth in zip(encoded, batch, strict=True))
    return {inbox_id: _answer(one, birth, found[inbox_id]) for inbox_id, one, birth in asked if inbox_id in found}


def _answer(one: RegisterInbox, birth: Birth, found: Sequence[Found]) -> _Answer:
    for other in found:
        if other.event_id == one.event.event_id:
            return "born", other.inbox_id
        same = other.owner_id == one.owner_id and other.email_address == one.email_address
        if same and birth.inbox_id in {None, other.inbox_id}:
            return "exists", other.inbox_id
    return "taken", None
