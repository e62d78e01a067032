"""Who acts, why, and on behalf of which request: read once when a method is called, kept beside every event."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass, field, replace
from functools import wraps
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

import msgspec

from inbox_lifecycle.canonical import check_text
from inbox_lifecycle.errors import ActorRequired

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What stands beside an event in erasable columns; the event itself holds only a commitment to it."""

    owner_id: str | None = field(default=None, repr=False)
    #: Who acted.
    actor: str | None = field(default=None, repr=False)
    #: Why.
    reason: str | None = field(default=None, repr=False)
    #: The request or job this belongs to.
    correlation_id: str | None = field(default=None, repr=False)
    #: What directly caused it: a message, a span, another event.
    causation_id: str | None = field(default=None, repr=False)
    #: The caller's idempotency key, scoped to owner and inbox.
    idempotency_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # Every event that is read brings a context: one look at all texts, and by name only where one is not plain.
        for text in (
            self.owner_id,
            self.actor,
            self.reason,
            self.correlation_id,
            self.causation_id,
            self.idempotency_key,
        ):
            if text is not None and not (type(text) is str and text.isascii() and "\x00" not in text):
                self._check()
                break

    def _check(self) -> None:
        for name, text in self.as_dict().items():
            check_text(name, text)

    def as_dict(self) -> dict[str, str]:
        """What is known, by name."""
        # Not by `asdict`, which copies deeply: a million contexts are opened when all is verified.
        return {name: text for name in self.__slots__ if (text := getattr(self, name)) is not None}

    def canonical(self) -> bytes:
        """The bytes that the commitment covers: what is known, as canonical JSON."""
        # All texts were checked as it was made.
        return _ENCODER.encode(
            _Known(self.actor, self.causation_id, self.correlation_id, self.idempotency_key, self.owner_id, self.reason)
        )


class _Known(msgspec.Struct, omit_defaults=True, gc=False):
    """What is known, in the order of RFC 8785."""

    actor: str | None = None
    causation_id: str | None = None
    correlation_id: str | None = None
    idempotency_key: str | None = None
    owner_id: str | None = None
    reason: str | None = None


_ENCODER = msgspec.json.Encoder()

NOBODY = Context()

_CURRENT: ContextVar[Context] = ContextVar("inbox_lifecycle_audit_context", default=NOBODY)


class audit_context:  # noqa: N801 - used as a statement, `with audit_context(...)`, like the standard library's own
    """Say who acts and why for every call inside the block; an inner block overrides what it names.

    Works across `await`. Threads do not inherit it: wrap what you hand to them in `audit_context.carry`.
    """

    def __init__(
        self,
        *,
        actor: str | None = None,
        reason: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
    ) -> None:
        said = Context(actor=actor, reason=reason, correlation_id=correlation_id, causation_id=causation_id)
        self._said = said.as_dict()
        self._tokens: list[Token[Context]] = []

    def __enter__(self) -> Self:
        self._tokens.append(_CURRENT.set(replace(_CURRENT.get(), **self._said)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _CURRENT.reset(self._tokens.pop())

    @staticmethod
    def carry(function: Callable[P, R]) -> Callable[P, R]:
        """The function, bound to the context of here and now, for a thread pool to call."""
        carried = _CURRENT.get()

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            token = _CURRENT.set(carried)
            try:
                return function(*args, **kwargs)
            finally:
                _CURRENT.reset(token)

        return call


def current_context(
    *,
    actor: str | None = None,
    reason: str | None = None,
    idempotency_key: str | None = None,
    require_actor: bool = False,
) -> Context:
    """The context of a call that begins now.

    Args:
        actor: who acts, where the facade knows better than the surrounding block.
        reason: why, said at the call.
        idempotency_key: the call's key.
        require_actor: whether nobody acting is an error.

    Raises:
        ActorRequired: nobody said who acts.
        MalformedText: a text cannot be kept.
    """
    around = _CURRENT.get()
    context = replace(
        around,
        actor=around.actor if actor is None else actor,
        reason=around.reason if reason is None else reason,
        idempotency_key=idempotency_key,
    )
    if require_actor and not context.actor:
        raise ActorRequired
    return context
