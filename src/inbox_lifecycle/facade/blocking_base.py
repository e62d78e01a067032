"""What the sync facades share; its twin is `awaiting_base.py`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from inbox_lifecycle.audit import history
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.drivers.bound import BoundDriver
from inbox_lifecycle.drivers.sync import SyncDriver
from inbox_lifecycle.errors import StepRefused
from inbox_lifecycle.facade.calls import Calls, SchemaLook
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.records import Attempt, RecordedEvent
from inbox_lifecycle.store.looks import FIRST_ID

T = TypeVar("T")


class Facade:
    """What `Inboxes` and `Operator` share: a driver, and the one look at the schema before the first use."""

    _calls: Calls
    _driver: SyncDriver | BoundDriver
    _schema: SchemaLook

    def check_schema(self) -> str:
        """The revision that the database's schema is at, asked for anew each time, as a readiness probe does.

        Raises:
            StoreUnavailable: the database did not answer.
            SchemaMismatch: this version of the library does not work on that schema.
        """
        return self._driver.run(self._calls.check_schema())

    def _run(self, flow: Flow[T]) -> T:
        if not self._schema.passed:
            self._driver.run(self._calls.check_schema())
            self._schema.passed = True
        return self._driver.run(flow)

    def _sign(self, flow: Flow[T]) -> T:
        """Run a flow that signs: what was signed stays signed, whatever becomes of a host's transaction."""
        if isinstance(self._driver, BoundDriver):
            flow.close()
            raise StepRefused("signing", "which could be rolled back")
        return self._run(flow)

    def _history(self, inbox_id: InboxId, owner_id: str | None, bound: int, after: int) -> Iterator[RecordedEvent]:
        while after < bound:
            for event in self._run(
                history.history_page(inbox_id=inbox_id, owner_id=owner_id, after=after, bound=bound)
            ):
                yield event
                after = event.version

    def _attempts(self, inbox_id: InboxId, owner_id: str | None, after: str | None) -> Iterator[Attempt]:
        after, full = after or FIRST_ID, True
        while full:
            page = self._run(history.attempts_page(inbox_id=inbox_id, owner_id=owner_id, after=after))
            yield from page
            full = len(page) == history.PAGE
            after = page[-1].id if page else after
