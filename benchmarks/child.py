"""Measuring in a process of its own, whose memory and imports are its own.

A function to be measured is named `module:function`. It prepares what it needs, and gives the work to be timed, which
says how many units it did:

    def replay(path: str) -> Callable[[], float]:
        connection = sqlite3.connect(path)
        return lambda: sum(1 for _ in connection.execute("select entry from inbox_events"))

    Stage(name="fetch", role=Role.LIMIT, measure=lambda: in_child("benchmarks.replay:replay", path="history.db"))
"""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.harness import Measured

_STATUS = Path("/proc/self/status")


def in_child(function: str, **arguments: Any) -> Measured:
    """What the function's work took in a new Python; arguments are anything that JSON can hold."""
    command = [sys.executable, "-m", "benchmarks.child", function, msgspec.json.encode(arguments).decode()]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own
    return msgspec.json.decode(done.stdout, type=Measured)


def measure(work: Callable[[], float]) -> Measured:
    """Do the work once, here and now."""
    gc.collect()
    before = _forget_peak()
    cpu, began = time.process_time(), time.perf_counter()
    units = work()
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    return Measured(units=units, seconds=seconds, cpu=spent, peak=max(0.0, _peak() - before))


def _forget_peak() -> float:
    """MiB in memory now, from where the peak counts; without procfs, the peak so far."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return _peak()
    return _told("VmRSS")


def _peak() -> float:
    if _STATUS.exists():
        return _told("VmHWM")
    # Bytes on macOS, kilobytes elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _told(name: str) -> float:
    lines = _STATUS.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 2**10


def main() -> None:
    """Measure what the command line names, and print it."""
    name, arguments = sys.argv[1:]
    module, _, function = name.partition(":")
    work = getattr(import_module(module), function)(**msgspec.json.decode(arguments))
    sys.stdout.buffer.write(msgspec.json.encode(measure(work)))


if __name__ == "__main__":
    main()
