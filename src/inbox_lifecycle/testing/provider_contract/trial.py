"""A trial: a fresh sandbox with failures ordered, its adapter, and a driver that watches every step of the adapter."""

from __future__ import annotations

import logging
import math
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeVar, get_args

import httpx

from inbox_lifecycle.domain import InboxId, WarmupState
from inbox_lifecycle.drivers.network import send
from inbox_lifecycle.drivers.transport import BoundedTransport
from inbox_lifecycle.flow import Flow, Send, Sleep, Step, Unanswered, Unsent
from inbox_lifecycle.providers.port import (
    ActivateAnswer,
    DisableAnswer,
    EnableAnswer,
    Figures,
    Mailbox,
    NoFigures,
    Provider,
)
from inbox_lifecycle.testing.base import ProviderSandbox
from inbox_lifecycle.testing.scripts import Failure, Kind

T = TypeVar("T")

#: How the library would name the mailbox of an address to the adapter.
MailboxOf = Callable[[ProviderSandbox, str], Mailbox]
#: What may happen to an answer on its way to the adapter.
Garble = Callable[[httpx.Response], httpx.Response]

ANA: Final = "Ana+1@mail.example.com"
BO: Final = "bo@mail.example.com"
CY: Final = "cy@mail.example.com"
#: An address that no sandbox is told of.
NOBODY: Final = "nobody@mail.example.com"

_PATIENT: Final = 5.0
#: With sockets, hangs are real.
_HASTY: Final = 0.25
_FOREVER: Final = 60.0

_WORD: Final = re.compile(r"[a-z0-9_]{1,40}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")

# Nothing here speaks TLS, and reading the certificates takes longer than a whole trial.
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def by_address(sandbox: ProviderSandbox, email: str) -> Mailbox:
    """A mailbox known by its address alone."""
    del sandbox
    return Mailbox(InboxId(f"id-of-{email.partition('@')[0]}"), email)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tried."""

    sandbox: Callable[..., ProviderSandbox]
    mailbox: MailboxOf
    sockets: bool

    @contextmanager
    def trial(self, *failures: Failure, hasty: bool = False, known: tuple[str, ...] = (ANA,)) -> Iterator[Trial]:
        """A fresh sandbox that knows these addresses and fails like this, and everything the adapter says is heard.

        Args:
            failures: what to order.
            hasty: whether the adapter waits for a short time only.
            known: addresses that the provider has.
        """
        clock = _Clock()
        sandbox = self.sandbox(clock=time.monotonic if self.sockets else clock)
        for email in known:
            sandbox.set_account(email)
        sandbox.script(*failures)
        with ExitStack() as stack:
            heard = stack.enter_context(_overheard())
            if self.sockets:
                stack.enter_context(sandbox)
                transport: httpx.BaseTransport = stack.enter_context(BoundedTransport(certificates=_NO_TLS))
                base_url = sandbox.base_url
            else:
                transport = sandbox.transport(sleep=clock.move)
                base_url = sandbox.transport().base_url
            provider = sandbox.provider(base_url=base_url, timeout=_HASTY if hasty else _PATIENT)
            trial = Trial(self, sandbox, provider, transport, clock, ordered=failures)
            yield trial
            trial.discreet([f"{record.getMessage()} {vars(record)}" for record in heard], "a log record")
            trial.discreet([f"{provider!r} {provider!s}"], "the adapter's repr")


@dataclass(slots=True)
class Trial:
    """One trial under way."""

    subject: Subject
    sandbox: ProviderSandbox
    provider: Provider
    transport: httpx.BaseTransport
    clock: _Clock
    ordered: tuple[Failure, ...] = ()
    #: Applied to every whole answer.
    garble: Garble | None = None
    #: What was asked last.
    asked: str = ""
    #: Requests sent, and seconds they could have taken, since a call began.
    sent: int = 0
    allowed: float = 0.0
    known: set[str] = field(default_factory=lambda: {ANA, BO, CY, NOBODY})

    def enable(self, email: str = ANA) -> EnableAnswer:
        """What the adapter answers to one enable, within its budget."""
        answer: EnableAnswer = self.ask("enable_warmup", email)[email]
        within = self.allowed <= self.provider.budget + 1e-9
        self.expect(within, f"within its budget of {self.provider.budget:g} s", f"{self.allowed:g} s")
        return answer

    def disable(self, email: str = ANA) -> DisableAnswer:
        """What the adapter answers to one disable."""
        answer: DisableAnswer = self.ask("disable_warmup", email)[email]
        return answer

    def read(self, email: str = ANA) -> WarmupState:
        """What the adapter reads of one mailbox."""
        answer: WarmupState = self.ask("read_warmup", email)[email]
        return answer

    def figures(self, email: str = ANA) -> Figures | NoFigures:
        """The figures of one mailbox."""
        answer: Figures | NoFigures = self.ask("read_analytics", email)[email]
        return answer

    def activate(self, campaign_id: str) -> ActivateAnswer:
        """What the adapter answers to a launch."""
        self.asked = f"activate_campaign({campaign_id!r})"
        answer = self.run(self.provider.activate_campaign(campaign_id))
        self._sound({"the campaign": answer}, get_args(ActivateAnswer))
        return answer

    def ask(self, method: str, *emails: str) -> dict[str, Any]:
        """What a method answers for these addresses, each looked at for what any answer must be."""
        self.asked = f"{method} of {len(emails)} mailbox{'es' if len(emails) != 1 else ''}"
        mailboxes = [self.subject.mailbox(self.sandbox, email) for email in emails]
        answers: Mapping[InboxId, Any] = self.run(getattr(self.provider, method)(mailboxes))
        wanted = {mailbox.inbox_id for mailbox in mailboxes}
        self.expect(set(answers) == wanted, "an answer for each mailbox and no other", f"{len(answers)} answers")
        self._sound(answers, _ANSWERS[method])
        return {email: answers[mailbox.inbox_id] for email, mailbox in zip(emails, mailboxes, strict=True)}

    def run(self, flow: Flow[T]) -> T:
        """Perform what a flow asks for."""
        self.sent, self.allowed = 0, 0.0
        answer: httpx.Response | None = None
        trouble: Exception | None = None
        while True:
            try:
                step = flow.send(answer) if trouble is None else flow.throw(trouble)
            except StopIteration as stop:
                value: T = stop.value
                return value
            answer = trouble = None
            try:
                answer = self._perform(step)
            except (Unsent, Unanswered) as failure:
                trouble = failure

    def expect(self, holds: bool, expected: str, found: object) -> None:  # noqa: FBT001 - what is expected comes first
        """Demand something of the adapter.

        Raises:
            AssertionError: it does not hold.
        """
        if holds:
            return
        orders = "\n         ".join(_words(failure) for failure in self.ordered) or "nothing"
        requests = ", ".join(request.operation for request in self.sandbox.requests) or "none"
        raise AssertionError(
            f"ordered  {orders}\nasked    {self.asked}\nexpected {expected}\nfound    {found}\nrequests {requests}"
        )

    def discreet(self, texts: list[str], what: str) -> None:
        """Demand that texts hold no secret of the sandbox and no address."""
        for secret in (*self.sandbox.secrets, *self.known):
            if any(secret.casefold() in text.casefold() for text in texts):
                kind = "an address" if secret in self.known else "a secret"
                self.expect(False, f"{what} without addresses and secrets", f"{kind} in it")  # noqa: FBT003 - as it is

    def _perform(self, step: Step) -> httpx.Response | None:
        if isinstance(step, Sleep):
            self.allowed += step.seconds
            (time.sleep if self.subject.sockets else self.clock.move)(step.seconds)
            return None
        if not isinstance(step, Send):
            self.expect(False, "an adapter that sends requests and nothing else", type(step).__name__)  # noqa: FBT003 - as it is
            raise TypeError
        self.discreet([repr(step)], "a step's repr")
        self.sent += 1
        self.allowed += step.timeout
        response = send(self.transport, step)
        return response if self.garble is None else self.garble(response)

    def _sound(self, answers: Mapping[Any, Any], kinds: tuple[type, ...]) -> None:
        for answer in answers.values():
            self.expect(type(answer) in kinds, f"one of {', '.join(kind.__name__ for kind in kinds)}", repr(answer))
            reason = getattr(answer, "reason", "no_reason")
            self.expect(isinstance(reason, str) and bool(_WORD.fullmatch(reason)), "a short word as reason", reason)
            after = getattr(answer, "retry_after", None)
            self.expect(after is None or (math.isfinite(after) and after >= 0), "seconds to wait", after)
            if isinstance(answer, Figures):
                self._measured(answer)
        self.discreet([repr(answer) for answer in answers.values()], "an answer")

    def _measured(self, figures: Figures) -> None:
        counts = [getattr(figures, each.name) for each in fields(figures) if each.name in _COUNTS]
        counts += [count for day in figures.daily for count in (day.sent, day.received)]
        self.expect(all(isinstance(count, int) and count >= 0 for count in counts), "counts from 0 on", counts)
        days = [day.date for day in figures.daily]
        self.expect(days == sorted(days) and all(map(_DAY.fullmatch, days)), "days as YYYY-MM-DD, in order", days)


_COUNTS: Final = frozenset({"total_sent", "total_received", "landed_spam"})
_ANSWERS: Final[dict[str, tuple[type, ...]]] = {
    "enable_warmup": get_args(EnableAnswer),
    "disable_warmup": get_args(DisableAnswer),
    "read_warmup": (WarmupState,),
    "read_analytics": (Figures, NoFigures),
}
#: The port's methods that take mailboxes.
METHODS: Final = tuple(_ANSWERS)


class _Clock:
    """Seconds that pass only when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def _overheard() -> Iterator[list[logging.LogRecord]]:
    """Every record that any logger lets through, down to DEBUG."""
    ear = _Ear(logging.DEBUG)
    root = logging.getLogger()
    before = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield ear.heard
    finally:
        root.setLevel(before)
        root.removeHandler(ear)


class _Ear(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.heard: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record)


def hang(**order: Any) -> Failure:
    """An answer that nobody waits for long enough to hear."""
    return Failure(kind=Kind.HANG, seconds=_FOREVER, **order)


def _words(failure: Failure) -> str:
    told = {name: getattr(failure, name) for name in failure.__struct_fields__}
    defaults = {name: getattr(Failure(kind=failure.kind), name) for name in told}
    return f"{failure.kind} {({name: value for name, value in told.items() if value != defaults[name]}) or ''}".strip()
