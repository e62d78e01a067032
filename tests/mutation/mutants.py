"""What a mutant is, and what became of it."""

from __future__ import annotations

from typing import Literal

import msgspec

#: The place of the job that changes nothing.
NOTHING = "nothing"


class Mutant(msgspec.Struct, frozen=True, kw_only=True):
    """One change that a test ought to notice."""

    #: `code` of mutmut's making, or `sql` of ours.
    kind: Literal["code", "sql"]
    #: Below the package.
    file: str
    #: The function, or the statement's name.
    place: str
    before: str
    after: str
    #: What makes it the code that runs: mutmut's name of it, or the mutated statement.
    switch: str
    #: The function or statement that a test must reach to notice it.
    reached_as: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A mutant's end."""

    mutant: Mutant
    #: One that no test reaches has survived.
    end: Literal["killed", "timeout", "survived"]
    #: The test that failed.
    killer: str | None = None
    #: How many tests ran.
    tests: int = 0
