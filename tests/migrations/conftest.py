"""Roles for migrations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.databases import Postgres
from tests.support.roles import a_role


@pytest.fixture(scope="session")
def nobody(postgres: Postgres) -> Iterator[str]:
    """A role that may log in and has no rights."""
    with a_role(postgres, "nobody") as role:
        yield role
