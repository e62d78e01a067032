"""Fixtures for the tests of a host service: `pytest_plugins = ["inbox_lifecycle.testing.plugin"]`."""

from collections.abc import Iterator

import pytest

from inbox_lifecycle.testing.sandbox import Sandbox


@pytest.fixture
def provider_sandbox() -> Iterator[Sandbox]:
    """A running sandbox of the warmup provider, fresh for each test."""
    with Sandbox() as sandbox:
        yield sandbox
