"""Schemathesis reads the OpenAPI document and tries what it promises: with data that fits, and with data that does not.

All of its checks: first each operation with every boundary of every parameter, then each with data of its own making,
then stories that lead from an answer to the next question. Two callers have inboxes, so that it can try to read the
one's as the other. In full it runs among the proofs.
"""

from __future__ import annotations

from pathlib import Path

from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.contract import crosswise
from tests.support.databases import TestDatabase
from tests.support.fuzzing import try_everything
from tests.support.serving import Web


@crosswise
def test_it_finds_nothing(
    make: MakeFace, database: TestDatabase, web: Web, provider_sandbox: Sandbox, tmp_path: Path
) -> None:
    """A few examples of each operation, and the boundaries on one database: both facades, each database."""
    phases = "coverage,fuzzing,stateful" if database.kind == "sqlite" else "fuzzing,stateful"
    found = try_everything(make, web, provider_sandbox, tmp_path, examples=5, phases=phases)
    assert found.code == 0, found.text
    assert found.cases > 70
