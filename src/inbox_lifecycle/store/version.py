"""The schema this library works on, as `generation.serial`.

Each migration has a serial of its own, one more than the one before it. Migrations that only add (expand) keep the
generation: code of the same generation works on every later serial, so that a service can be upgraded after its
database. Migrations that take away (contract) raise the generation.
"""

from __future__ import annotations

from inbox_lifecycle.errors import SchemaMismatch

#: The revision that this code was written against.
HEAD = "1.0008"

#: Alembic's version table, in our schema: it must not meet a host's own.
VERSION_TABLE = "inbox_lifecycle_alembic_version"


def works_on(found: str | None) -> bool:
    """Whether this code works on a database at that revision."""
    have, need = generation_and_serial(found), generation_and_serial(HEAD)
    return have is not None and need is not None and have[0] == need[0] and have[1] >= need[1]


def check_revision(found: str | None) -> str:
    """The revision, if this code works on it.

    Raises:
        SchemaMismatch: it does not.
    """
    if found is None or not works_on(found):
        raise SchemaMismatch(found, HEAD)
    return found


def generation_and_serial(revision: str | None) -> tuple[int, int] | None:
    """The two numbers of a revision; None where it is none of ours."""
    generation, _, serial = (revision or "").partition(".")
    if not (generation.isdecimal() and serial.isdecimal()):
        return None
    return int(generation), int(serial)
