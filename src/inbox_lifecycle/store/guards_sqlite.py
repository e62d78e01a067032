"""The guards that stand in an SQLite schema: triggers, unique indexes, and what the tables' own texts say.

A table's text is taken apart into its columns and constraints, as a later migration may add some. Texts are compared
word by word: spaces, line breaks, comments, capitals and quotes around names mean nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from inbox_lifecycle.store.session import Session

GUARDS = "select name, tbl_name, sql from sqlite_schema where sql is not null"

_WORD = re.compile(
    r"""\s+ | --[^\n]* | /\*.*?(?:\*/|\Z)
    | (?P<kept> '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \[[^]]*] | \w+ | . )""",
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
    return [word if word[0] == "'" else word.strip('"').lower() for word in kept]


def _table(table: str, words: Words) -> Iterator[Guard]:
    depth, items = 0, [Words()]
    for word in words:
        depth += (word == "(") - (word == ")")
        if (depth, word) in ((1, "("), (1, ","), (0, ")")):
            items.append([])
        else:
            items[-1].append(word)
    _, *parts, options = items
    yield f"table {table}", (" ".join(options) or "with rowid",)
    for part in filter(None, parts):
        kind, name, *rest = ("constraint", *part[1:]) if part[0] == "constraint" else ("column", *part)
        preposition = "on" if kind == "constraint" else "of"
        yield f"{kind} {name} {preposition} {table}", (" ".join(rest),)
