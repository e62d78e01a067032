"""The guards that stand in an SQLite schema: triggers, unique indexes, and what the tables' own texts say.

A table's text is taken apart into its columns and constraints, as a later migration may add some. Texts are compared
word by word: spaces, line breaks, comments and capitals mean nothing. Quotes do: in `entry "not" "null"` stands the
name of a type.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from inbox_lifecycle.store.session import Session
from inbox_lifecycle.store.version import VERSION_TABLE

# SQLite and Alembic each keep a table of their own here, which guard nothing.
GUARDS = f"""
select name, tbl_name, sql from sqlite_schema
where sql is not null and name not in ('sqlite_sequence', '{VERSION_TABLE}')
"""  # noqa: S608 - our own name

_WORD = re.compile(
    r"""\s+ | --[^\n]* | /\*.*?(?:\*/|\Z)
    | (?P<kept> '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^]]*] | [<>=!|]+ | \w+ | . )""",
    re.DOTALL | re.VERBOSE,
)

Words = list[str]
Guard = tuple[str, tuple[str, ...]]


def read_guards(session: Session) -> dict[str, tuple[str, ...]]:
    """What stands in the schema: each guard's definition, in clauses, by its name."""
    return {guard: clauses for row in session.all(GUARDS) for guard, clauses in _guards(*row)}


def _guards(name: str, table: str, sql: str) -> Iterator[Guard]:
    words = _words(sql)
    match words[:3]:
        case ["create", "trigger", _]:
            source = hashlib.sha256(" ".join(words).encode(errors="surrogatepass"))
            yield f"trigger {name} on {table}", (f"source {source.hexdigest()}",)
        case ["create", "unique", "index"]:
            yield f"unique index {name} on {table}", (" ".join(words[words.index("on") :]),)
        case ["create", "table", _]:
            yield from _table(table, words)


def _words(sql: str) -> Words:
    kept = (word["kept"] for word in _WORD.finditer(sql) if word["kept"])
    return [word if word[0] in "'\"`[" else word.lower() for word in kept]


def _table(table: str, words: Words) -> Iterator[Guard]:
    depth, items = 0, [Words()]
    for word in words:
        depth += (word == "(") - (word == ")")
        if (depth, word) in ((1, "("), (1, ","), (0, ")")):
            items.append([])
        else:
            items[-1].append(word)
    yield f"table {table}", (" ".join(items[-1]) or "with rowid",)
    for part in items[1:-1]:
        match part:
            case ["constraint", name, *definition]:
                yield f"constraint {name} on {table}", (" ".join(definition),)
            # One that has a type and nothing else guards nothing.
            case [name, _, _, *_]:
                yield f"column {name} of {table}", (" ".join(part[1:]),)
