"""Commands for trying it out: the demo, and a provider to develop against."""

from __future__ import annotations

from typing import Annotated

import typer

from inbox_lifecycle.cli.exits import Exit
from inbox_lifecycle.cli.options import DEFAULT_DATABASE, WrongUsage


def demo(
    *,
    database_url: Annotated[
        str, typer.Option(envvar="DATABASE_URL", metavar="URL", help="PostgreSQL to run on, in place of SQLite.")
    ] = DEFAULT_DATABASE,
) -> None:
    """Run the main job for real, against a provider of its own: failures, retries, a race, a crash, the proof.

    Works on an SQLite file that it makes and removes. With a PostgreSQL database it works there, in a schema of its own
    that it leaves for you to look at, and touches nothing else. Takes some seconds; ends with 0 only if everything came
    out as promised.

    Examples:
      inbox-lifecycle demo
      DATABASE_URL=postgresql://me@localhost/app inbox-lifecycle demo
    """
    from inbox_lifecycle.cli.demo import run_demo

    if not run_demo(database_url):
        raise typer.Exit(Exit.DAMAGE_FOUND)


def sandbox(
    *,
    host: Annotated[str, typer.Option(metavar="HOST", help="Where it listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="PORT", help="Any free one where 0.", min=0, max=65535)] = 0,
    api_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="The key it wants; one of its own making unless said.")
    ] = None,
) -> None:
    """Run a provider to develop against, until Ctrl-C or SIGTERM: it speaks Instantly's API from its own state.

    Failures are ordered by POST to /sandbox/failures, for example {"kind": "throttle", "retry_after": 2}.

    Example:
      inbox-lifecycle sandbox --port 8025
    """
    from inbox_lifecycle.testing import serve

    try:
        serve(host, port, api_key=api_key, say=_say)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WrongUsage(f"cannot listen on {host}, port {port}: {error.strerror}") from None


def _say(text: str) -> None:
    # Whoever started it in the background waits for these lines.
    print(text, flush=True)
