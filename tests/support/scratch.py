"""Where the tests' databases lie: in memory, where the machine has room for them there.

Nothing that the tests claim hangs on a disk. What they stage is the end of processes, of a client or of the server,
and what a process has written before its end is there afterwards wherever the file lies; only a power failure would
tell a disk from memory, and no test can stage one.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of a name of its own is made in it
#: Bytes that must be free there: what all workers' databases take, many times over.
_ROOM = 4 << 30


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A folder of a short path, as a server's socket lies in it: those have paths of at most 100 characters or so."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_MEMORY if _has_room(_MEMORY) else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _has_room(place: Path) -> bool:
    return place.is_dir() and shutil.disk_usage(place).free >= _ROOM
