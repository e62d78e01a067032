"""A random mix of calls on a few hot inboxes, performed on a real facade and noted down for the checker of histories.

    calls = Workload(seed=7, inboxes=ids)
    notes = Recorder("thread 1", marks.append)
    work(inboxes, calls, notes, count=100)
    found = check(operations(marks), initial)

Theory of operation
    Every worker (a thread, a task, a thread of another process) has a stream of calls of its own, the same for the
    same seed, but for the versions it has heard of, which it hands back as `expected_version` now and then. Keys come
    from a pool that moves on as the stream does, so that workers who run side by side use the same keys at the same
    time, and some late-comer uses one that has its success already.

    A recorder notes a mark when a call begins and another when its answer is there, by a clock that all processes of a
    machine share. A call counts from just before its first mark and is answered just before its second one: a process
    that is killed between them leaves a call without an answer, and never an answer that nobody had.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from inbox_lifecycle import AsyncInboxes, Inbox, Inboxes, InboxLifecycleError, InboxNotFound, StoreError
from inbox_lifecycle.testing.linear import Answer, Call, Operation, answer_of
from tests.support.racing import together

#: The owner of all inboxes, and somebody who owns none.
OWNER = "owner"
STRANGER = "stranger"
#: The operator's name.
ACTOR = "olga"
#: The pair in which the gate is open.
OPEN = ("pending", "not_started")

#: How often each kind is called, in parts.
MIX: Mapping[str, int] = {
    "retry": 34,
    "start": 5,
    "correct": 24,
    "fail_warmup": 9,
    "get": 10,
    "reconcile": 9,
    "ban": 6,
    "graduate": 3,
}

#: The same, for leases that are over before the provider has answered: `reconcile` and live calls are after the same
#: attempts.
SETTLING: Mapping[str, int] = {
    "retry": 22,
    "start": 4,
    "correct": 24,
    "reconcile": 40,
    "get": 6,
    "fail_warmup": 2,
    "ban": 2,
}

#: Part of the calls of a kind that carry a key; of the others none does.
_KEYED: Mapping[str, float] = {"retry": 0.5, "start": 0.5, "ban": 0.1, "correct": 0.1, "fail_warmup": 0.2}
#: Part of the corrections that open the gate again, and pairs for the others.
_REOPENING = 0.85
_ELSEWHERE = (("active", "active"), ("warming", "warming"), ("pending", "warming"), ("warming", "not_started"))
#: Part of an operator's moves that name the version they are meant for.
_EXPECTING = 0.2
_MOVES = frozenset({"ban", "correct", "fail_warmup", "graduate"})
#: Calls of a worker after which one key goes and another comes.
_KEY_LASTS = 8
#: A worker's calls between two of a stranger.
_TRESPASS = 25


class Workload(Iterator[Call]):
    """An endless stream of calls for one worker."""

    def __init__(self, seed: int | str, inboxes: Sequence[str], *, mix: Mapping[str, int] = MIX, keys: int = 3) -> None:
        """Make a stream.

        Args:
            seed: one for each worker.
            inboxes: ids of the inboxes, the same for all workers.
            mix: how often each kind is called, in parts.
            keys: how many keys an inbox has in use at a time.
        """
        self._random = random.Random(seed)
        self._inboxes = inboxes
        self._kinds, self._parts = list(mix), list(mix.values())
        self._keys = keys
        self._made = 0
        self._heard: dict[str, int] = {}

    def __next__(self) -> Call:
        """The next call."""
        self._made += 1
        (kind,) = self._random.choices(self._kinds, self._parts)
        if kind == "reconcile":
            return Call(kind=kind, inbox_id=None)
        inbox_id = self._random.choice(self._inboxes)
        key = self._key() if self._happens(_KEYED.get(kind, 0.0)) else None
        to = self._pair() if kind == "correct" else None
        expects = kind in _MOVES and self._happens(_EXPECTING)
        version = self._heard.get(inbox_id) if expects else None
        return Call(kind=kind, inbox_id=inbox_id, key=key, to=to, expected_version=version)

    def heard(self, result: object) -> None:
        """Take note of the version that an answer tells."""
        if isinstance(result, Inbox):
            self._heard[result.id] = result.version

    def _happens(self, chance: float) -> bool:
        return self._random.random() < chance

    def _key(self) -> str:
        return f"key {self._made // _KEY_LASTS + self._random.randrange(self._keys)}"

    def _pair(self) -> tuple[str, str]:
        return OPEN if self._happens(_REOPENING) else self._random.choice(_ELSEWHERE)


def perform(inboxes: Inboxes, call: Call) -> object:
    """Run one call: what it returned, or the library's error."""
    try:
        return _asked(inboxes, call)()
    except InboxLifecycleError as error:
        return error


async def perform_async(inboxes: AsyncInboxes, call: Call) -> object:
    """Run one call: what it returned, or the library's error."""
    try:
        return await _asked(inboxes, call)()
    except InboxLifecycleError as error:
        return error


def trespass(inboxes: Inboxes, inbox_id: str) -> None:
    """A call of somebody who does not own the inbox: it must find none. If it moved one, the checker would tell."""
    try:
        inboxes.retry_warmup(inbox_id, owner_id=STRANGER)
    except InboxNotFound:
        return
    raise AssertionError(f"inbox {inbox_id} answered a stranger")


async def trespass_async(inboxes: AsyncInboxes, inbox_id: str) -> None:
    """The same on the other facade."""
    try:
        await inboxes.retry_warmup(inbox_id, owner_id=STRANGER)
    except InboxNotFound:
        return
    raise AssertionError(f"inbox {inbox_id} answered a stranger")


class Called(msgspec.Struct, frozen=True, kw_only=True, tag="called"):
    """The mark of a call that begins."""

    process: str
    number: int
    at: int
    call: Call


class Answered(msgspec.Struct, frozen=True, kw_only=True, tag="answered"):
    """The mark of an answer."""

    process: str
    number: int
    at: int
    answer: Answer


Mark = Called | Answered


class Recorder:
    """Notes what one worker calls and hears; the worker has one call at a time."""

    def __init__(self, process: str, write: Callable[[Mark], object]) -> None:
        """Make one.

        Args:
            process: the worker's name, which no other worker of the history has.
            write: keeps a mark: `list.append`, or what `journal` gives.
        """
        self.process = process
        self._write = write
        self._number = 0

    def called(self, call: Call) -> None:
        """A call begins."""
        self._number += 1
        self._write(Called(process=self.process, number=self._number, at=time.monotonic_ns(), call=call))

    def answered(self, answer: Answer) -> None:
        """Its answer is there."""
        self._write(Answered(process=self.process, number=self._number, at=time.monotonic_ns(), answer=answer))


def work(inboxes: Inboxes, calls: Workload, notes: Recorder, count: int) -> None:
    """Make so many calls, one after another, and a stranger's now and then.

    Raises:
        StoreError: the database failed a call; only who stages that may take it for an answer.
    """
    for number, call in enumerate(islice(calls, count), 1):
        result = note(inboxes, call, notes)
        if isinstance(result, StoreError):
            raise result
        calls.heard(result)
        if call.inbox_id is not None and number % _TRESPASS == 0:
            trespass(inboxes, call.inbox_id)


async def work_async(inboxes: AsyncInboxes, calls: Workload, notes: Recorder, count: int) -> None:
    """The same on the other facade."""
    for number, call in enumerate(islice(calls, count), 1):
        notes.called(call)
        result = await perform_async(inboxes, call)
        notes.answered(answer_of(call, result))
        if isinstance(result, StoreError):
            raise result
        calls.heard(result)
        if call.inbox_id is not None and number % _TRESPASS == 0:
            await trespass_async(inboxes, call.inbox_id)


def at_once(workers: Sequence[Callable[[], None]]) -> None:
    """Let workers start at the same moment, each in a thread, and let what went wrong in one of them go up."""
    for wrong in together(workers):
        if wrong is not None:
            raise wrong


def note(inboxes: Inboxes, call: Call, notes: Recorder) -> object:
    """Run one call and note it: what it returned, or the library's error."""
    notes.called(call)
    result = perform(inboxes, call)
    notes.answered(answer_of(call, result))
    return result


def journal(descriptor: int) -> Callable[[Mark], object]:
    """Keeps marks as lines of JSON in a file opened for appending, each by one write, so that no kill takes one back.

    One file may serve all threads of a process. A process that is killed may leave half a line at the end, so whoever
    comes after it needs a file of its own.
    """
    return lambda mark: os.write(descriptor, msgspec.json.encode(mark) + b"\n")


def open_journal(path: Path | str) -> int:
    """A descriptor for `journal`."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def read_records(path: Path | str) -> list[Operation]:
    """The operations that a journal tells of, whether or not its process came to its end."""
    # What stands behind the last line's end is a mark that was not finished: a call not made, an answer nobody had.
    *lines, _ = Path(path).read_bytes().split(b"\n")
    decoder = msgspec.json.Decoder(Mark)
    return operations(map(decoder.decode, lines))


def operations(marks: Iterable[Mark]) -> list[Operation]:
    """The operations that the marks tell of, in the order in which they were called."""
    noted = list(marks)
    answers = {(mark.process, mark.number): mark for mark in noted if isinstance(mark, Answered)}
    begun = sorted((mark for mark in noted if isinstance(mark, Called)), key=lambda mark: mark.at)
    return [_operation(mark, answers.get((mark.process, mark.number))) for mark in begun]


def _operation(mark: Called, answer: Answered | None) -> Operation:
    if answer is None:
        return Operation(call=mark.call, called=mark.at, process=mark.process)
    return Operation(call=mark.call, called=mark.at, answered=answer.at, answer=answer.answer, process=mark.process)


def _asked(inboxes: Any, call: Call) -> Callable[[], Any]:
    """The call as a method of the facade with its arguments, not run yet."""
    operator = inboxes.operator(actor=ACTOR)
    key, version = call.key, call.expected_version
    match call.kind:
        case "retry":
            return lambda: inboxes.retry_warmup(call.inbox_id, owner_id=OWNER, idempotency_key=key)
        case "start":
            return lambda: inboxes.start_warmup(call.inbox_id, owner_id=OWNER, idempotency_key=key)
        case "get":
            return lambda: inboxes.get(call.inbox_id, owner_id=OWNER)
        case "reconcile":
            return partial(operator.reconcile)
        case "correct":
            assert call.to is not None
            status, warmup_status = call.to
            return lambda: operator.correct(
                call.inbox_id,
                status=status,
                warmup_status=warmup_status,
                reason="as the test says",
                idempotency_key=key,
                expected_version=version,
            )
        case "ban" | "fail_warmup" | "graduate":
            move = getattr(operator, call.kind)
            return lambda: move(call.inbox_id, idempotency_key=key, expected_version=version)
        case _:
            raise ValueError(call.kind)
