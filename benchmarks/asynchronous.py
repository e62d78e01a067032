"""Retries recorded by tasks of one event loop, against psycopg's own async connections."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import psycopg

from benchmarks.commit import RAW, expect, raw_stock
from benchmarks.harness import AnyContestant, AsyncContestant, AsyncWork, Group, Role, Setting
from benchmarks.ours import shared_async
from benchmarks.spoken import Said
from benchmarks.stock import analyze, open_stock

OURS = "inbox-lifecycle, async recording"
RAW_ASYNC = f"{RAW}, async"
#: Inboxes that are there before, so that tables and statistics are nobody's first.
_BEFORE = 5_000
_FEW = 50


@contextmanager
def open_contestants(setting: Setting) -> Iterator[list[AnyContestant]]:
    """One facade's driver for all tasks; one connection for each task of the bare driver."""
    url = setting.postgresql()
    with open_stock(url) as stock:
        contestants: list[AnyContestant] = [
            AsyncContestant(name=OURS, role=Role.OURS, stock=stock.claimed, worker=shared_async(url)),
            AsyncContestant(name=RAW_ASYNC, role=Role.LIMIT, stock=raw_stock(url, stock), worker=_raw_worker(url)),
        ]
        for contestant in contestants:
            contestant.stock(_FEW if setting.smoke else _BEFORE)
        analyze(url)
        yield contestants


def _raw_worker(url: str) -> Callable[[], AbstractAsyncContextManager[AsyncWork]]:
    @asynccontextmanager
    async def worker() -> AsyncIterator[AsyncWork]:
        async with (
            await psycopg.AsyncConnection.connect(url, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):

            async def work(statements: Said) -> None:
                for text, values in statements:
                    await cursor.execute(text, values)
                    expect(await cursor.fetchone())

            yield work

    return worker


GROUPS = (
    Group(
        name="async",
        work="One accepted retry made durable (fsync, synchronous_commit on) by each of many tasks on one event loop.",
        open=open_contestants,
        base=RAW_ASYNC,
        levels=(1, 8, 32),
        budget=16.0,
        remarks=(f"{OURS}: the event made, encoded and hashed too, as in a call whose provider has accepted.",),
    ),
)
