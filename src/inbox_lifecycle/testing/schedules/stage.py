"""Where schedules are played: a real database, the sandbox without its socket, and a clock that only the play moves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeVar

from sqlalchemy import URL, Engine

from inbox_lifecycle.audit.verify import Range, Verification, verify_page
from inbox_lifecycle.facade.assembly import make_calls, open_database
from inbox_lifecycle.facade.calls import Calls
from inbox_lifecycle.flow import Apart, Flow, Hand, Once, Send, Shield, Sleep, Step
from inbox_lifecycle.providers.instantly import Instantly
from inbox_lifecycle.store.session import Session
from inbox_lifecycle.testing.databases import fresh_engine
from inbox_lifecycle.testing.sandbox import Sandbox
from inbox_lifecycle.testing.transport import BASE_URL, respond

T = TypeVar("T")

_KEY: Final = "schedule"
#: Seconds that a step takes on the play's clock.
_STEP: Final = 0.001

_CLOSED: Final = (
    "outcome = coalesce(outcome, 'abandoned'), closed_at = coalesce(closed_at, opened_at), to_disable = {false}"
)


@dataclass(frozen=True, slots=True)
class _Attempts:
    """Change all unsettled attempts by hand; they are facts about callers, and no guard stands in the way."""

    change: str
    name: ClassVar[str] = "change_attempts"
    writes: ClassVar[bool] = True

    def run(self, session: Session) -> int:
        """The number of unsettled attempts."""
        return session.run(f"update {{s}}inbox_attempts set {self.change} where outcome is null or to_disable")  # noqa: S608 - ours


class Stage:
    """A migrated database to play on; every schedule brings inboxes and a provider of its own.

    Nothing else may work on the database meanwhile: `reconcile` would settle other people's attempts.
    """

    def __init__(self, database: str | URL | Engine, *, schema: str | None = None) -> None:
        """Open a database that `upgrade_schema` has prepared.

        Raises:
            StoreMisconfigured: the database is not usable as it is.
        """
        self._database = open_database(database, schema)
        self._engine: Engine | None = None
        self._now = 0.0
        #: Seconds that the caller whose turn it is has waited for himself alone, beside the world's clock.
        self.waited = 0.0
        self.sandbox = self._fresh_sandbox()
        calls = make_calls(
            Instantly(api_key=_KEY, base_url=BASE_URL),
            clock=None,
            policy=None,
            require_actor=False,
            call_budget=None,
            signer=None,
            recording_budget=None,
        )
        #: Flows of every use-case, for an operator and with an owner for an owner.
        self.calls: Calls = replace(
            calls, terms=replace(calls.terms, monotonic=lambda: self._now + self.waited)
        ).acting_as("olga")

    @classmethod
    def in_memory(cls) -> Self:
        """A stage on an SQLite database of its own in memory: the quickest there is."""
        engine = fresh_engine()
        stage = cls(engine)
        stage._engine = engine
        return stage

    def close(self) -> None:
        """Close what was opened here; an engine that was handed over is its owner's to dispose of."""
        self._database.close()
        if self._engine is not None:
            self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def clear(self) -> None:
        """A provider that knows nothing, and a clock at zero."""
        self._now = self.waited = 0.0
        self.sandbox = self._fresh_sandbox()

    def perform(self, step: Step) -> Any:
        """Perform a step for real, at once; its error is raised."""
        self._now += _STEP
        match step:
            case Once():
                return self._database.perform(step)
            case Send():
                return respond(self.sandbox, step.request)
            case Sleep(seconds):
                self.pass_time(seconds)
                return None
            case Hand(handler, item):
                handler(item)
                return None
            case Shield():
                return None
            case Apart(flow):
                return self.run(flow)

    def run(self, flow: Flow[T]) -> T:
        """The flow's value, with every step performed at once; its errors are raised."""
        answer: Any = None
        failure: Exception | None = None
        while True:
            try:
                step = flow.send(answer) if failure is None else flow.throw(failure)
            except StopIteration as stop:
                value: T = stop.value
                return value
            answer, failure = None, None
            try:
                answer = self.perform(step)
            except Exception as error:  # noqa: BLE001 - the flow decides what any failure means
                failure = error

    def pass_time(self, seconds: float) -> None:
        """Let the world's clock, by which the provider's jobs are measured, go on."""
        self._now += seconds

    def expire_leases(self) -> None:
        """Let every open attempt's lease run out, which the database's clock would do in time."""
        self._database.perform(Once(_Attempts("lease_until = '2000-01-01T00:00:00.000000Z'")))

    def close_attempts(self) -> None:
        """Close what a schedule that failed has left unsettled, so that no later one meets it."""
        self._database.perform(Once(_Attempts(_CLOSED)))

    def verify(self) -> Verification:
        """The library's own verification of everything played so far."""
        report = Verification()
        rest: Range | None = Range()
        while rest is not None:
            rest = self.run(verify_page(report, rest))
        return report

    def _fresh_sandbox(self) -> Sandbox:
        return Sandbox(api_key=_KEY, clock=lambda: self._now)
