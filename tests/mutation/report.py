"""What came of the mutants, as a page of the docs: counts, the score, and each survivor with why it is harmless."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tests.mutation.mutants import Mutant, Result

#: Why each survivor is harmless, in groups of one reason.
REASONS = Path(__file__).with_name("survivors.toml")
#: The share of mutants that tests must notice, in percent.
WANTED = 90.0


class Survivor(msgspec.Struct, frozen=True):
    """A mutant that no test notices."""

    file: str
    place: str
    before: str
    after: str


class Group(msgspec.Struct, frozen=True):
    """Survivors that are harmless for one reason."""

    because: str
    mutants: list[Survivor]


class _Reasons(msgspec.Struct, frozen=True):
    group: list[Group] = []


class Run(msgspec.Struct, frozen=True):
    """A run: when, how, on what, and what became of each mutant."""

    date: str
    minutes: int
    machine: str
    tool: str
    #: How many mutants change nothing but the words of an error or a log line; they are left out.
    words: int
    results: list[Result]


def groups(path: Path = REASONS) -> list[Group]:
    """The reasons as they are written down."""
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Reasons).group


def score(results: Iterable[Result]) -> float:
    """The share of mutants that were noticed, in percent."""
    noticed = [result.end != "survived" for result in results]
    return 100 * sum(noticed) / len(noticed)


def unexplained(run: Run) -> list[Mutant]:
    """Survivors that no reason is written down for."""
    known = {_key(survivor) for group in groups() for survivor in group.mutants}
    return [result.mutant for result in run.results if result.end == "survived" and _key(result.mutant) not in known]


def _key(one: Survivor | Mutant) -> tuple[str, str, str, str]:
    return one.file, one.place, one.before, one.after


def page(run: Run) -> str:
    """The page."""
    return "\n".join([*_head(run), table(run), *_survivors(run)])


_HEAD = """\
# Mutants

A mutant is a small wrong change of the code. A test that can fail fails on it; one that every test lets pass shows a
line that nothing holds. `make mutants` makes them all, runs the tests that reach each, writes this page, and fails
where fewer than {wanted:.0f} % are noticed.

Last run: {run.date}, `make mutants`, {run.minutes} minutes on {run.machine}.

- *Code* mutants are made by {run.tool}: operators, numbers, texts, arguments, conditions, assignments. Functions with a
  decorator (properties, context managers) and what stands outside functions are not mutated.
- {run.words} more that change nothing but the words of an error, or what is logged, are left out and not counted.
- *SQL* mutants are made by `tests/mutation/sql.py`, since the compare-and-swap lives in texts: every condition of every
  statement taken for true, every comparison turned, every assignment dropped, and locks, `skip locked`, order, limits,
  outer joins and constants changed or removed.
- Each runs against the tests that reach it, on SQLite and on PostgreSQL: at first the cheapest, and where it survives
  those, many more. One that does not end in time counts as noticed and has a column of its own.
"""


def _head(run: Run) -> list[str]:
    return [_HEAD.format(run=run, wanted=WANTED)]


def table(run: Run) -> str:
    """The counts, part by part."""
    rows: dict[str, list[Result]] = defaultdict(list)
    for result in run.results:
        rows[_part(result.mutant)].append(result)
    sums = {
        "**code**": [result for result in run.results if result.mutant.kind == "code"],
        "**SQL**": [result for result in run.results if result.mutant.kind == "sql"],
        "**all**": run.results,
    }
    return "\n".join(
        [
            "| part | mutants | failed a test | ran out of time | survived | noticed |",
            "| --- | --: | --: | --: | --: | --: |",
            *(_row(name, rows[name]) for name in sorted(rows)),
            *(_row(name, results) for name, results in sums.items() if results),
            "",
        ]
    )


def _part(mutant: Mutant) -> str:
    if mutant.kind == "sql":
        return "`store`, its SQL"
    if mutant.file == "store/schema.py":
        return "`store/schema.py`, the tables' metadata"
    return f"`{mutant.file.partition('/')[0]}`"


def _row(name: str, results: list[Result]) -> str:
    ends = [result.end for result in results]
    counts = " | ".join(f"{ends.count(end):,}" for end in ("killed", "timeout", "survived"))
    return f"| {name} | {len(results):,} | {counts} | {score(results):.1f} % |"


def _survivors(run: Run) -> list[str]:
    alive = {_key(result.mutant) for result in run.results if result.end == "survived"}
    lines = ["## Survivors", "", "Each with the reason it is harmless.", ""]
    for group in groups():
        standing = [survivor for survivor in group.mutants if _key(survivor) in alive]
        if standing:
            lines += [f"### {group.because}", "", *map(_entry, standing), ""]
    left = unexplained(run)
    if left:
        lines += ["### Not looked into", "", *map(_entry, left), ""]
    return lines


def _entry(one: Survivor | Mutant) -> str:
    after = f"`{one.after}`" if one.after else "nothing"
    return f"- `{one.file}` `{one.place}`: `{one.before}` becomes {after}"
