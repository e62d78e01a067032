"""Whether the database's guards stand: what a migrated database has, and where one that is looked at has less.

What is expected was read from a freshly migrated database and travels with the package; a database of the same
generation may have more, by later migrations or as its host likes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import zip_longest
from typing import ClassVar

from inbox_lifecycle.store import guards_postgresql, guards_sqlite
from inbox_lifecycle.store.session import Session

#: The definition of each guard, in clauses, by its name.
Guards = Mapping[str, tuple[str, ...]]

EXPECTED = "guards_expected.json"


@dataclass(frozen=True, slots=True)
class Fallen:
    """A guard that does not stand as it should."""

    guard: str
    #: The clauses of its definition that do not hold.
    expected: str
    #: What stands in their place.
    found: str


@dataclass(frozen=True, slots=True)
class ReadGuards:
    """The guards that stand."""

    name: ClassVar[str] = "read_guards"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> Guards:
        """All there are, a host's own among them."""
        if session.backend.is_sqlite:
            return guards_sqlite.read_guards(session)
        return guards_postgresql.read_guards(session)


@dataclass(frozen=True, slots=True)
class FallenGuards:
    """The guards that do not stand."""

    name: ClassVar[str] = "fallen_guards"
    writes: ClassVar[bool] = False

    def run(self, session: Session) -> tuple[Fallen, ...]:
        """One for each, in order of name; nothing where all stand."""
        return compare(expected_guards(session.backend.dialect.name), ReadGuards().run(session))


@cache
def expected_guards(kind: str) -> Guards:
    """What a migrated database has, `postgresql` or `sqlite`."""
    said = json.loads(files(__package__).joinpath(EXPECTED).read_bytes())[kind]
    return {guard: tuple(clauses) for guard, clauses in said.items()}


def compare(expected: Guards, found: Guards) -> tuple[Fallen, ...]:
    """The expected guards that are missing or others, and what about them."""
    return tuple(
        _fallen(guard, clauses, found.get(guard))
        for guard, clauses in sorted(expected.items())
        if found.get(guard) != clauses
    )


def _fallen(guard: str, expected: tuple[str, ...], found: tuple[str, ...] | None) -> Fallen:
    if found is None:
        return Fallen(guard, ", ".join(expected), "missing")
    others = [(one, other) for one, other in zip_longest(expected, found, fillvalue="") if one != other]
    return Fallen(guard, ", ".join(one for one, _ in others), ", ".join(other for _, other in others))
