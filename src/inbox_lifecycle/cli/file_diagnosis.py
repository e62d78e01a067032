"""Who may read and write an SQLite file: it holds addresses, and whoever may write it may take its guards off."""

from __future__ import annotations

import stat
from pathlib import Path

from inbox_lifecycle.cli.findings import Finding, Level
from inbox_lifecycle.cli.opening import file_of
from inbox_lifecycle.cli.options import Place

# What SQLite writes beside the file holds the same.
_BESIDE = ("", "-wal", "-shm")
_CURE = "chmod o-rwx on the file, and on those beside it that end with -wal and -shm"


def look_at_file(place: Place) -> list[Finding]:
    """What everybody on this machine may do with the file; nothing where the database is no file."""
    path = file_of(place)
    if path is None:
        return []
    modes = [_mode(Path(f"{path}{end}")) for end in _BESIDE]
    if any(mode & stat.S_IWOTH for mode in modes):
        return [Finding(Level.ERROR, "file", "everybody on this machine may write it", _CURE)]
    if any(mode & stat.S_IROTH for mode in modes):
        return [Finding(Level.WARNING, "file", "everybody on this machine may read it, addresses included", _CURE)]
    return [Finding(Level.OK, "file", "its user and group alone may read it")]


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        # Not there, or its folder is closed.
        return 0
