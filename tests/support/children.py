"""Real processes beside the test's own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[2]
#: Seconds after which a process that should have ended never will.
_PATIENCE = 120.0


@contextmanager
def child(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a module of the tests; killed at the end if it is still there."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, cwd=_ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_child(module: str, *arguments: str) -> str:
    """What a process wrote, that ran a module of the tests to its end, and ended well."""
    with child(module, *arguments) as process:
        wrote, complained = process.communicate(timeout=_PATIENCE)
        assert process.returncode == 0, complained
        return wrote
