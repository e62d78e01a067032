"""Running a flow by itself, on a database of the tests."""

from __future__ import annotations

from typing import TypeVar

from inbox_lifecycle.drivers.sync import Database, SyncDriver
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.session import backend_for

T = TypeVar("T")


def run_on(url: str, flow: Flow[T], *, schema: str | None = None) -> T:
    """What the flow gives, with a driver of its own."""
    engine = make_engine(url)
    driver = SyncDriver(Database(engine, backend_for(engine.dialect, schema), owns_engine=True), None)
    try:
        return driver.run(flow)
    finally:
        driver.close()
