"""Use-cases say what to do and never do it: a flow is a generator of steps, and a driver performs them.

The one rule of this file: the raw `yield` stands here, in the leaf functions below, and nowhere else. A use-case uses
`yield from` only, so that it is fully typed and reads like ordinary code. There is no `with` around a `yield` and no
step in a `finally`: a flow may be closed at any step, and closing must do nothing.

Whatever is done to the database is one named statement, all or nothing: there is no step that opens a transaction and
another that closes it, so no flow can hold one while it waits for something else.

A step that fails is thrown into the flow as one of our own errors: `StoreError` for the database, `Unsent` or
`Unanswered` for the network. What a host's handler raises comes as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from inbox_lifecycle.errors import InvalidInput, StoreContended, StoreUnavailable

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Statement(Protocol[T_co]):
    """One named statement with its parameters; the store knows how each database spells it."""

    @property
    def name(self) -> str:
        """What the statement does, for logs and counts."""
        ...

    @property
    def writes(self) -> bool:
        """Whether it changes anything."""
        ...

    def run(self, session: Any) -> T_co:
        """Run it in a `store.Session`, and read its answer."""
        ...


@dataclass(frozen=True, slots=True)
class Once:
    """Run one statement, all or nothing: autocommit on PostgreSQL, one IMMEDIATE transaction on SQLite."""

    statement: Statement[Any]
    #: Seconds the statement may wait for locks; None for as long as the database lets it.
    patience: float | None = None
    #: Whether it is about what has been committed: run outside any transaction, and left out inside a host's.
    after_commit: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request and give the whole answer, within a bounded time."""

    #: Never in a repr: its URL may hold an address, its headers hold a key.
    request: httpx.Request = field(repr=False)
    #: Seconds for the whole exchange.
    timeout: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hand:
    """Hand something to the host's own code, holding nothing; async drivers await what it gives."""

    handler: Callable[[Any], Any] = field(repr=False)
    item: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shield:
    """From here to its end the flow is finished even if the caller is cancelled, within a budget in seconds."""

    budget: float


@dataclass(frozen=True, slots=True)
class Apart:
    """Perform another flow by itself, from its beginning to its end: a shield in it ends with it."""

    flow: Generator[Any, Any, Any] = field(repr=False)


Step = Once | Send | Sleep | Hand | Shield | Apart
Flow = Generator[Step, Any, T]


class Unsent(Exception):
    """The request never left: it had no effect."""


class Unanswered(Exception):
    """The request may have had its effect; no usable answer came."""


class UnfitHandler(InvalidInput):
    """The handler is async, and the driver cannot await it."""

    def __init__(self) -> None:
        super().__init__(
            "the handler is async, and nothing here awaits it: call AsyncInboxes, or pass a plain function"
        )


def once(statement: Statement[T], *, patience: float | None = None) -> Flow[T]:
    """Run one statement, all or nothing."""
    result: T = yield Once(statement, patience)
    return result


def once_committed(statement: Statement[T]) -> Flow[T | None]:
    """Run one statement that is about what has been committed; None inside a host's transaction, where nothing is."""
    result: T | None = yield Once(statement, after_commit=True)
    return result


def again(statement: Statement[T], *, tries: int = 5) -> Flow[T]:
    """Run a statement that may be run twice, until it is neither contended nor met by a stale connection.

    Raises:
        StoreUnavailable: two connections in a row failed, or the statement stayed contended.
    """
    maybe_applied: list[bool] = []
    for _ in range(tries):
        try:
            return (yield from once(statement))
        except StoreContended:
            continue
        except StoreUnavailable as failure:
            maybe_applied.append(failure.maybe_applied)
            if len(maybe_applied) > 1:
                # Any of the runs may have taken effect, whatever became of the last one.
                raise StoreUnavailable(failure.why, maybe_applied=any(maybe_applied)) from None
    raise StoreUnavailable(f"{statement.name} stayed contended", maybe_applied=any(maybe_applied))


def send(request: httpx.Request, *, timeout: float) -> Flow[httpx.Response]:
    """Send a request; nothing is held meanwhile.

    Raises:
        Unsent: the request never left.
        Unanswered: it may have had its effect.
    """
    response: httpx.Response = yield Send(request, timeout)
    return response


def sleep(seconds: float) -> Flow[None]:
    """Wait."""
    yield Sleep(seconds)


def hand(handler: Callable[[T], Any], item: T) -> Flow[None]:
    """Hand something to the host's own code; whatever it raises is raised here."""
    yield Hand(handler, item)


def shield(budget: float) -> Flow[None]:
    """Ask the driver to finish this flow even if the caller is cancelled, within `budget` seconds."""
    yield Shield(budget)


def apart(flow: Flow[T]) -> Flow[T]:
    """Run a flow whose shield, if it has one, is for itself alone: what comes after it can be cancelled again."""
    result: T = yield Apart(flow)
    return result


def interleaved(flow: Flow[T], before_each: Callable[[], Flow[None]]) -> Flow[T]:
    """Run a flow, and before each of its steps another one: what has to go on however long the flow takes."""
    answer: Any = None
    failure: Exception | None = None
    while True:
        try:
            step = flow.send(answer) if failure is None else flow.throw(failure)
        except StopIteration as end:
            value: T = end.value
            return value
        yield from before_each()
        answer, failure = None, None
        try:
            answer = yield step
        except Exception as error:  # noqa: BLE001 - the flow decides what any failure means
            failure = error


def done(value: T) -> Flow[T]:
    """A flow that has its value already."""
    return value
    yield  # pragma: no cover - makes this function a generator
