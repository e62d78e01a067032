"""Commands about all inboxes: checking that everything is as it was written, and settling what calls left open."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from inbox_lifecycle.cli.exits import Exit
from inbox_lifecycle.cli.opening import inboxes
from inbox_lifecycle.cli.options import Output, Place, Service, Which
from inbox_lifecycle.cli.render import as_json, make_console, print_fields, print_json, print_table, show_one

if TYPE_CHECKING:
    from inbox_lifecycle.audit.verify import Verification

#: Who looks, where nothing that is recorded names it.
_NOBODY = "inbox-lifecycle"

_FINDING_COLUMNS = ("kind", "inbox_id", "version", "attempt_id", "expected", "found")


def verify(which: Which, place: Place, output: Output) -> None:
    """Check that everything is as it was written: of one inbox, or of all.

    Rows are what their events make them, versions are dense, entries, hashes and chains are whole, commitments open,
    attempts are accounted for. Changes nothing. Ends with 1 if there are findings, and names each broken place.

    Examples:
      inbox-lifecycle verify
      inbox-lifecycle verify ID
    """
    with inboxes(place) as opened, _progress() as progress:
        report = opened.operator(actor=_NOBODY).verify(which.wanted, progress=progress)
    if as_json(output):
        print_json(report.as_dict())
    else:
        print_report(report)
    if not report.clean:
        raise typer.Exit(Exit.DAMAGE_FOUND)


def reconcile(
    place: Place,
    service: Service,
    output: Output,
    *,
    limit: Annotated[int | None, typer.Option(metavar="N", help="Look at so many attempts at most.", min=1)] = None,
) -> None:
    """Settle what calls left open: ask the provider about every attempt past its lease, and act on its behalf.

    Run it from a scheduler; any number of runs may work at once.

    Example:
      inbox-lifecycle reconcile
    """
    with inboxes(place, service=service) as opened:
        done = opened.operator(actor=_NOBODY).reconcile(limit=limit)
    show_one(output, {field.name: getattr(done, field.name) for field in fields(done)})


def print_report(report: Verification) -> None:
    """What was looked at, and what was found."""
    counts = {name: count for name, count in report.as_dict().items() if isinstance(count, int)}
    print_fields(counts | {"findings": len(report.findings)})
    for title, places in (("findings", report.findings), ("worth a look, and no damage", report.notices)):
        if places:
            print(f"\n{title}")
            print_table([place.as_dict() for place in places], _FINDING_COLUMNS)


@contextmanager
def _progress() -> Iterator[Callable[[int], None] | None]:
    """Says how far it is, where somebody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    with make_console(stderr=True).status("verifying") as status:
        yield lambda count: status.update(f"verifying: {count} inboxes so far")
