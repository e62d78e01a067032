"""Migrations that do not exist yet, planted after the shipped ones: what will come one day, and what must never come.

A planted migration is written to a file in a copy of the migrations' folder, numbered as the rule says unless told
otherwise, so that it runs exactly as a shipped one would.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from inbox_lifecycle.store.migrate import migrations_path
from inbox_lifecycle.store.version import HEAD
from tests.migrations.rule import number_after

_FILE = '''"""{what}"""

from alembic import context, op

revision = {revision!r}
down_revision = {after!r}
{phase}CONCURRENTLY = {concurrently!r}

POSTGRESQL = {postgresql!r}
SQLITE = {sqlite!r}


def upgrade(schema=None):
    concurrently = "concurrently" if context.config.attributes.get("concurrently") else ""
    for statement in SQLITE if schema is None else POSTGRESQL:
        sql = statement.replace("{{s}}", f'"{{schema}}".' if schema else "").replace("{{concurrently}}", concurrently)
        op.get_bind().exec_driver_sql(sql, execution_options={{"no_parameters": True}})
'''


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A migration to come."""

    what: str
    #: None states none.
    phase: str | None = "expand"
    postgresql: tuple[str, ...] = ()
    sqlite: tuple[str, ...] = ()
    concurrently: bool = False
    #: As the rule says where None.
    revision: str | None = None


def on_both(what: str, *statements: str, phase: str | None = "expand", revision: str | None = None) -> Planted:
    """One whose statements are the same on both databases."""
    return Planted(what=what, phase=phase, postgresql=statements, sqlite=statements, revision=revision)


COLUMN = on_both("A new column that may be null.", "alter table {s}inbox_attempts add column note text")
DEFAULT = on_both(
    "A new column that has a default.", "alter table {s}inboxes add column tier text not null default 'free'"
)
TABLE = Planted(
    what="A new table, with a key to an old one.",
    postgresql=(
        "create table {s}inbox_labels (inbox_id uuid not null references {s}inboxes (id), label text not null)",
        "alter table {s}inbox_labels enable row level security",
    ),
    sqlite=("create table inbox_labels (inbox_id text not null references inboxes (id), label text not null)",),
)
_INDEX = (
    # What a run that was broken off left is in the way of the next one.
    "drop index {concurrently} if exists {s}inboxes_updated",
    "create index {concurrently} inboxes_updated on {s}inboxes (updated_at)",
)
INDEX = Planted(
    what="A new index, built while calls go on.",
    postgresql=_INDEX,
    sqlite=tuple(statement.replace("{concurrently} ", "").replace("on {s}", "on ") for statement in _INDEX),
    concurrently=True,
)
GUARD = Planted(
    what="A new guard, which looks at new rows only.",
    postgresql=(
        "alter table {s}inboxes add constraint inboxes_ref_short check (length(provider_ref) < 4097) not valid",
    ),
    sqlite=(
        (
            "create trigger inboxes_ref_short before insert on inboxes when length(new.provider_ref) > 4096"
            " begin select raise(abort, 'inboxes_ref_short'); end"
        ),
    ),
)
VALIDATED = Planted(
    what="The guard has looked at the old rows as well.",
    postgresql=("alter table {s}inboxes validate constraint inboxes_ref_short",),
)
#: What may come in this generation, in this order.
LATER = (COLUMN, DEFAULT, TABLE, INDEX, GUARD, VALIDATED)

#: What begins the next generation: it takes away what the code of today says in its first statement.
CONTRACT = on_both(
    "A column that no code of the new generation speaks of goes.",
    "alter table {s}inbox_attempts drop column causation_id",
    phase="contract",
)


def plant(folder: Path, *planted: Planted) -> Path:
    """The shipped migrations with these after them; the folder to upgrade along."""
    migrations = folder / f"{len(list(folder.glob('*')))}_migrations"
    shutil.copytree(migrations_path(), migrations, ignore=shutil.ignore_patterns("__pycache__"))
    after = HEAD
    for one in planted:
        numbered = replace(one, revision=one.revision or number_after(after, one.phase or "expand"))
        after = _write(migrations / "versions", numbered, after)
    return migrations


def _write(versions: Path, planted: Planted, after: str) -> str:
    assert planted.revision is not None
    text = _FILE.format(
        what=planted.what,
        revision=planted.revision,
        after=after,
        phase="" if planted.phase is None else f"PHASE = {planted.phase!r}\n",
        concurrently=planted.concurrently,
        postgresql=planted.postgresql,
        sqlite=planted.sqlite,
    )
    (versions / f"{planted.revision.partition('.')[2]}_planted.py").write_text(text)
    return planted.revision
