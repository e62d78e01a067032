"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from inbox_lifecycle.cli.options import WrongUsage


@contextmanager
def whole_file(path: Path, *, force: bool = False) -> Iterator[IO[str]]:
    """A file of text to write, in UTF-8, which only its user may read.

    It is written under another name beside its place, and takes its own at the end of the block, once all of it is on
    disk. Where the block fails there is nothing new, and what was there before is there still.

    Args:
        path: the file; of a symbolic link, where it leads.
        force: write it even if it is there already.

    Raises:
        WrongUsage: it is there already, or cannot be written.
    """
    place = path.resolve()
    _require_free(place, path, force=force)
    try:
        with _beside(place) as part:
            yield part
            part.flush()
            os.fsync(part.fileno())
            _require_free(place, path, force=force)
            Path(part.name).replace(place)
    except OSError as failure:
        raise WrongUsage(f"{path} cannot be written: {failure.strerror}") from None


@contextmanager
def _beside(place: Path) -> Iterator[IO[str]]:
    with tempfile.NamedTemporaryFile(
        "w", dir=place.parent, prefix=".inbox-lifecycle-", suffix=".part", encoding="utf-8", newline="", delete=False
    ) as part:
        try:
            yield part
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def _require_free(place: Path, path: Path, *, force: bool) -> None:
    if not place.exists():
        return
    if not place.is_file():
        # Not even if told to: what takes the name of a device takes its place.
        raise WrongUsage(f"{path} is no file: redirect standard output to it")
    if not force:
        raise WrongUsage(f"{path} is there already: name another file, or say --force")
