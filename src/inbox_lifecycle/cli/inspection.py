"""A look at a database's set-up, for `db check`: what `doctor` looks at first, without its backlog."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from inbox_lifecycle.cli.diagnosis import GRANT, OWNER, POOLER, SUPERUSER, UNPREPARED, found_revision
from inbox_lifecycle.cli.findings import Look
from inbox_lifecycle.cli.opening import is_missing
from inbox_lifecycle.cli.options import Place
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.store.diagnosis import ReadStanding
from inbox_lifecycle.store.guards import FallenGuards
from inbox_lifecycle.store.version import HEAD, works_on

_FALLEN = "a guard does not stand, so make it again as the migrations do, and verify: {guard}, {expected}: {found}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found."""

    #: `postgresql` or `sqlite`.
    database: str
    #: The PostgreSQL schema that was looked into.
    schema: str | None
    #: The revision found; None where there is no schema of ours.
    found: str | None
    needed: str
    warnings: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Whether this version works on it."""
        return works_on(self.found)

    def as_dict(self) -> dict[str, object]:
        """The findings as JSON-ready values."""
        return {**asdict(self), "works": self.works}


def inspect(place: Place) -> Inspection:
    """Look.

    Raises:
        StoreError: the database could not be asked.
    """
    if is_missing(place):
        return Inspection(database="sqlite", schema=None, found=None, needed=HEAD, warnings=())
    database = open_database(place.database_url, place.schema)
    try:
        return _inspect(Look(database))
    finally:
        database.close()


def _inspect(look: Look) -> Inspection:
    found = found_revision(look)
    warnings = [] if look.is_sqlite else _postgresql_warnings(look)
    if works_on(found):
        warnings += _fallen_guards(look)
    backend = look.database.backend
    return Inspection(
        database=backend.dialect.name, schema=backend.schema, found=found, needed=HEAD, warnings=tuple(warnings)
    )


def _fallen_guards(look: Look) -> list[str]:
    fallen = look.at(FallenGuards())
    return [_FALLEN.format(guard=one.guard, expected=one.expected, found=one.found) for one in fallen]


def _postgresql_warnings(look: Look) -> list[str]:
    standing = look.at(ReadStanding())
    said = (
        (standing.pooled, POOLER, UNPREPARED),
        (standing.superuser, SUPERUSER, GRANT),
        (standing.owner and not standing.superuser, OWNER, GRANT),
    )
    return [f"{what}: {cure}" for holds, what, cure in said if holds]
