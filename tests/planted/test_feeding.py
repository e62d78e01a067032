"""Planted bugs of giving positions: each is caught."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.planted.bugs import FEEDING


@pytest.mark.parametrize("bug", FEEDING)
def test_planted_bug_is_caught(assert_caught: Callable[[str], None], bug: str) -> None:
    """The checkers find it in a patched copy of the library, and say what they found."""
    assert_caught(bug)
