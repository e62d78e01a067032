"""Connections to PostgreSQL are cut between request and answer, above all around the commit: what was heard holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from inbox_lifecycle import Instantly
from inbox_lifecycle.testing import Sandbox
from tests.fix_scale import Scale
from tests.support.cutter import Cutter
from tests.support.databases import Postgres, TestDatabase
from tests.support.judging import Court
from tests.support.load import Load, pace_of
from tests.support.proxy import Proxy
from tests.support.races import Pace, Race

#: Answers between two cuts, at least.
HEARD = 10


@pytest.fixture
def proxy(postgres: Postgres) -> Iterator[Proxy]:
    """A proxy in front of the tests' PostgreSQL."""
    with Proxy(Path(postgres.socket_folder) / ".s.PGSQL.5432") as running:
        yield running


@pytest.fixture
def cutter(proxy: Proxy, postgres_database: TestDatabase) -> Cutter:
    """Cuts what goes through the proxy."""
    return Cutter(proxy, postgres_database, seed="cuts")


@pytest.fixture
def court(postgres_database: TestDatabase, provider_sandbox: Sandbox, tmp_path: Path) -> Court:
    """Judges by what the database says, with no proxy in front of it."""
    return Court(postgres_database, provider_sandbox, tmp_path)


@pytest.fixture
def begin(proxy: Proxy, postgres_database: TestDatabase, provider: Instantly) -> Callable[[Race, Pace], Load]:
    """Puts load on a race, through the proxy."""
    url = proxy.url(urlsplit(postgres_database.url).path.removeprefix("/"))
    return partial(Load, url, provider)


@pytest.mark.timeout(600)
def test_connections_cut_anywhere_contradict_no_answer_and_leave_nothing_unsettled(
    court: Court, cutter: Cutter, begin: Callable[[Race, Pace], Load], scale: Scale, tally: Callable[..., None]
) -> None:
    """The whole history of every race is judged, requests included that arrived when nobody waited for them."""
    for number in range(scale.of(1, 9)):
        race = court.race(f"cuts {number}")
        with begin(race, pace_of(number)) as load:
            for _ in range(scale.of(1, 4)):
                cutter.cut_in_every_way(partial(load.hear, HEARD))
        court.judge(race)
    tally(cuts=cutter.cuts, operations=court.heard.total())
    court.assert_worthwhile()
