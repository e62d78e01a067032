"""The command that writes all of the history, of the attempts or of the feed as text."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from inbox_lifecycle.cli.opening import inboxes
from inbox_lifecycle.cli.options import Operating, Output, Place, read_moment
from inbox_lifecycle.cli.render import show_one
from inbox_lifecycle.cli.writing import whole_file

_WHICH = "Which records"


class What(StrEnum):
    """What can be exported."""

    HISTORY = "history"
    ATTEMPTS = "attempts"
    FEED = "feed"


class Form(StrEnum):
    """How records are written."""

    JSON_LINES = "jsonl"
    CSV = "csv"
    CLOUDEVENTS = "cloudevents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the export is narrowed down to; the inbox's owner and the actor on record, not those of this call."""

    inbox: Annotated[str | None, typer.Option(metavar="ID", help="Only this inbox.", rich_help_panel=_WHICH)] = None
    owner: Annotated[
        str | None, typer.Option(metavar="OWNER", help="Only inboxes of this owner.", rich_help_panel=_WHICH)
    ] = None
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only events of this name, such as inbox.banned; attempts of this kind: start, retry, launch.",
            rich_help_panel=_WHICH,
        ),
    ] = None
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only from then on: 2026-05-01T09:00:00Z.", rich_help_panel=_WHICH),
    ] = None
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only before then.", rich_help_panel=_WHICH)] = None
    actor: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this person did.", rich_help_panel=_WHICH)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the text goes."""

    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write this file, for the user alone to read; it is there once all of it is. Standard output unless"
            " said.",
            dir_okay=False,
        ),
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Write it even if it is there already.")] = False


def export(
    *,
    what: Annotated[What, typer.Argument(help="Events by inbox, attempts by inbox, or events by position.")],
    operating: Operating,
    place: Place,
    filters: Filters,
    target: Target,
    form: Annotated[Form, typer.Option(help="JSON lines, CSV, or CloudEvents 1.0, one a line.")] = Form.JSON_LINES,
    source: Annotated[
        str | None, typer.Option(metavar="URI", help="The source of CloudEvents: what tells this store from others.")
    ] = None,
) -> None:
    """Write all of the history, of the attempts or of the feed as text: a record a line, up to what there is now.

    In CSV a single quote stands before what a spreadsheet would take for a formula. Owners, actors and reasons are in
    the export as they are in the history, addresses never; erasure does not reach what was exported before.

    Examples:
      inbox-lifecycle export history --as-operator olga > history.jsonl
      inbox-lifecycle export attempts --as-operator olga --form csv --owner acme --output attempts.csv
      inbox-lifecycle export feed --as-operator olga --form cloudevents --since 2026-05-01T00:00:00Z
    """
    since, until = _moment("--since", filters.since), _moment("--until", filters.until)
    with inboxes(place) as opened:
        lines = opened.operator(actor=operating.as_operator).export(
            what,
            form=form,
            inbox_id=filters.inbox,
            owner_id=filters.owner,
            name=filters.name,
            since=since,
            until=until,
            actor=filters.actor,
            source=source,
        )
        written = _write(lines, target)
    if target.output is not None:
        show_one(Output(), {"file": str(target.output), "records": written - (form is Form.CSV)})


def _moment(option: str, text: str | None) -> datetime | None:
    return None if text is None else read_moment(option, text)


def _write(lines: Iterator[str], target: Target) -> int:
    """Write them; how many there were."""
    count = 0
    with _opened(target) as write:
        for line in lines:
            write(line)
            count += 1
    return count


@contextmanager
def _opened(target: Target) -> Iterator[Callable[[str], object]]:
    if target.output is None:
        # In UTF-8 as a file is, whatever a terminal would have.
        yield lambda line: sys.stdout.buffer.write(line.encode())
        return
    with whole_file(target.output, force=target.force) as file:
        yield file.write
