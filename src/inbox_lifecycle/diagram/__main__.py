"""`python -m inbox_lifecycle.diagram [--check] DIR`: draw the pictures into a directory, or name the stale ones."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from inbox_lifecycle.diagram import drawings


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 if a check found something stale."""
    parser = ArgumentParser(prog="python -m inbox_lifecycle.diagram", description="Draw the pictures from the rules.")
    parser.add_argument("directory", type=Path, help="where the pictures are")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name what is stale")
    asked = parser.parse_args(arguments)
    if asked.check:
        return _check(asked.directory)
    _write(asked.directory)
    return 0


def stale(directory: Path) -> tuple[str, ...]:
    """Names of the pictures that are missing, or not what the rules give."""
    return tuple(name for name, drawn in drawings().items() if _kept(directory / name) != drawn.encode())


def _check(directory: Path) -> int:
    names = stale(directory)
    for name in names:
        sys.stderr.write(f"{directory / name} is stale: run python -m inbox_lifecycle.diagram {directory}\n")
    return 1 if names else 0


def _kept(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, drawn in drawings().items():
        # Bytes, as a text file's line endings would depend on the machine.
        (directory / name).write_bytes(drawn.encode())


if __name__ == "__main__":
    sys.exit(main())
