"""Copies of the library with a bug planted in them, and the process that lets checkers loose on such copies."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.planted.trials import Order, Ran, Trial
from tests.support.unidiff import Outdated, Patch, apply_patch, read_patch

ROOT = Path(__file__).parents[2]
PATCHES = ROOT / "tests" / "planted" / "patches"


def patch_of(bug: str) -> Patch:
    """The patch that plants a bug."""
    return read_patch((PATCHES / f"{bug}.patch").read_text(encoding="utf-8"))


def patched(bug: str, root: Path = ROOT) -> dict[str, str]:
    """The sources below a root with a bug in them, by path.

    Raises:
        AssertionError: the source has moved on.
    """
    try:
        return apply_patch(patch_of(bug), root)
    except Outdated as moved_on:
        told = f"tests/planted/patches/{bug}.patch is to be renewed: make its change again in a copy, and `diff -u`"
        raise AssertionError(f"{told}\n{moved_on}") from None


def copy_library(folder: Path, bug: str | None = None) -> Path:
    """A copy of the library with its migrations, and one bug or none."""
    for part in ("src/inbox_lifecycle", "migrations"):
        # But for what other processes are compiling at this moment, which is gone in the next.
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("*.pyc.*"))
    for path, text in ({} if bug is None else patched(bug)).items():
        changed = folder / path
        changed.write_text(text, encoding="utf-8")
        # What was compiled of the sound file must not be taken for this one.
        for compiled in (changed.parent / "__pycache__").glob(f"{changed.stem}.*"):
            compiled.unlink()
    return folder


class Catcher:
    """The process that runs orders; `with catching() as catcher`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, home: Path, trials: Sequence[Trial]) -> Ran:
        """Run trials on the library in a folder, and on no other."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = Order(home=str(home), trials=list(trials))
        self._process.stdin.write(msgspec.json.encode(order).decode() + "\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Ran)


@contextmanager
def catching() -> Iterator[Catcher]:
    """Start the process, and end it."""
    # A missing runtime directory is no fault of ours.
    command = [sys.executable, "-W", "ignore:XDG_RUNTIME_DIR", "-m", "tests.planted.catch"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Catcher(process)
        finally:
            process.kill()
