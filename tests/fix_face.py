"""Facades: each test of the contract runs sync and async, on SQLite and on PostgreSQL, against the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from inbox_lifecycle import Instantly
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, LoopThread, make_face

MODES = ("sync", "async")

MakeFace = Callable[..., AnyFace]


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    """An event loop for the whole session."""
    loop = LoopThread()
    yield loop
    loop.stop()


@pytest.fixture
def provider(provider_sandbox: Sandbox) -> Instantly:
    """The adapter, pointed at the sandbox."""
    return Instantly(api_key=provider_sandbox.api_key, base_url=provider_sandbox.base_url, timeout=5.0)


@pytest.fixture(params=MODES)
def make(
    request: pytest.FixtureRequest, database: TestDatabase, provider: Instantly, loop_thread: LoopThread
) -> Iterator[MakeFace]:
    """Makes facades over the test's database, sync and again async; they are closed at the end."""
    made: list[AnyFace] = []

    def make_one(url: Any = None, **options: Any) -> AnyFace:
        options.setdefault("provider", provider)
        face = make_face(request.param, loop_thread, url or database.url, **options)
        made.append(face)
        return face

    yield make_one
    for face in made:
        face.close()


@pytest.fixture
def face(make: MakeFace) -> AnyFace:
    """A facade over the test's database."""
    return make()
