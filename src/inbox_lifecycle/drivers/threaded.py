"""The drivers of async facades: asyncio for the network, threads (or a host's AsyncEngine) for the database.

A sync engine in a small pool of threads, a whole database step in one hop, is as fast as the async driver of the
database and keeps the event loop free; the host's AsyncEngine is served too, by `run_sync`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from inbox_lifecycle.drivers.checkout import FromEngine, is_stale
from inbox_lifecycle.drivers.database import perform
from inbox_lifecycle.drivers.forks import renew_after_fork
from inbox_lifecycle.drivers.network import send_async
from inbox_lifecycle.drivers.sync import Database, Ended
from inbox_lifecycle.drivers.tasks import Mailbox, TaskTurn
from inbox_lifecycle.flow import Apart, Flow, Hand, Once, Send, Shield, Sleep, Step, Unsent
from inbox_lifecycle.store.engine import POOL_SIZE
from inbox_lifecycle.store.faults import explain, is_driver_error
from inbox_lifecycle.store.session import Backend

logger = logging.getLogger("inbox_lifecycle")

T = TypeVar("T")

#: Exchanges under way at once on an event loop. The pool of connections below looks through all that wait for one
#: whenever one comes free: a thousand at once would keep a processor busy for nothing until they time out.
AT_ONCE = 50
#: Seconds that an exchange is given at least, however long it had to wait for its turn.
_LEAST = 0.05


class AsyncDatabase(Protocol):
    """A database as the async driver uses it."""

    def perform(self, step: Once) -> Awaitable[Any]:
        """Perform a database step."""
        ...

    async def close(self) -> None:
        """Close what was opened here."""
        ...


class ThreadedDatabase:
    """A sync engine behind a bounded pool of threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Have threads of this process's own."""
        self._threads = ThreadPoolExecutor(POOL_SIZE, thread_name_prefix="inbox-lifecycle")
        self._mailboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Mailbox] = WeakKeyDictionary()

    def perform(self, step: Once) -> asyncio.Future[Any]:
        """Perform a database step in one hop; where it has to wait for its turn, no thread waits with it."""
        loop, turns = asyncio.get_running_loop(), self._database.line(step)
        if turns is None:
            return loop.run_in_executor(self._threads, self._database.perform, step)
        mailbox = self._mailboxes.get(loop)
        if mailbox is None:
            mailbox = self._mailboxes[loop] = Mailbox()
        return TaskTurn(turns, step, self._database, self._threads, mailbox).future

    async def close(self) -> None:
        """Wait for the threads, then close the pool of connections."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)
        self._database.close()


class NativeDatabase:
    """A host's AsyncEngine, by SQLAlchemy's own bridge."""

    def __init__(self, engine: AsyncEngine, backend: Backend) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._backend = backend
        # The event loop itself keeps no task alive.
        self._closing: set[asyncio.Future[None]] = set()

    async def perform(self, step: Once) -> Any:
        """Perform a database step on a connection of the host's pool."""
        try:
            connection = await self._connected()
            while (sync := connection.sync_connection) is not None and is_stale(FromEngine(sync)):
                await connection.invalidate()
                await connection.close()
                connection = await self._connected()
        except Exception as error:
            if not is_driver_error(error, self._backend):
                raise
            failure = explain(error, self._backend, sent=False)
        else:
            try:
                return await connection.run_sync(lambda sync: perform(FromEngine(sync), self._backend, step))
            finally:
                # Even a cancelled call gives its connection back.
                await asyncio.shield(connection.close())
        raise failure

    async def _connected(self) -> AsyncConnection:
        """A connection of the host's pool; who is cancelled meanwhile gives it back as soon as it is there."""
        # SQLAlchemy sets a connection up in several waits; cancelled in one of them, it would lose the connection.
        opening = asyncio.ensure_future(_open(self._engine))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(self._give_back)
            raise

    def _give_back(self, opening: asyncio.Future[AsyncConnection]) -> None:
        if not opening.cancelled() and opening.exception() is None:
            closing = asyncio.ensure_future(opening.result().close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Nothing: the engine is the host's."""


async def _open(engine: AsyncEngine) -> AsyncConnection:
    return await engine.connect()


class AsyncDriver:
    """Performs flows on the running event loop."""

    def __init__(self, database: AsyncDatabase, transport: httpx.AsyncBaseTransport | None) -> None:
        self._database = database
        self._transport = transport
        self._own_transports: dict[asyncio.AbstractEventLoop, httpx.AsyncHTTPTransport] = {}
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._late: set[asyncio.Task[Any]] = set()
        self._under_way: set[asyncio.Future[None]] = set()

    async def run(self, flow: Flow[T]) -> T:
        """The flow's value; its errors are raised."""
        ended = asyncio.get_running_loop().create_future()
        self._under_way.add(ended)
        try:
            return await self._run(flow)
        finally:
            self._under_way.discard(ended)
            ended.set_result(None)

    async def _run(self, flow: Flow[T]) -> T:
        try:
            ended = await self._pump(flow, stop_at_shield=True)
        except BaseException:
            flow.close()
            raise
        if isinstance(ended, Shield):
            return await self._shielded(flow, ended.budget)
        return ended.value

    async def close(self) -> None:
        """Finish what is under way on this loop, then close connections and threads."""
        loop = asyncio.get_running_loop()
        while here := [ended for ended in self._under_way | self._late if ended.get_loop() is loop]:
            await asyncio.wait(here)
        transport = self._own_transports.pop(asyncio.get_running_loop(), None)
        if transport is not None:
            await transport.aclose()
        await self._database.close()

    async def _pump(self, flow: Flow[T], *, stop_at_shield: bool, deadline: float | None = None) -> Ended[T] | Shield:
        answer: Any = None
        failure: Exception | None = None
        while True:
            try:
                step = flow.send(answer) if failure is None else flow.throw(failure)
            except StopIteration as stop:
                return Ended(stop.value)
            if stop_at_shield and isinstance(step, Shield):
                return step
            answer, failure = None, None
            try:
                answer = await (self._answer(step) if deadline is None else self._insist(step, deadline))
            except Exception as error:  # noqa: BLE001 - the flow decides what any failure means
                failure = error

    async def _insist(self, step: Step, deadline: float) -> Any:
        """The step's answer, even if this very task is cancelled: a loop that shuts down cancels every one it knows."""
        performing = asyncio.ensure_future(
            self._database.perform(step) if isinstance(step, Once) else self._answer(step)
        )
        while True:
            try:
                return await asyncio.shield(performing)
            except asyncio.CancelledError:
                if performing.cancelled() or time.monotonic() >= deadline:
                    raise

    async def _answer(self, step: Step) -> Any:
        match step:
            case Send():
                return await self._exchange(step)
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case Hand(handler, item):
                given = handler(item)
                return await given if inspect.isawaitable(given) else None
            case Shield():
                return None
            case Apart(flow):
                return await self._run(flow)
            case Once():
                return await self._database.perform(step)

    async def _exchange(self, step: Send) -> httpx.Response:
        """The whole answer, once few enough others are under way; waiting for that counts as a part of the time."""
        began, gate = time.monotonic(), self._gates.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
        try:
            async with asyncio.timeout(step.timeout):
                await gate.acquire()
        except TimeoutError:
            raise Unsent("QueueTimeout") from None
        try:
            left = max(step.timeout - (time.monotonic() - began), _LEAST)
            return await send_async(self._transport_here(), replace(step, timeout=left))
        finally:
            gate.release()

    async def _shielded(self, flow: Flow[T], budget: float) -> T:
        task = asyncio.ensure_future(self._finish(flow, time.monotonic() + budget))
        self._late.add(task)
        task.add_done_callback(self._finished)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await self._wait_out(task, time.monotonic() + budget)
            raise

    async def _finish(self, flow: Flow[T], deadline: float) -> T:
        try:
            ended = await self._pump(flow, stop_at_shield=False, deadline=deadline)
        finally:
            flow.close()
        assert isinstance(ended, Ended)  # noqa: S101 - it only stops at a shield when told to
        return ended.value

    async def _wait_out(self, task: asyncio.Task[T], deadline: float) -> None:
        while not task.done() and time.monotonic() < deadline:
            try:
                await asyncio.wait({task}, timeout=max(0.0, deadline - time.monotonic()))
            except asyncio.CancelledError:
                # One cancellation is raised already; the budget bounds how long others wait.
                continue

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._late.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.debug("a shielded recording ended with %s", type(task.exception()).__name__)

    def _transport_here(self) -> httpx.AsyncBaseTransport:
        if self._transport is not None:
            return self._transport
        # Connections belong to the event loop they were opened on.
        loop = asyncio.get_running_loop()
        transport = self._own_transports.get(loop)
        if transport is None:
            for gone in [known for known in self._own_transports if known.is_closed()]:
                del self._own_transports[gone]
            transport = self._own_transports[loop] = httpx.AsyncHTTPTransport()
        return transport
