"""What a test orders of the process that runs patched libraries, and what comes back."""

from __future__ import annotations

import msgspec

#: The exit code of a process whose trials found something.
CAUGHT = 3


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One checker, on one database."""

    checker: str
    #: `sqlite` or `postgresql`.
    kind: str
    url: str
    prefix: str
    #: Whether the database's own guards stay.
    guarded: bool


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Trials of one library."""

    #: The folder with the copy: the library is imported from its `src`, and from nowhere else.
    home: str
    trials: list[Trial]


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How the process with the trials ended."""

    #: 0 where nothing was found, `CAUGHT` where something was; anything else is a crash, which catches nothing.
    code: int
    #: What each trial found, in order; of those that came to their end.
    found: list[list[str]]
    #: Its standard error.
    complained: str
