"""What is watched while a schedule is played: how attempts end, and which answers have an excuse."""

from __future__ import annotations

from collections.abc import Iterable

from inbox_lifecycle.audit.history import attempts_page
from inbox_lifecycle.domain import AttemptId, Inbox
from inbox_lifecycle.reconcile import Reconciled
from inbox_lifecycle.records import Attempt
from inbox_lifecycle.testing.linear import Operation, Outcome
from inbox_lifecycle.testing.schedules.actors import Calling
from inbox_lifecycle.testing.schedules.stage import Stage

# Answers that nobody should be given unless something went wrong for him.
_NEEDING_EXCUSE = frozenset({Outcome.INDETERMINATE, Outcome.NOT_ACCEPTED, Outcome.CONFLICT})


class Attempts:
    """The attempts on one inbox: each is closed once, stays as it was closed, and moves the inbox it saw."""

    def __init__(self, stage: Stage, inbox: Inbox) -> None:
        self.broken: list[str] = []
        self._stage = stage
        self._inbox = inbox
        self._closed: dict[AttemptId, str] = {}

    def look(self) -> None:
        """How they stand now."""
        for attempt in self._read():
            self._watch(attempt)

    def settled(self, left: object) -> None:
        """Nothing may be open, nor be found open, by now; `left` is what the second `reconcile` did."""
        if left != Reconciled():
            self.broken.append(f"a second reconcile still found something: {left}")
        self.look()
        self.broken += ["an attempt is still open" for attempt in self._read() if attempt.outcome is None]

    def _read(self) -> tuple[Attempt, ...]:
        return self._stage.run(attempts_page(inbox_id=self._inbox.id, owner_id=None))

    def _watch(self, attempt: Attempt) -> None:
        closed = self._closed.get(attempt.id)
        if closed is not None and closed != attempt.outcome:
            self.broken.append(f"an attempt was closed as {closed}, and is {attempt.outcome or 'open'} now")
        if attempt.outcome == "moved" and attempt.event_version != attempt.seen_version + 1:
            self.broken.append(
                f"an attempt saw version {attempt.seen_version}, and moved it to {attempt.event_version}"
            )
        if attempt.outcome is not None:
            self._closed[attempt.id] = attempt.outcome


class Excuses:
    """Which answers may be given because of what went wrong."""

    def __init__(self) -> None:
        self._of_call: dict[int, frozenset[Outcome]] = {}
        self._of_all: list[tuple[int, frozenset[Outcome]]] = []

    def give(self, calling: Calling, excuses: frozenset[Outcome]) -> None:
        """To the call that was struck."""
        self._of_call[id(calling)] = self._of_call.get(id(calling), frozenset()) | excuses

    def give_all(self, now: int, excuses: frozenset[Outcome]) -> None:
        """To whoever is answered from now on."""
        self._of_all.append((now, excuses))

    def unexcused(self, callings: Iterable[Calling]) -> list[Operation]:
        """The answers that nothing excuses."""
        return [calling.operation() for calling in callings if self._needs(calling) - self._has(calling)]

    def _needs(self, calling: Calling) -> frozenset[Outcome]:
        outcome = calling.answer.outcome if calling.answer else None
        # An operator who names a version is told if it is another one; and an account may have no figures yet.
        named = outcome is Outcome.CONFLICT and calling.call.expected_version is not None
        unmeasured = outcome is Outcome.NOT_ACCEPTED and calling.call.kind == "graduate"
        return frozenset({outcome}) & _NEEDING_EXCUSE if outcome and not (named or unmeasured) else frozenset()

    def _has(self, calling: Calling) -> frozenset[Outcome]:
        heard = calling.answered or 0
        given = [excuses for since, excuses in self._of_all if heard >= since]
        return self._of_call.get(id(calling), frozenset()).union(*given)
