"""Asking a provider for the inboxes of a batch: one call for all, and as few more as it takes.

    before a call      wait until the provider runs no warmup job, see what we hold, and judge by that
    accepted           recorded at once
    refused together   asked for in parts, until a bad address stands alone (`bulk_planning`)
    refused otherwise  closed; so is all that is refused by a provider that answers for each mailbox by itself
    put off            throttled, busy, unavailable: wait, and ask again for those
    unknown            read the accounts until they say something definite; left open where they do not

All waiting is out of the run's one budget. Once it is spent, nobody is asked again, and what is left is closed. So it
is where the provider says no to the caller, whoever it asks for. Either is the end of this provider for the whole run.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from inbox_lifecycle.domain import AttemptKind, InboxId, Recorder, WarmupState
from inbox_lifecycle.flow import Flow, apart
from inbox_lifecycle.lifecycle.bulk_claims import Claims, Ending, ending_of, gate
from inbox_lifecycle.lifecycle.bulk_contact import Contact
from inbox_lifecycle.lifecycle.bulk_planning import is_about_an_address, is_about_the_caller, separate
from inbox_lifecycle.lifecycle.bulk_recording import Accepted, record_all
from inbox_lifecycle.lifecycle.record import Acceptor
from inbox_lifecycle.lifecycle.warmup import Failure, failure_of
from inbox_lifecycle.providers.port import (
    AlreadyWarming,
    Busy,
    EnableAnswer,
    Enabled,
    Rejected,
    Throttled,
    Unavailable,
    Unknown,
)
from inbox_lifecycle.store.rows import Seen

Answers = Mapping[InboxId, EnableAnswer]
PutOff = Throttled | Busy | Unavailable

#: Readings in which an account says nothing, before its inbox is left to `reconcile`.
_READINGS: Final = 8

# What an account says once and for all, as the provider's "no" to this inbox.
_NEVER: Final = {
    WarmupState.BANNED: "banned",
    WarmupState.SUSPENDED: "suspended",
    WarmupState.ABSENT: "no_such_account",
}


@dataclass(slots=True)
class Asking:
    """The inboxes of a batch that one provider serves, as they were last seen, and how far asking for them has come."""

    claims: Claims
    contact: Contact
    seen: dict[InboxId, Seen]
    #: How everything ends that has no answer yet, once nobody is to be asked for any more.
    verdict: Ending | None = None
    #: Whether that goes for everybody whom the provider serves, in later batches too.
    for_everybody: bool = False

    def ask_all(self) -> Flow[None]:
        """Ask for all of them, and account for each."""
        if self.contact.answers_each:
            yield from self._ask(tuple(self.seen))
        else:
            yield from self._ask_together()
        if self.verdict is not None:
            yield from self._close(dict.fromkeys(self._unanswered(self.seen), self.verdict))

    def _ask_together(self) -> Flow[None]:
        """Ask in requests that the provider takes or refuses as a whole."""
        plan = separate(tuple(self.seen))
        asked = next(plan)
        while asked and self.verdict is None:
            asked = plan.send((yield from self._ask(asked)))

    def _ask(self, asked: Sequence[InboxId]) -> Flow[Collection[InboxId]]:
        """Ask until each of these has its answer: those that one call named and that were refused together."""
        left = self._unanswered(asked)
        while left and self.verdict is None and (yield from self._until_quiet(left)):
            seen = yield from self.claims.see({inbox_id: self.seen[inbox_id] for inbox_id in left})
            self.seen |= seen
            if not seen:
                break
            answers = yield from self.contact.enable(list(seen.values()))
            yield from self._take_yes(answers)
            refused = {one: said for one, said in answers.items() if isinstance(said, Rejected)}
            if len(refused) == len(answers):
                yield from self._take_no_to_all(refused)
                return tuple(refused)
            yield from self._close_refused(refused)
            left = yield from self._put_off(answers)
        return ()

    def _take_yes(self, answers: Answers) -> Flow[None]:
        """Record what was accepted."""
        accepted = {one: said for one, said in answers.items() if isinstance(said, Enabled | AlreadyWarming)}
        if not accepted:
            return
        self.contact.quiet = False
        entries = [Accepted(self.seen[one], self._acceptor(one, said)) for one, said in accepted.items()]
        outcomes = yield from apart(record_all(self.claims.terms, entries))
        for inbox_id, outcome in outcomes.items():
            self.claims.tally.count(inbox_id, outcome)
        self.claims.let_go(outcomes)
        yield from self.claims.tally.tell()

    def _acceptor(self, inbox_id: InboxId, answer: Enabled | AlreadyWarming) -> Acceptor:
        return Acceptor(
            attempt_id=self.claims.held[inbox_id],
            kind=AttemptKind.RETRY,
            answer=answer,
            context=self.claims.context,
            recorder=Recorder.CALL,
            # All of them have passed the gate as they were last seen.
            move=gate(self.seen[inbox_id].inbox.state),
        )

    def _take_no_to_all(self, refused: Mapping[InboxId, Rejected]) -> Flow[None]:
        """Close what one call named, unless one of several addresses in it may be to blame."""
        said = list(refused.values())
        if is_about_the_caller(said):
            self._end(failure_of(self.contact.provider.name, said[0]))
        elif not self.contact.answers_each:
            yield from self._take_no_together(refused)
            return
        yield from self._close_refused(refused)

    def _take_no_together(self, refused: Mapping[InboxId, Rejected]) -> Flow[None]:
        said = list(refused.values())
        about_one = any(map(is_about_an_address, said))
        if about_one and len(said) > 1 and all(one == said[0] for one in said):
            return
        if not about_one:
            # Whoever of this batch is named next would hear the same.
            self.verdict = ending_of(failure_of(self.contact.provider.name, said[0]))
        yield from self._close_refused(refused)

    def _put_off(self, answers: Answers) -> Flow[list[InboxId]]:
        """Wait as those answers want it that are neither yes nor no: the inboxes to ask for again."""
        waiting: dict[InboxId, PutOff] = {one: said for one, said in answers.items() if isinstance(said, PutOff)}
        unknown = {one: said for one, said in answers.items() if isinstance(said, Unknown)}
        if any(isinstance(said, Busy | Unknown) for said in answers.values()):
            self.contact.quiet = False
        for inbox_id in (yield from self._settle(list(unknown))):
            waiting[inbox_id] = Unavailable(unknown[inbox_id].reason)
        if not waiting:
            return []
        told = [said.retry_after for said in waiting.values() if said.retry_after is not None]
        failure = failure_of(self.contact.provider.name, next(iter(waiting.values())))
        if not (yield from self.contact.back_off(max(told, default=None), failure.outcome)):
            self._end(failure)
        return list(waiting)

    def _settle(self, unknown: Sequence[InboxId]) -> Flow[list[InboxId]]:
        """Read the accounts until each has said something definite: the inboxes that surely do not warm."""
        not_warming: list[InboxId] = []
        left, readings = list(unknown), 0
        while left and readings < _READINGS and (yield from self._until_quiet(left)):
            # An adapter may stop at the first that do not answer: each time others are read first.
            turn = min(readings, 1)
            left = left[turn:] + left[:turn]
            said = yield from self.contact.read([self.seen[inbox_id] for inbox_id in left])
            yield from self._take_yes(dict.fromkeys(_saying(said, WarmupState.WARMING), AlreadyWarming()))
            never = {one: Rejected(None, _NEVER[state]) for one, state in said.items() if state in _NEVER}
            yield from self._close_refused(never)
            not_warming += _saying(said, WarmupState.NOT_WARMING)
            silent, pending = _saying(said, WarmupState.UNKNOWN), _saying(said, WarmupState.JOB_PENDING)
            self.contact.quiet = self.contact.quiet and not pending
            left = silent + pending
            readings += bool(silent)
            if silent and not (yield from self.contact.back_off(None, "unknown")):
                self._end(failure_of(self.contact.provider.name, Unavailable("not_asked")))
                break
        self._leave_open(set(unknown).difference(not_warming))
        return not_warming

    def _leave_open(self, inbox_ids: Collection[InboxId]) -> None:
        """Leave the attempts open on those that have no answer."""
        left = self._unanswered(inbox_ids)
        for inbox_id in left:
            self.claims.tally.count(inbox_id, "unknown")
        self.claims.let_go(left)

    def _until_quiet(self, inbox_ids: Sequence[InboxId]) -> Flow[bool]:
        if (yield from self.contact.until_quiet([self.seen[inbox_id] for inbox_id in inbox_ids])):
            return True
        self._end(failure_of(self.contact.provider.name, Busy()))
        return False

    def _end(self, failure: Failure) -> None:
        """Ask for nobody any more, in later batches neither."""
        self.verdict, self.for_everybody = ending_of(failure), True

    def _close_refused(self, refused: Mapping[InboxId, Rejected]) -> Flow[None]:
        name = self.contact.provider.name
        yield from self._close({one: ending_of(failure_of(name, said)) for one, said in refused.items()})

    def _close(self, endings: Mapping[InboxId, Ending]) -> Flow[None]:
        if endings:
            yield from self.claims.close(endings, self.seen)
            yield from self.claims.tally.tell()

    def _unanswered(self, inbox_ids: Collection[InboxId]) -> list[InboxId]:
        return [inbox_id for inbox_id in inbox_ids if inbox_id not in self.claims.tally.outcomes]


def _saying(said: Mapping[InboxId, WarmupState], state: WarmupState) -> list[InboxId]:
    return [inbox_id for inbox_id, word in said.items() if word is state]
