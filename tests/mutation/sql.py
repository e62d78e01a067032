"""Mutants of the SQL: mutmut leaves texts outside functions alone, and there the compare-and-swap lives.

A statement is mutated as it runs, with its fragments put together, so a fragment that two statements share makes
mutants of both. Only what is still SQL is made: anything would notice a mutant that is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType

from sqlalchemy import TextClause, text

from inbox_lifecycle.store import postgresql, reads, roles, sqlite
from tests.mutation.mutants import Mutant

MODULES: tuple[ModuleType, ...] = (reads, postgresql, sqlite, roles)

#: Completed by others, and never run by itself.
_UNFINISHED = {"GET"}
_CONDITIONS = "FIND_CONDITIONS"

_TOKEN = re.compile(r"'[^']*'|:\w+|\{\w+\}|\w+|<>|<=|>=|[^\s\w]")
_VERBS = ("select", "insert", "update")
#: What ends a condition at its own depth.
_ENDS = {"where", "order", "limit", "for", "returning", "left", "join", "union", "and", "or", "from", "set", "group"}
_TURNED = {"=": "<>", "<>": "=", "<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_REWRITES = (
    (r"\bis not null\b", "is null"),
    (r"\bis null\b", "is not null"),
    (r"\bis not distinct from\b", "is distinct from"),
    (r"\bnot exists\b", "exists"),
    (r"(?<!not )\bexists(?= \()", "not exists"),
    (r"\bfor update( of \w+)?( skip locked)?", ""),
    (r" skip locked\b", ""),
    (r"\bleft join\b", "join"),
    (r" desc\b", ""),
    (r"(order by [\w.]+)(?! desc)", r"\1 desc"),
    (r" \+ 1\b", ""),
    (r"(limit cast\(:limit as integer\))", r"\1 + 1"),
    (r"limit cast\(:limit as integer\)", ""),
    (r"coalesce\((\w+), ([^()]+|cast\([^()]*\))\)", r"\2"),
    (r"\bunion all\b.*?(?=\n\))", ""),
    (r"'(moved|superseded|launch|pending|banned)'", r"'x\1'"),
    (r"on conflict \(owner_id, domain\) do nothing", ""),
)

Edit = tuple[int, int, str]


def statements() -> Iterator[tuple[ModuleType, str, str]]:
    """Each statement that runs, and each condition that one is completed with: its module, its name and its text."""
    seen: set[str] = set()
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, TextClause):
                yield module, name, value.text
            elif name == _CONDITIONS:
                yield from ((module, f"{name}[{key}]", condition) for key, condition in value.items())
            elif name.isupper() and not name.startswith("_") and name not in _UNFINISHED and _is_new(value, seen):
                seen.add(value)
                yield module, name, value


def _is_new(value: object, seen: set[str]) -> bool:
    return isinstance(value, str) and value not in seen and bool(re.search(r"\b(select|insert|update)\b", value))


def make() -> list[Mutant]:
    """Every mutant of every statement."""
    return [
        Mutant(
            kind="sql",
            file=f"store/{module.__name__.rpartition('.')[2]}.py",
            place=name,
            before=before,
            after=after,
            switch=mutated,
            reached_as=f"sql:{name}",
        )
        for module, name, template in statements()
        for before, after, mutated in _mutations(template, whole=not name.startswith(_CONDITIONS))
    ]


def switch_on(place: str, mutated: str) -> None:
    """Make the mutated text the statement, wherever it was imported."""
    module, name, template = next(one for one in statements() if one[1] == place)
    if name.startswith(_CONDITIONS):
        reads.FIND_CONDITIONS[name[len(_CONDITIONS) + 1 : -1]] = mutated
    elif isinstance(getattr(module, name), TextClause):
        setattr(module, name, text(mutated))
    else:
        for holder in MODULES:
            for held in [held for held, value in vars(holder).items() if isinstance(value, str) and value == template]:
                setattr(holder, held, mutated)


def _mutations(template: str, *, whole: bool) -> Iterator[tuple[str, str, str]]:
    """What is replaced, by what, and the statement with it replaced."""
    made = {template}
    for start, end, replacement in _edits(template, whole=whole):
        mutated = template[:start] + replacement + template[end:]
        if mutated not in made:
            made.add(mutated)
            yield _lines(template, start, end), _lines(mutated, start, start + len(replacement)), mutated


def _edits(template: str, *, whole: bool) -> Iterator[Edit]:
    for start, end in _conditions(template) if whole else [(0, len(template))]:
        yield start, end, "1 = 1"
        for token in _TOKEN.finditer(template, start, end):
            if token[0] in _TURNED:
                yield token.start(), token.end(), _TURNED[token[0]]
    yield from _assignments(template)
    for pattern, replacement in _REWRITES:
        for found in re.finditer(pattern, template, re.DOTALL):
            yield found.start(), found.end(), found.expand(replacement)


def _conditions(template: str) -> Iterator[tuple[int, int]]:
    """Each condition after `where`, `on`, `and`, `or` or the parenthesis of a group, at whatever depth."""
    tokens = list(_TOKEN.finditer(template))
    for place, token in enumerate(tokens[:-1]):
        word, following = token[0], tokens[place + 1][0]
        joins = word in ("where", "on", "and", "or") and following != "conflict"
        if joins or (word == "(" and following not in _VERBS and _is_group(tokens[place + 1 :])):
            last = _last_of_condition(tokens[place + 1 :])
            if last is not None:
                yield tokens[place + 1].start(), last.end()


def _last_of_condition(tokens: list[re.Match[str]]) -> re.Match[str] | None:
    depth, last = 0, None
    for token in tokens:
        # The `from` of `is not distinct from` ends nothing.
        distinct = token[0] == "from" and last is not None and last[0] == "distinct"
        if depth == 0 and token[0] in _ENDS | {")"} and not distinct:
            break
        depth += (token[0] == "(") - (token[0] == ")")
        last = token
    return last


def _is_group(tokens: list[re.Match[str]]) -> bool:
    """Whether what follows a parenthesis is conditions, which `and` or `or` join at its own depth."""
    depth = 0
    for token in tokens:
        if depth == 0 and token[0] in ("and", "or", ")"):
            return token[0] != ")"
        depth += (token[0] == "(") - (token[0] == ")")
    return False


def _assignments(template: str) -> Iterator[Edit]:
    """Each assignment of a `set` that has several, dropped."""
    for found in re.finditer(r"\bset\b(?=\s+\w+ = )", template):
        commas, end = _commas(template, found.end())
        if commas:
            yield found.end(), commas[0] + 1, ""
            for left, right in zip(commas, [*commas[1:], end], strict=True):
                yield left, right, "\n" if right == end else ""


def _commas(template: str, begin: int) -> tuple[list[int], int]:
    commas: list[int] = []
    depth = 0
    for token in _TOKEN.finditer(template, begin):
        if depth == 0 and token[0] in ("where", "from", "returning", ")"):
            return commas, token.start()
        depth += (token[0] == "(") - (token[0] == ")")
        if depth == 0 and token[0] == ",":
            commas.append(token.start())
    return commas, len(template)


def _lines(template: str, start: int, end: int) -> str:
    """The whole lines around a place, on one line."""
    first = template.rfind("\n", 0, start) + 1
    last = template.find("\n", end)
    return " ".join(template[first : last if last >= 0 else len(template)].split())
