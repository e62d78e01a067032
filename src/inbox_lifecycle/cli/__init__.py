"""The command line: text in, text out. Nothing is decided here that the library does not decide.

Typer and Rich are an extra, so they are imported when the command runs, not when this package is.
"""

from __future__ import annotations

import sys
from importlib import import_module

_USAGE = 2
_EXTRA = ("typer", "rich")


def main() -> int:
    """Run the command; the exit code."""
    try:
        for name in _EXTRA:
            import_module(name)
    except ModuleNotFoundError as missing:
        if missing.name not in _EXTRA:
            raise
        print("inbox-lifecycle: the command line needs an extra: pip install 'inbox-lifecycle[cli]'", file=sys.stderr)
        return _USAGE
    from inbox_lifecycle.cli.app import run

    return run(sys.argv[1:])
