"""What the async facades share; its twin is `blocking_base.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from inbox_lifecycle.audit import history
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.drivers.bound_async import AsyncBoundDriver
from inbox_lifecycle.drivers.threaded import AsyncDriver
from inbox_lifecycle.errors import StepRefused
from inbox_lifecycle.facade.calls import Calls, SchemaLook
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.records import Attempt, RecordedEvent
from inbox_lifecycle.store.looks import FIRST_ID

T = TypeVar("T")


class Facade:
    """What `AsyncInboxes` and `AsyncOperator` share: a driver, and the one look at the schema before the first use."""

    _calls: Calls
    _driver: AsyncDriver | AsyncBoundDriver
    _schema: SchemaLook

    async def check_schema(self) -> str:
        """The revision that the database's schema is at, asked for anew each time, as a readiness probe does.

        Raises:
            StoreUnavailable: the database did not answer.
            SchemaMismatch: this version of the library does not work on that schema.
        """
        return await self._driver.run(self._calls.check_schema())

    async def _run(self, flow: Flow[T]) -> T:
        if not self._schema.passed:
            await self._driver.run(self._calls.check_schema())
            self._schema.passed = True
        return await self._driver.run(flow)

    async def _sign(self, flow: Flow[T]) -> T:
        """Run a flow that signs: what was signed stays signed, whatever becomes of a host's transaction."""
        if isinstance(self._driver, AsyncBoundDriver):
            flow.close()
            raise StepRefused("signing", "which could be rolled back")
        return await self._run(flow)

    async def _history(self, inbox_id: InboxId, owner_id: str | None, after: int) -> AsyncIterator[RecordedEvent]:
        bound = await self._run(history.history_bound(inbox_id=inbox_id, owner_id=owner_id))
        while after < bound:
            for event in await self._run(
                history.history_page(inbox_id=inbox_id, owner_id=owner_id, after=after, bound=bound)
            ):
                yield event
                after = event.version

    async def _attempts(self, inbox_id: InboxId, owner_id: str | None, after: str | None) -> AsyncIterator[Attempt]:
        await self._run(history.get(inbox_id=inbox_id, owner_id=owner_id))
        after, full = after or FIRST_ID, True
        while full:
            page = await self._run(history.attempts_page(inbox_id=inbox_id, owner_id=owner_id, after=after))
            for attempt in page:
                yield attempt
            full = len(page) == history.PAGE
            after = page[-1].id if page else after
