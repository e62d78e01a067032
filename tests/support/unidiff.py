"""Unified diffs, applied strictly: what a hunk takes away or shows around it stands in the file exactly once.

Line numbers are not looked at, so a patch survives whatever happens elsewhere in its file; there is no fuzz, so it
never lands in a place that only looks like its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")


class Outdated(Exception):
    """The file is not any more what the patch was made for."""


@dataclass(frozen=True)
class Hunk:
    """One change: these lines become those."""

    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass
class Patch:
    """A change of some files, with the words before it."""

    words: str = ""
    files: dict[str, list[Hunk]] = field(default_factory=dict)


def read_patch(text: str) -> Patch:
    """A patch from its text; paths come without their first part, `a` or `b`.

    Raises:
        ValueError: it is not a unified diff of files that exist before and after.
    """
    lines = text.splitlines()
    # Two lines tell it: a line of SQL that is taken away may begin with two dashes of its own.
    starts = [at for at, (one, two) in enumerate(pairwise(lines)) if one.startswith("--- ") and two.startswith("+++ ")]
    if not starts:
        raise ValueError("no file is changed")
    patch = Patch(words="\n".join(lines[: starts[0]]).strip())
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        path = lines[start + 1].removeprefix("+++ b/").split("\t")[0]
        if lines[start].split("\t")[0] != f"--- a/{path}":
            raise ValueError(f"this is not one file before and after: {lines[start]}")
        patch.files[path] = list(_hunks(lines[start + 2 : end]))
    return patch


def apply_patch(patch: Patch, root: Path) -> dict[str, str]:
    """The files as the patch makes them, by path below the root; nothing is written.

    Raises:
        Outdated: a hunk's lines are not in its file, or more than once.
    """
    return {
        path: _changed(path, (root / path).read_text(encoding="utf-8"), hunks) for path, hunks in patch.files.items()
    }


def _hunks(lines: list[str]) -> Iterator[Hunk]:
    starts = [at for at, line in enumerate(lines) if line.startswith("@@")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        head = _HUNK.match(lines[start])
        body = lines[start + 1 : end]
        hunk = Hunk(_side(body, " -"), _side(body, " +"))
        if head is None or (len(hunk.old), len(hunk.new)) != (int(head[1] or 1), int(head[2] or 1)):
            raise ValueError(f"this hunk is not as long as it says: {lines[start]}")
        yield hunk


def _side(body: list[str], marks: str) -> tuple[str, ...]:
    # An empty line of context may have lost its blank on the way.
    return tuple(line[1:] for line in (line or " " for line in body) if line[0] in marks)


def _changed(path: str, text: str, hunks: list[Hunk]) -> str:
    lines = text.splitlines()
    for hunk in hunks:
        length = len(hunk.old)
        places = [at for at in range(len(lines) - length + 1) if tuple(lines[at : at + length]) == hunk.old]
        if len(places) != 1:
            found = "\n".join(hunk.old)
            raise Outdated(f"{path} has these lines {len(places)} times, not once:\n{found}")
        lines[places[0] : places[0] + length] = hunk.new
    return "\n".join(lines) + "\n"
