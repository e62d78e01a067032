"""Fixtures for planted bugs: the process with the trials, databases for them, and the verdict on a patched library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.planted.bugs import BUGS, SQLITE, Sign
from tests.planted.trials import CAUGHT, Trial
from tests.support.planting import Catcher, catching, copy_library


@pytest.fixture(scope="session")
def catcher() -> Iterator[Catcher]:
    """The process that runs trials, each order of them in a process of its own."""
    with catching() as running:
        yield running


@pytest.fixture
def trial_of(request: pytest.FixtureRequest) -> Iterator[Callable[[Sign], Trial]]:
    """Makes the trial in which a sign should show, on a database of its own."""
    with ExitStack() as stack:

        def make(sign: Sign) -> Trial:
            home = request.getfixturevalue("sqlite_files" if sign.kind == SQLITE else "postgres")
            fresh = stack.enter_context(home.fresh())
            return Trial(
                checker=sign.checker, kind=fresh.kind, url=fresh.url, prefix=fresh.prefix, guarded=sign.guarded
            )

        yield make


@pytest.fixture
def assert_caught(catcher: Catcher, trial_of: Callable[[Sign], Trial], tmp_path: Path) -> Callable[[str], None]:
    """Demands that every sign of a bug shows, said by the checker itself."""

    def demand(bug: str) -> None:
        ran = catcher.run(copy_library(tmp_path, bug), [trial_of(sign) for sign in BUGS[bug]])
        assert ran.code == CAUGHT, ran.complained
        for sign, found in zip(BUGS[bug], ran.found, strict=True):
            assert any(sign.says in complaint for complaint in found), f"{sign} said: {found[:5]}"

    return demand
