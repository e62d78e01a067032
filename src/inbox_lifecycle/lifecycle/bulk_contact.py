"""Talking to one provider: within the run's patience, no call while a job runs, and the claims kept meanwhile.

Time is spent from the run's patience when it is waited, and when a call took it and brought nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.flow import Flow, interleaved
from inbox_lifecycle.lifecycle.bulk_claims import Claims
from inbox_lifecycle.lifecycle.bulk_planning import Pauses
from inbox_lifecycle.lifecycle.record import mailbox_of
from inbox_lifecycle.providers.port import AlreadyWarming, EnableAnswer, Enabled, Mailbox, Provider, Rejected, Unknown
from inbox_lifecycle.store.rows import Seen

#: Mailboxes that are asked whether a job runs, until one of them can tell.
_PROBES: Final = 3

# After these no other mailbox needs to be asked: a paused one tells, and a provider that cannot be read does not.
_TELLING: Final = frozenset({WarmupState.NOT_WARMING, WarmupState.JOB_PENDING, WarmupState.UNKNOWN})
_NO_NEWS: Final = frozenset({WarmupState.JOB_PENDING, WarmupState.UNKNOWN})


@dataclass(slots=True)
class Contact:
    """A provider, as one batch talks to it."""

    claims: Claims
    provider: Provider
    pauses: Pauses
    #: Whether we know of no warmup job that may still run.
    quiet: bool = False
    #: Calls in a row that brought no answer.
    tries: int = 0

    @property
    def answers_each(self) -> bool:
        """Whether the provider answers for each mailbox by itself; see `providers.port.Provider`."""
        return bool(getattr(self.provider, "answers_each", False))

    def enable(self, seen: Sequence[Seen]) -> Flow[dict[InboxId, EnableAnswer]]:
        """One call for all of these."""
        began = self.claims.terms.monotonic()
        given = yield from interleaved(self.provider.enable_warmup(_mailboxes(seen)), self.claims.keep)
        answers = {one.inbox.id: given.get(one.inbox.id, Unknown("no_answer")) for one in seen}
        if any(isinstance(said, Enabled | AlreadyWarming | Rejected) for said in answers.values()):
            self.tries = 0
        else:
            self._spend_since(began)
        return answers

    def read(self, seen: Sequence[Seen]) -> Flow[dict[InboxId, WarmupState]]:
        """What the accounts of these say."""
        began = self.claims.terms.monotonic()
        given = yield from interleaved(self.provider.read_warmup(_mailboxes(seen)), self.claims.keep)
        said = {one.inbox.id: given.get(one.inbox.id, WarmupState.UNKNOWN) for one in seen}
        if not _NO_NEWS.isdisjoint(said.values()):
            self._spend_since(began)
        return said

    def until_quiet(self, seen: Sequence[Seen]) -> Flow[bool]:
        """Wait until no warmup job runs, as far as these tell; False once there is no more patience.

        A call while one runs would be refused.
        """
        polls = 0
        while not self.quiet:
            self.quiet = (yield from self._probe(seen)) is not WarmupState.JOB_PENDING
            if not self.quiet and not (yield from self._pause(self.pauses.poll(polls), None if polls else "busy")):
                return False
            polls += 1
        return True

    def back_off(self, told: float | None, why: str) -> Flow[bool]:
        """Wait before another call; False where that takes more patience than there is."""
        if told is not None and told > self.claims.tally.patience:
            return False
        self.tries += 1
        return (yield from self._pause(self.pauses.backoff(self.tries - 1, told), why))

    def _probe(self, seen: Sequence[Seen]) -> Flow[WarmupState]:
        state = WarmupState.UNKNOWN
        for one in seen[:_PROBES]:
            state = (yield from self.read([one]))[one.inbox.id]
            if state in _TELLING:
                break
        return state

    def _pause(self, seconds: float, why: str | None) -> Flow[bool]:
        """Wait, for no longer than there is patience; False where there is none."""
        tally, began = self.claims.tally, self.claims.terms.monotonic()
        if tally.patience <= 0:
            return False
        seconds = min(seconds, tally.patience)
        if why is not None:
            yield from tally.tell(waiting_for=why)
        yield from self.claims.wait(seconds)
        tally.spend(max(seconds, self.claims.terms.monotonic() - began))
        return True

    def _spend_since(self, began: float) -> None:
        self.claims.tally.spend(self.claims.terms.monotonic() - began)


def _mailboxes(seen: Sequence[Seen]) -> list[Mailbox]:
    return [mailbox_of(one.inbox) for one in seen]
