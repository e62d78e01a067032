"""The command, run warm: each run is a process of its own, forked from one that has imported it already.

Most of what a short command takes is importing. A run from here has its own arguments, environment, folder, output,
signals and exit code like any other process; only the imports are shared. Where the interpreter itself is to be told
something by the environment, and where importing is what a test is about, the command is started cold.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import IO

_LENGTH = 4
#: What the interpreter ends with where it cannot write what is left to be written.
_UNFLUSHED = 120
#: Modules that are imported by name, or where a command meets them first.
_FURTHER = (
    "alembic.command",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "psycopg",
    "rich.table",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
)
#: What the interpreter reads as it starts.
_INTERPRETER = ("PYTHON", "LC_", "LANG")


def warmable(settings: Mapping[str, str]) -> bool:
    """Whether these settings mean nothing to the interpreter itself."""
    return not any(name.startswith(_INTERPRETER) for name in settings)


class Warm:
    """A process that has imported the command, and forks a run of it when asked to."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        atexit.register(self.close)

    def run(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], patience: float
    ) -> tuple[int, str, str]:
        """Run the command to its end: exit code, standard output, standard error."""
        with tempfile.TemporaryFile("w+", newline="") as out, tempfile.TemporaryFile("w+", newline="") as err:
            order = json.dumps([list(arguments), str(folder), dict(environment)]).encode()
            socket.send_fds(self._ours, [len(order).to_bytes(_LENGTH, "big")], [out.fileno(), err.fileno()])
            self._ours.sendall(order)
            self._ours.settimeout(patience)
            code = int.from_bytes(_read(self._ours, _LENGTH), "big", signed=True)
            return code, _content(out), _content(err)

    def close(self) -> None:
        """End the process."""
        self._ours.close()
        self._process.wait()


def serve(connection: socket.socket) -> None:
    """Fork a run for each order, until nobody is left who gives any."""
    while True:
        head, outputs, _, _ = socket.recv_fds(connection, _LENGTH, 2)
        if not head:
            return
        arguments, folder, environment = json.loads(_read(connection, int.from_bytes(head, "big")))
        child = os.fork()
        if child == 0:
            connection.close()
            _become(arguments, folder, environment, outputs)
            return
        for descriptor in outputs:
            os.close(descriptor)
        _, status = os.waitpid(child, 0)
        connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(_LENGTH, "big", signed=True))


def _become(arguments: Sequence[str], folder: str, environment: Mapping[str, str], outputs: Sequence[int]) -> None:
    """Be the command from here on."""
    from inbox_lifecycle.cli import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for target, descriptor in zip((sys.stdout.fileno(), sys.stderr.fileno()), outputs, strict=True):
        os.dup2(descriptor, target)
        os.close(descriptor)
    sys.argv = ["inbox-lifecycle", *arguments]
    # What it raises ends the interpreter as ever.
    _end(main())


def _end(code: int) -> None:
    """End as the interpreter does: threads, handlers, streams; but take nothing apart, which takes longest."""
    threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - what the interpreter calls
    atexit._run_exitfuncs()  # noqa: SLF001 - as above
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = _UNFLUSHED
    os._exit(code)


def _import_all() -> None:
    """Import what commands import when they run."""
    import typer

    import inbox_lifecycle
    import inbox_lifecycle.cli.app
    import inbox_lifecycle.cli.commands

    for name in inbox_lifecycle.__all__:
        getattr(inbox_lifecycle, name)
    for package in (typer, inbox_lifecycle.cli.commands):
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    for name in _FURTHER:
        import_module(name)
    # What is here stays; a run that ends need not look through it.
    gc.freeze()


def _content(output: IO[str]) -> str:
    output.seek(0)
    return output.read()


def _read(connection: socket.socket, length: int) -> bytes:
    parts: list[bytes] = []
    while (missing := length - sum(map(len, parts))) > 0:
        part = connection.recv(missing)
        if not part:
            raise EOFError("the process that runs commands is gone")
        parts.append(part)
    return b"".join(parts)


if __name__ == "__main__":
    _import_all()
    serve(socket.socket(fileno=int(sys.argv[1])))
