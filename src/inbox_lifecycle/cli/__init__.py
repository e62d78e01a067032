"""The command line: text in, text out. Nothing is decided here that the library does not decide.

Typer and Rich are an extra, so they are imported when the command runs, not when this package is.
"""

from __future__ import annotations

import sys

_USAGE = 2
_EXTRA = ("typer", "rich")


def main() -> int:
    """Run the command; the exit code."""
    try:
        from inbox_lifecycle.cli.app import run
    except ModuleNotFoundError as missing:
        if missing.name not in _EXTRA:
            raise
        print("inbox-lifecycle: the command line needs an extra: pip install 'inbox-lifecycle[cli]'", file=sys.stderr)
        return _USAGE
    return run(sys.argv[1:])
