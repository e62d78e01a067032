"""The async twin of the driver inside a host's transaction; apart, as it loads SQLAlchemy's async half and its ORM."""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from inbox_lifecycle.drivers.bound import BoundDriver
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.store.session import Backend

T = TypeVar("T")


class AsyncBoundDriver:
    """Performs flows on a host's AsyncConnection or AsyncSession."""

    def __init__(self, connection: AsyncConnection | AsyncSession, backend: Backend) -> None:
        self._host = connection
        self._backend = backend

    async def run(self, flow: Flow[T]) -> T:
        """The flow's value; its errors are raised."""

        def work(connection: Connection) -> T:
            return BoundDriver(connection, self._backend).run(flow)

        connection = await self._host.connection() if isinstance(self._host, AsyncSession) else self._host
        return await connection.run_sync(work)
