"""A process that holds SQLite's write lock on a file until it is told to let go, by a line or by its end.

python -m tests.support.locking_child FILE
"""

from __future__ import annotations

import sqlite3
import sys


def main(file: str) -> None:
    """Lock it."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("begin immediate")
    sys.stdout.write("locked\n")
    sys.stdout.flush()
    sys.stdin.readline()
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
