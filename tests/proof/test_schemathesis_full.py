"""Schemathesis in full: all its phases, on both facades and both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.fix_scale import Scale
from tests.support.faces import LoopThread
from tests.support.fuzzing import try_everything
from tests.support.serving import Web


@pytest.fixture
def web(loop_thread: LoopThread) -> Iterator[Web]:
    """A server."""
    server = Web(loop_thread)
    yield server
    server.stop()


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_it_finds_nothing(
    *,
    make: MakeFace,
    web: Web,
    provider_sandbox: Sandbox,
    tmp_path: Path,
    scale: Scale,
    tally: Callable[..., None],
) -> None:
    """Every request that it makes of the document has an answer that the document promises."""
    phases = "examples,coverage,fuzzing,stateful"
    found = try_everything(make, web, provider_sandbox, tmp_path, examples=scale.of(5, 400), phases=phases)
    tally(fuzzed_requests=found.cases)
    assert found.code == 0, found.text
