"""What actors do: one call of the library each, as a flow to be played and as a `Call` to be judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inbox_lifecycle.domain import AttemptKind, Inbox
from inbox_lifecycle.facade.calls import Calls
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.reconcile import Cursor, Reconciled, reconcile_page
from inbox_lifecycle.testing.linear import Call

#: The owner of every inbox that is played on.
OWNER = "owner"

PairOfWords = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Deed:
    """One call of an actor, on the inbox that the schedule is played on."""

    #: As it is written, and as a trace tells it: two deeds of one name do the same.
    name: str
    flow: Callable[[Calls, Inbox], Flow[Any]]
    call: Callable[[str], Call]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.name


def start_warmup(key: str | None = None) -> Deed:
    """The owner's first attempt."""
    return _warm(AttemptKind.START, key)


def retry_warmup(key: str | None = None) -> Deed:
    """The owner's retry."""
    return _warm(AttemptKind.RETRY, key)


def ban(key: str | None = None, expected_version: int | None = None) -> Deed:
    """An operator's ban."""
    return Deed(
        _written("ban", key=key, expected_version=expected_version),
        lambda calls, inbox: calls.ban(inbox.id, reason=None, idempotency_key=key, expected_version=expected_version),
        lambda inbox_id: Call(kind="ban", inbox_id=inbox_id, key=key, expected_version=expected_version),
    )


def correct(to: PairOfWords, key: str | None = None, expected_version: int | None = None) -> Deed:
    """An operator's correction."""
    return Deed(
        _written("correct", to, key=key, expected_version=expected_version),
        lambda calls, inbox: calls.correct(
            inbox.id,
            status=to[0],
            warmup_status=to[1],
            reason="as it should be",
            idempotency_key=key,
            expected_version=expected_version,
        ),
        lambda inbox_id: Call(kind="correct", inbox_id=inbox_id, key=key, to=to, expected_version=expected_version),
    )


def fail_warmup(key: str | None = None) -> Deed:
    """An operator takes a warmup back, if the provider's word allows it."""
    return Deed(
        _written("fail_warmup", key=key),
        lambda calls, inbox: calls.fail_warmup(inbox.id, reason=None, idempotency_key=key, expected_version=None),
        lambda inbox_id: Call(kind="fail_warmup", inbox_id=inbox_id, key=key),
    )


def graduate(key: str | None = None) -> Deed:
    """An operator lets a warmed inbox send, if the provider's figures allow it."""
    return Deed(
        _written("graduate", key=key),
        lambda calls, inbox: calls.graduate(inbox.id, reason=None, idempotency_key=key, expected_version=None),
        lambda inbox_id: Call(kind="graduate", inbox_id=inbox_id, key=key),
    )


def get() -> Deed:
    """A look at the inbox."""
    return Deed(
        "get()",
        lambda calls, inbox: calls.get(inbox.id, owner_id=OWNER),
        lambda inbox_id: Call(kind="get", inbox_id=inbox_id),
    )


def reconcile() -> Deed:
    """A whole run of `reconcile`."""
    return Deed(
        "reconcile()", lambda calls, _inbox: _reconcile(calls), lambda _id: Call(kind="reconcile", inbox_id=None)
    )


def _warm(kind: AttemptKind, key: str | None) -> Deed:
    return Deed(
        _written(f"{kind}_warmup", key=key),
        lambda calls, inbox: calls.warm(inbox.id, owner_id=OWNER, kind=kind, idempotency_key=key),
        lambda inbox_id: Call(kind=kind.value, inbox_id=inbox_id, key=key),
    )


def _reconcile(calls: Calls) -> Flow[Reconciled]:
    done = Reconciled()
    for marked in (False, True):
        cursor: Cursor | None = Cursor()
        while cursor is not None:
            page, cursor = yield from reconcile_page(calls.terms, marked=marked, after=cursor)
            done = done + page
    return done


def _written(name: str, *arguments: object, **options: object) -> str:
    told = [repr(argument) for argument in arguments]
    told += [f"{option}={value!r}" for option, value in options.items() if value is not None]
    return f"{name}({', '.join(told)})"
