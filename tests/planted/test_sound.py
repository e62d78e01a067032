"""The same checkers find nothing in the library as it is: what they catch is the bugs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.planted.bugs import BUGS, Sign
from tests.planted.checkers import CHECKERS
from tests.planted.trials import Trial
from tests.support.planting import Catcher, copy_library

#: Every way in which some checker catches some bug.
USED = {str(sign): sign for signs in BUGS.values() for sign in signs}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the library, made the same way, without a bug."""
    return copy_library(tmp_path_factory.mktemp("sound"))


@pytest.mark.parametrize("sign", USED.values(), ids=USED.keys())
def test_checker_finds_nothing_in_the_sound_library(
    catcher: Catcher, sound: Path, trial_of: Callable[[Sign], Trial], sign: Sign
) -> None:
    """On the same databases, with the guards and without, there is nothing to find."""
    ran = catcher.run(sound, [trial_of(sign)])
    assert (ran.code, ran.found) == (0, [[]]), ran.complained


def test_every_checker_catches_some_bug() -> None:
    """One that catches none would prove nothing by finding nothing."""
    assert {sign.checker for sign in USED.values()} == set(CHECKERS)
