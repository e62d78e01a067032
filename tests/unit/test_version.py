"""Which databases this code works on: same generation, same serial or later."""

from __future__ import annotations

import pytest

from inbox_lifecycle.errors import SchemaMismatch
from inbox_lifecycle.store.version import HEAD, check_revision, works_on

GENERATION, SERIAL = (int(part) for part in HEAD.split("."))


def test_the_head_has_a_generation_and_a_serial() -> None:
    """It works on itself."""
    assert works_on(HEAD)


@pytest.mark.parametrize("later", [1, 2, 9999])
def test_a_schema_that_only_has_more_is_worked_on(later: int) -> None:
    """A database is upgraded before the services that use it."""
    assert works_on(f"{GENERATION}.{SERIAL + later:04}")


@pytest.mark.parametrize(
    "found",
    [
        f"{GENERATION}.{SERIAL - 1:04}",
        f"{GENERATION + 1}.{SERIAL:04}",
        f"{GENERATION + 1}.0000",
        f"{GENERATION - 1}.{SERIAL:04}",
        None,
        "",
        "head",
        f"{GENERATION}",
        f"{GENERATION}.",
        f".{SERIAL}",
        f"{GENERATION}.{SERIAL}a",
        f"{GENERATION}.-{SERIAL}",
        f"{GENERATION}.{SERIAL}.1",
    ],
)
def test_any_other_schema_is_refused_with_the_cure(found: str | None) -> None:
    """Older, contracted since, from another generation, or none of ours."""
    assert not works_on(found)
    with pytest.raises(SchemaMismatch, match="inbox-lifecycle db upgrade") as refused:
        check_revision(found)
    assert (refused.value.found, refused.value.head) == (found, HEAD)
