"""Commands that take away for good: erasing an inbox, and pruning old attempts."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from inbox_lifecycle.cli.opening import inboxes
from inbox_lifecycle.cli.options import Expected, One, Operating, Output, Place, Trace, WrongUsage, read_span
from inbox_lifecycle.cli.render import inbox_record, show_one


def erase(
    *,
    one: One,
    operating: Operating,
    place: Place,
    trace: Trace,
    expected: Expected,
    output: Output,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Blank everything personal about an inbox for good: address, owner, who and why of its history and attempts.

    The history itself stays and verifies, with the erasure as an event; its reason stays on record, so put nothing
    personal into it. The provider is told nothing: stop the warmup or delete the account there. Backups, exports and
    replicas are out of reach. Asks before it does so, on a terminal.

    Example:
      inbox-lifecycle erase ID --as-operator olga --reason "ticket 4711"
    """
    if not trace.reason:
        raise WrongUsage("an erasure has a reason: --reason TEXT")
    if not yes:
        _confirm(one.needed)
    with inboxes(place, trace) as opened:
        inbox = opened.operator(actor=operating.as_operator).erase(
            one.needed, reason=trace.reason, expected_version=expected.expected_version
        )
        show_one(output, inbox_record(inbox), under="account")


def prune_attempts(
    *,
    operating: Operating,
    place: Place,
    output: Output,
    older_than: Annotated[str, typer.Option(metavar="SPAN", help="How long ago they were closed: 12h, 90d.")],
) -> None:
    """Delete attempts that were closed long ago. Open ones stay, and so do those marked to disable.

    Example:
      inbox-lifecycle prune-attempts --older-than 90d --as-operator olga
    """
    span = read_span("--older-than", older_than)
    with inboxes(place) as opened:
        pruned = opened.operator(actor=operating.as_operator).prune_attempts(span)
    show_one(output, {"pruned": pruned})


def _confirm(inbox_id: str) -> None:
    if not sys.stdin.isatty():
        raise WrongUsage("nobody is there to be asked: say --yes to erase")
    print(f"Erase inbox {inbox_id} for good? Nothing brings it back. [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise WrongUsage("not confirmed: nothing was erased")
