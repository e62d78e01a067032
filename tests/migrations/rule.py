"""The rule for migrations: what each may do to a database on which the code of yesterday is at work.

A migration is one step, in one file and one transaction. But for the first it states its phase:

    PHASE = "expand"     keeps the generation, and running code does not notice it
    PHASE = "contract"   begins a new generation, on which the code of the one before refuses to work

An expand migration leaves everything that is there as it is, and may add. What it adds to a table that is there
already has to bear with code that does not know of it, which is the table below; a table of its own may be anything.
An index is built outside of any transaction (`CONCURRENTLY = True`), or the file names the tables that writers are kept
out of meanwhile (`BLOCKS_WRITERS = ("inbox_feed_queue",)`) and says why that is no harm. A step locks one old table:
with two it could meet a running statement that has one of them and waits for the other.
The catalog cannot tell whether a trigger, or a check, refuses what running code writes: that is tried by running it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, Engine, event

from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.store.migrate import upgrade_by_one
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.store.version import generation_and_serial
from tests.migrations.facts import Fact, Facts, read_facts, tables
from tests.support.databases import TestDatabase

PHASES = ("expand", "contract")

#: What may be added to an old table: kind of fact, which definitions are fine, and what is wrong with the others.
MAY_BE_ADDED: dict[str, tuple[Callable[[str], bool], str]] = {
    "column": (
        lambda said: "not null" not in said or "default " in said or "identity" in said,
        "running code leaves it out: let it be null, or give it a default",
    ),
    "constraint": (
        lambda said: "not valid" in said,
        "old rows are looked at while all calls wait: add it NOT VALID, validate it in a step of its own",
    ),
    "index": (
        lambda said: "unique" not in said and "(invalid)" not in said,
        "running code may write what it refuses: make it unique where a column of the step before is not null",
    ),
    "trigger": (lambda _: True, ""),
    "settings": (lambda _: True, ""),
    "policy": (lambda _: False, "it may hide rows from running code: policies are made by `db grant`"),
}

# Locks that keep writers or everybody out of a table, as a migration holds them until it ends.
_HELD = """
select c.relname, l.mode from pg_locks l join pg_class c on c.oid = l.relation
where l.pid = pg_backend_pid() and c.relkind = 'r' and c.relnamespace = 'inbox_lifecycle'::regnamespace
  and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""

#: Modes by table.
Held = dict[str, set[str]]


def number_after(revision: str, phase: str) -> str:
    """The revision of a migration that follows another."""
    numbers = generation_and_serial(revision)
    assert numbers, revision
    return f"{numbers[0] + (phase == 'contract')}.{numbers[1] + 1:04}"


def generation(revision: str) -> int:
    """The generation of a revision."""
    numbers = generation_and_serial(revision)
    assert numbers, revision
    return numbers[0]


def chain(migrations: Path) -> list[Script]:
    """The migrations of a folder, first to last."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return list(reversed(list(ScriptDirectory.from_config(config).walk_revisions())))


def wrongly_stated(scripts: Sequence[Script]) -> list[str]:
    """What files state against the rule: phase, number and name."""
    wrong = [
        f"{script.revision} stands in {Path(script.path).name}: begin its name with the serial"
        for script in scripts
        if not Path(script.path).name.startswith(f"{script.revision.partition('.')[2]}_")
    ]
    for before, script in pairwise(scripts):
        phase = phase_of(script) or ""
        expected = number_after(before.revision, phase)
        if phase not in PHASES:
            wrong.append(f"{script.revision} states no phase: say PHASE = 'expand' or PHASE = 'contract'")
        elif script.revision != expected:
            wrong.append(f"{script.revision} is a wrong number: {phase} after {before.revision} is {expected}")
    return wrong


def phase_of(script: Script) -> str | None:
    """What the file states."""
    phase: str | None = getattr(script.module, "PHASE", None)
    return phase


def noticed(migrations: Path, database: TestDatabase) -> list[str]:
    """Upgrade step by step; what running code would notice of the expand migrations among the steps."""
    steps = {script.revision: script for script in chain(migrations)}
    breaches: list[str] = []
    with _watched(database) as (engine, held):
        backend = backend_for(engine.dialect)
        before, ran, fresh = read_facts(database), True, set[Fact]()
        while ran:
            held.clear()
            revision, ran = upgrade_by_one(engine, backend, migrations)
            after, step = read_facts(database), steps[revision]
            if phase_of(step) == "expand":
                told = getattr(step.module, "BLOCKS_WRITERS", ())
                kept = {table: modes for table, modes in held.items() if table in tables(before)}
                found = (*judge(before, after, fresh), *_in_the_way(kept, told))
                breaches += [f"{revision}: {breach}" for breach in found]
            before, fresh = after, {fact for fact in after if fact.kind == "column" and fact not in before}
    return breaches


def judge(before: Facts, after: Facts, fresh: Collection[Fact] = ()) -> list[str]:
    """What an expand migration did against the rule.

    Args:
        before: what there was.
        after: what there is.
        fresh: columns that the step before has added, which no running code fills.
    """
    gone = [f"{fact} is gone" for fact in before if fact not in after]
    changed = [
        f"{fact} is another now"
        for fact in before
        if fact in after and after[fact] not in (before[fact], _validated(before[fact]))
    ]
    old = tables(before)
    added = [
        _judge_added(fact, said, fresh) for fact, said in after.items() if fact not in before and fact.table in old
    ]
    return [*gone, *changed, *filter(None, added)]


def _judge_added(fact: Fact, said: str, fresh: Collection[Fact]) -> str:
    fine, otherwise = MAY_BE_ADDED[fact.kind]
    if fact.kind == "index" and any(_only_where_filled(said.lower(), column) for column in fresh):
        said = said.lower().replace("unique", "")
    return "" if fine(said.lower()) else f"{fact}: {otherwise}"


def _only_where_filled(said: str, column: Fact) -> bool:
    """Whether an index leaves out the rows in which a column is empty."""
    return re.search(rf"where .*\b{column.name} is not null", " ".join(said.split())) is not None


def _validated(said: str) -> str:
    return said.replace(" (not validated)", "").replace(" NOT VALID", "")


def _in_the_way(held: Held, told: Sequence[str]) -> Iterator[str]:
    for table, modes in sorted(held.items()):
        if "ShareLock" in modes and table not in told:
            yield f"an index on {table} is built while writers wait: say CONCURRENTLY = True"
    if len(held) > 1:
        yield f"{' and '.join(sorted(held))} are locked at once, which meets a statement that uses both: one a step"


@contextmanager
def _watched(database: TestDatabase) -> Iterator[tuple[Engine, Held]]:
    """An engine, and the locks that its transactions held when they were committed."""
    engine, held = make_engine(database.url), Held()

    def look(connection: Connection) -> None:
        for table, mode in connection.exec_driver_sql(_HELD):
            held.setdefault(table, set()).add(mode)

    if database.kind == "postgresql":
        event.listen(engine, "commit", look)
    yield engine, held
    engine.dispose()
