"""Fixtures for the tests of a host service: `pytest_plugins = ["inbox_lifecycle.testing.plugin"]`."""

from collections.abc import Iterator

import pytest

from inbox_lifecycle.testing.sandbox import Sandbox
from inbox_lifecycle.testing.smartlead import SmartleadSandbox


@pytest.fixture
def provider_sandbox() -> Iterator[Sandbox]:
    """A running sandbox of the warmup provider, fresh for each test."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def smartlead_sandbox() -> Iterator[SmartleadSandbox]:
    """A running sandbox of Smartlead, fresh for each test; it knows no account that it was not told of."""
    with SmartleadSandbox() as sandbox:
        yield sandbox
