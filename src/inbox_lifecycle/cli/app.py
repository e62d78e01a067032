"""The lifecycle of sending inboxes: warm them up, retry safely, and prove what happened.

Results go to standard output, as a table on a terminal and as JSON elsewhere (--format). What goes wrong is one line
on standard error, and the exit code says which answer it was.

Examples:
  inbox-lifecycle demo
  inbox-lifecycle db upgrade
  inbox-lifecycle register ana@mail.example.com --owner acme
  inbox-lifecycle retry-warmup --id ID --owner acme
  inbox-lifecycle retry-stuck --as-operator olga
  inbox-lifecycle history ID --as-operator olga
"""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from itertools import takewhile
from types import FrameType
from typing import Annotated, Any

import typer
from typer.main import get_command

from inbox_lifecycle import __version__
from inbox_lifecycle.cli.commands import Asked
from inbox_lifecycle.cli.exits import MEANINGS, Exit, exit_for, message_for
from inbox_lifecycle.cli.flattening import Help, help_text
from inbox_lifecycle.cli.options import OutputClosed, Unfinished, WrongUsage
from inbox_lifecycle.cli.render import printable
from inbox_lifecycle.cli.streams import discard, is_about_output, open_missing
from inbox_lifecycle.errors import InboxLifecycleError

NAME = "inbox-lifecycle"
#: By this variable a shell asks for completion.
COMPLETING = "_INBOX_LIFECYCLE_COMPLETE"

_EXIT_CODES = "\n".join(f"{code:>4}  {meaning}" for code, meaning in MEANINGS.items())
_ADDRESS = re.compile(r"[^\s'\"(]*@[^\s'\")]*")
_DEBUG = "INBOX_LIFECYCLE_DEBUG"
_HELP = {"-h", "--help"}


class _Stopped(SystemExit):
    """Ctrl-C or SIGTERM; raised, so that a warmup that the provider has accepted is still recorded.

    Not as a KeyboardInterrupt, of which Typer makes something else in every other release.
    """

    def __init__(self, number: int) -> None:
        self.exit = Exit.INTERRUPTED if number == signal.SIGINT else Exit.TERMINATED
        self.word = "interrupted" if number == signal.SIGINT else "terminated"
        super().__init__(int(self.exit))


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - Typer passes an option's value by position
    if wanted:
        print(f"{NAME} {__version__}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
    help_wanted: Help = False,
) -> None:
    del version, help_wanted


def command_for(arguments: Sequence[str]) -> Any:
    """The command line, as far as these arguments need it: see `Asked`."""
    app = typer.Typer(
        name=NAME,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        epilog=f"Exit codes:\n\n{_EXIT_CODES}",
    )
    app.callback(help=help_text(__doc__))(_options)
    _asked(arguments).add(app)
    return get_command(app)


def _asked(arguments: Sequence[str]) -> Asked:
    if os.environ.get(COMPLETING):
        return Asked(everything=True)
    before = list(takewhile(_is_option, arguments))
    # Help that is asked for before any command is that of all commands.
    words = () if _HELP & set(before) else [word for word in arguments if not _is_option(word)]
    return Asked(words, told=bool(_HELP & set(arguments)))


def _is_option(argument: str) -> bool:
    return argument.startswith("-")


def run(arguments: list[str]) -> int:
    """Run one command; its exit code."""
    open_missing()
    logging.basicConfig(format=f"{NAME}: %(message)s", level=logging.WARNING)
    # A stop that comes while a connection is given back goes on to whoever waits, and SQLAlchemy logs where it came.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter shows its number.
        getattr(stream, "reconfigure", _nothing)(errors="backslashreplace")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    if os.environ.get(COMPLETING):
        from inbox_lifecycle.cli.commands.completing import prepare

        prepare()
    try:
        return _flushed(_run(arguments or ["--help"]))
    except (BrokenPipeError, OutputClosed):
        discard(sys.stdout)
        return Exit.OUTPUT_CLOSED


def _flushed(code: int) -> int:
    """The code, or another where not all of the output could be written."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as failure:
        return _fail_to_write(failure)
    return code


def _fail_to_write(failure: OSError) -> int:
    discard(sys.stdout)
    return _fail(f"cannot write the output: {failure.strerror}", Exit.OUTPUT_FAILED)


def _run(arguments: list[str]) -> int:
    try:
        return int(command_for(arguments)(arguments, prog_name=NAME, standalone_mode=False) or 0)
    except OutputClosed:
        raise
    except _Stopped as stopped:
        return _fail(": ".join((stopped.word, *getattr(stopped, "__notes__", ()))), stopped.exit)
    except Unfinished as unfinished:
        return _fail(str(unfinished), unfinished.code)
    except SystemExit as ended:
        # Typer and Rich end the process themselves where nobody reads on.
        if isinstance(ended.__context__, BrokenPipeError):
            raise OutputClosed from None
        raise
    except WrongUsage as wrong:
        return _fail(f"{wrong} (see {NAME} {wrong.command} --help)", Exit.USAGE)
    except InboxLifecycleError as error:
        return _fail(message_for(error), exit_for(error))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - nobody on a terminal wants a traceback
        return _fail_to_write(error) if is_about_output(error) else _fail_otherwise(error)


def _fail_otherwise(error: Any) -> int:
    # Typer's own usage errors have no public base class of one name across its releases, but one method.
    if hasattr(error, "format_message"):
        return _fail(_usage(error), Exit.USAGE)
    if os.environ.get(_DEBUG):
        traceback.print_exception(error)
    # Not its text: what a foreign error says may hold an address or a key.
    return _fail(f"{type(error).__name__}, which is a bug: set {_DEBUG}=1 to see where", Exit.BUG)


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    path = NAME if context is None else context.command_path
    said = _ADDRESS.sub("...", " ".join(error.format_message().split())).rstrip(".")
    return f"{said} (see {path} --help)"


def _fail(message: str, code: int) -> int:
    prefix = f"\x1b[1;31m{NAME}:\x1b[0m" if _in_colour() else f"{NAME}:"
    try:
        print(f"{prefix} {printable(message)}", file=sys.stderr)
    except OSError:
        # The code says it still.
        discard(sys.stderr)
    return code


def _in_colour() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _stop(number: int, frame: FrameType | None) -> None:
    del frame
    raise _Stopped(number)


def _nothing(**_settings: str) -> None:
    pass
