"""Facades for races: their provider waits far longer than any race holds its answers back."""

from __future__ import annotations

import pytest

from inbox_lifecycle import Instantly
from inbox_lifecycle.testing import Sandbox
from tests.fix_face import MakeFace
from tests.support.faces import AnyFace
from tests.support.racing import PATIENCE


@pytest.fixture
def provider(provider_sandbox: Sandbox) -> Instantly:
    """The adapter, with a timeout that answers held on purpose never reach."""
    return Instantly(api_key=provider_sandbox.api_key, base_url=provider_sandbox.base_url, timeout=PATIENCE)


@pytest.fixture
def face(make: MakeFace) -> AnyFace:
    """A facade over the test's database."""
    return make()
