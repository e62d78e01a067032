"""Makes the archive of a release: `python -m tests.archive NAME`, where NAME is the revision of the schema.

It refuses to write over an archive that is there: what was released stays as it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from inbox_lifecycle import Inboxes, upgrade_schema
from inbox_lifecycle.store.version import HEAD
from tests.archive.history import live_through
from tests.archive.reading import read_everything
from tests.archive.rows import FOLDER, Archive, write_rows
from tests.support.databases import TestDatabase


def make(name: str, home: Path = FOLDER) -> Archive:
    """Make the archive of the revision that the library of today works on; its sums go to the end of the list.

    Raises:
        SystemExit: there is one already, or the library is at another revision.
    """
    folder = home / name
    if name != HEAD:
        raise SystemExit(f"this library writes rows of revision {HEAD}, so that is the name of their archive")
    if folder.exists():
        raise SystemExit(f"{name} is archived already: rows that were released are never written again")
    with tempfile.TemporaryDirectory(dir=home) as unfinished:
        made = Path(unfinished) / name
        made.mkdir()
        _fill(made)
        made.rename(folder)
    archive = Archive(folder)
    with (home / "SHA256SUMS").open("a", encoding="ascii", newline="\n") as sums:
        sums.writelines(f"{digest}  {path}\n" for path, digest in archive.sums().items())
    return archive


def _fill(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        database = TestDatabase("sqlite", f"sqlite:///{Path(scratch) / 'history.db'}", "")
        upgrade_schema(database.url)
        live_through(database)
        write_rows(database, folder)
        with Inboxes(database.url) as inboxes:
            said = read_everything(inboxes, [row["id"] for row in Archive(folder).rows("inboxes")])
    text = json.dumps(said, ensure_ascii=True, indent=1, sort_keys=True) + "\n"
    (folder / "expected.json").write_text(text, encoding="ascii", newline="\n")


def main() -> int:
    """Make one, as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.archive", description=__doc__)
    parser.add_argument("name", help="the revision of the schema, such as 1.0001")
    archive = make(parser.parse_args().name)
    print(f"{archive.folder}: commit it with SHA256SUMS, and say in its README.md what it is")  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
