"""What `doctor` looks at: how a database is set up, then what has piled up in it.

Every look is one statement that reads a few rows of an index, so that it may be run on a busy database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from inbox_lifecycle.cli.backlog import BACKLOG
from inbox_lifecycle.cli.file_diagnosis import look_at_file
from inbox_lifecycle.cli.findings import Check, Finding, Level, Look, checked
from inbox_lifecycle.cli.opening import is_missing
from inbox_lifecycle.cli.options import Place
from inbox_lifecycle.errors import SchemaMismatch, StoreUnavailable
from inbox_lifecycle.facade.assembly import open_database
from inbox_lifecycle.store.diagnosis import DatabaseNow, MissingRights, ReadSettings, ReadStanding, Right
from inbox_lifecycle.store.guards import FallenGuards, expected_guards
from inbox_lifecycle.store.looks import Revision
from inbox_lifecycle.store.roles import Kind, rights_of
from inbox_lifecycle.store.version import HEAD, works_on

UPGRADE: Final = "`inbox-lifecycle db upgrade`, as the tables' owner"
GRANT: Final = "run the service as a role made with `db grant`"
SUPERUSER: Final = "the role is a superuser, whom no guard holds"
OWNER: Final = "the role owns the tables and could drop their guards"
POOLER: Final = "a pooler in transaction mode stands between"
UNPREPARED: Final = (
    "the library's own engine then prepares no statements; an engine of yours must not either "
    "(psycopg: prepare_threshold=None)"
)

#: A difference that nobody minds; past it, events of two hosts carry times in another order than they happened.
_CLOCKS_AGREE: Final = timedelta(seconds=2)
#: From here on what one host writes lies in another's future, which `as_of` refuses.
_CLOCKS_CLASH: Final = timedelta(minutes=5)
_READINGS: Final = 3

_OLDEST_POSTGRESQL: Final = 14
_OLDEST_SQLITE: Final = (3, 35)
#: Of `pragma synchronous`: every commit is on disk before it is told.
_FULL: Final = 2
#: Rights that a line has room for.
_NAMED: Final = 3


def diagnose(place: Place) -> list[Finding]:
    """Look at everything, in the order in which it matters.

    Raises:
        StoreMisconfigured: the URL or its driver is not usable.
    """
    if is_missing(place):
        return [Finding(Level.ERROR, "database", "there is no such SQLite file", UPGRADE)]
    database = open_database(place.database_url, place.schema)
    try:
        return look_at_file(place) + look_around(Look(database))
    finally:
        database.close()


def found_revision(look: Look) -> str | None:
    """The revision of the schema; None where there is none.

    Raises:
        StoreError: the database could not be asked.
    """
    try:
        return look.at(Revision())
    except SchemaMismatch:
        return None


def look_around(look: Look) -> list[Finding]:
    """Look at all there is in a database that is there; where nobody answers, that is the only finding."""
    try:
        # Nothing else is worth asking for where nobody answers.
        look.at(DatabaseNow())
    except StoreUnavailable as silent:
        return [Finding(Level.ERROR, "database", f"did not answer ({silent.why})", "see whether it runs, and the URL")]
    found = checked(look, "schema", _schema)
    there = all(finding.level is Level.OK for finding in found)
    checks = {**_SET_UP[look.is_sqlite], **({**_TABLES[look.is_sqlite], **BACKLOG} if there else {})}
    return found + [finding for about, check in checks.items() for finding in checked(look, about, check)]


def _schema(look: Look) -> Iterator[Finding]:
    revision = found_revision(look)
    if works_on(revision):
        yield Finding(Level.OK, "schema", f"at {revision}; this version needs {HEAD}")
    elif revision is None:
        yield Finding(Level.ERROR, "schema", f"there is none; this version needs {HEAD}", UPGRADE)
    else:
        cure = f"{UPGRADE}, or install the newer library if the schema is ahead"
        yield Finding(Level.ERROR, "schema", f"at {revision}; this version needs {HEAD}", cure)


def _guards(look: Look) -> Iterator[Finding]:
    fallen = look.at(FallenGuards())
    for one in fallen:
        what = f"a guard does not stand: {one.guard}, {one.expected}: {one.found}"
        yield Finding(Level.ERROR, "guards", what, "make it again as the migrations do, then `inbox-lifecycle verify`")
    if not fallen:
        yield Finding(Level.OK, "guards", f"all {len(expected_guards(look.database.backend.dialect.name))} stand")


def _role(look: Look) -> Iterator[Finding]:
    standing = look.at(ReadStanding())
    if standing.superuser or standing.owner:
        yield Finding(Level.WARNING, "role", SUPERUSER if standing.superuser else OWNER, GRANT)
        return
    wanted = dict.fromkeys(rights_of("keeper") + rights_of("auditor"))
    yield _role_finding(look.at(MissingRights(tuple(wanted))))


def _role_finding(missing: tuple[Right, ...]) -> Finding:
    if not _missing_of("keeper", missing):
        return Finding(Level.OK, "role", "a keeper: it appends, erases and prunes")
    lacking = _missing_of("writer", missing)
    if not lacking:
        return Finding(Level.OK, "role", "a writer: it appends, and takes nothing away")
    if not _missing_of("auditor", missing) and _writes() <= {(one.on, one.column, one.privilege) for one in lacking}:
        return Finding(Level.WARNING, "role", "an auditor, which looks and cannot work", f"for a service, {GRANT}")
    more = f"; and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
    cure = "`inbox-lifecycle db grant ROLE --apply`, as the tables' owner, again after each upgrade"
    return Finding(
        Level.ERROR, "role", f"less than a writer, it lacks {'; '.join(map(str, lacking[:_NAMED]))}{more}", cure
    )


def _writes() -> set[tuple[str, str | None, str]]:
    return {right for right in rights_of("writer") if right[2] != "select"}


def _missing_of(kind: Kind, missing: tuple[Right, ...]) -> list[Right]:
    """What of that a kind of role has; the right on the schema and a policy for each table are every kind's."""
    wanted = set(rights_of(kind))
    return [one for one in missing if one.is_every_kinds or (one.on, one.column, one.privilege) in wanted]


def _connection(look: Look) -> Iterator[Finding]:
    standing = look.at(ReadStanding())
    if standing.standby or standing.read_only:
        what = "the server is a standby, which takes no writes" if standing.standby else "the server takes no writes"
        yield Finding(Level.ERROR, "connection", what, "name the primary, without default_transaction_read_only")
    elif not standing.pooled:
        yield Finding(Level.OK, "connection", "straight to a server that takes writes")
    if standing.pooled:
        yield Finding(Level.WARNING, "connection", POOLER, UNPREPARED)


def _clock(look: Look) -> Iterator[Finding]:
    ahead = min((_ahead(look) for _ in range(_READINGS)), key=abs)
    side = "behind" if ahead < timedelta() else "ahead of"
    what = f"this host is {abs(ahead).total_seconds():.1f} s {side} the database"
    if abs(ahead) < _CLOCKS_AGREE:
        yield Finding(Level.OK, "clock", what)
    else:
        level = Level.WARNING if abs(ahead) < _CLOCKS_CLASH else Level.ERROR
        yield Finding(level, "clock", f"{what}: events of several hosts carry times out of order", "set both by NTP")


def _ahead(look: Look) -> timedelta:
    before = look.clock()
    theirs = look.at(DatabaseNow())
    # Theirs was read somewhere between the two of ours.
    return before + (look.clock() - before) / 2 - theirs


def _postgresql_settings(look: Look) -> Iterator[Finding]:
    settings = look.at(ReadSettings())
    version = int(settings["server_version_num"]) // 10000
    yield _server(f"PostgreSQL {version}", f"PostgreSQL {_OLDEST_POSTGRESQL}", fits=version >= _OLDEST_POSTGRESQL)
    off = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if settings.get(name) == "off"]
    cure = "turn on: what was answered as done may be lost, or the database damaged, when the machine fails"
    yield _durability(f"off: {', '.join(off)}" if off else None, cure)


def _sqlite_settings(look: Look) -> Iterator[Finding]:
    settings = look.at(ReadSettings())
    version = settings["sqlite_version"]
    fits = tuple(map(int, version.split(".")[:2])) >= _OLDEST_SQLITE
    yield _server(f"SQLite {version}", f"SQLite {'.'.join(map(str, _OLDEST_SQLITE))}", fits=fits)
    if settings["journal_mode"] not in ("wal", "memory"):
        cure = "put the file on a local disk: without a write-ahead log readers and the writer wait for each other"
        yield Finding(Level.WARNING, "journal", f"journal_mode is {settings['journal_mode']}, not wal", cure)
    else:
        yield Finding(Level.OK, "journal", settings["journal_mode"])
    what = None if int(settings["synchronous"]) >= _FULL else "synchronous is not full"
    yield _durability(what, "pass an engine that sets it: a power failure may undo the last commits")


def _server(found: str, oldest: str, *, fits: bool) -> Finding:
    return Finding(Level.OK, "server", found) if fits else Finding(Level.ERROR, "server", found, f"{oldest} or newer")


def _durability(what: str | None, cure: str) -> Finding:
    if what is None:
        return Finding(Level.OK, "durability", "commits are on disk before they are told")
    return Finding(Level.WARNING, "durability", what, cure)


#: By whether the database is SQLite: what can be looked at without our tables, and what cannot.
_SET_UP: Final[Mapping[bool, Mapping[str, Check]]] = {
    True: {"server": _sqlite_settings},
    False: {"connection": _connection, "server": _postgresql_settings, "clock": _clock},
}
_TABLES: Final[Mapping[bool, Mapping[str, Check]]] = {
    True: {"guards": _guards},
    False: {"guards": _guards, "role": _role},
}
