"""Commands that look back: an inbox as it was, what changed since, and why it is as it is."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from inbox_lifecycle.cli.opening import view
from inbox_lifecycle.cli.options import Caller, One, Output, Place, WrongUsage, read_moment
from inbox_lifecycle.cli.render import (
    EVENT_COLUMNS,
    Record,
    as_json,
    attempt_record,
    event_record,
    inbox_record,
    print_fields,
    print_json,
    print_table,
    show_one,
)

if TYPE_CHECKING:
    from inbox_lifecycle import Diff, Why

_VERSION = re.compile(r"\d{1,18}", re.ASCII)


def as_of(
    one: One,
    caller: Caller,
    place: Place,
    output: Output,
    *,
    version: Annotated[int | None, typer.Option(metavar="N", help="As event N left it, from 1 on.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="As it was then: 2026-05-01T09:00:00Z.")] = None,
    position: Annotated[
        int | None, typer.Option(metavar="N", help="As the feed tells it up to and including position N.")
    ] = None,
) -> None:
    """Show an inbox as it was at one point of its history: a version, a time, or a position of the feed.

    Examples:
      inbox-lifecycle as-of ID --owner acme --at 2026-05-01T09:00:00Z
      inbox-lifecycle as-of ID --as-operator olga --version 2
    """
    if sum(point is not None for point in (version, at, position)) != 1:
        raise WrongUsage("say one point: --version N, --at TIME or --position N")
    moment = None if at is None else read_moment("--at", at)
    with view(place, caller) as seen:
        inbox = seen.calls.as_of(one.needed, **seen.scope, version=version, at=moment, position=position)
    show_one(output, inbox_record(inbox), under="account")


def diff(
    caller: Caller,
    place: Place,
    output: Output,
    *,
    inbox: Annotated[str, typer.Argument(metavar="ID", help="The inbox.")],
    a: Annotated[
        str, typer.Argument(metavar="A", help="From here: a version, or a time such as 2026-05-01T09:00:00Z.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="Up to here: the same.")],
) -> None:
    """Show what happened to an inbox between two points: the fields that changed, and the events that changed them.

    As JSON it is one document, {"before": {...}, "after": {...}, "changed": {...}, "events": [...]}.

    Examples:
      inbox-lifecycle diff ID 1 3 --owner acme
      inbox-lifecycle diff ID 2026-05-01T00:00:00Z 2026-06-01T00:00:00Z --as-operator olga
    """
    points = _read_point("A", a), _read_point("B", b)
    with view(place, caller) as seen:
        found = seen.calls.diff(inbox, *points, **seen.scope)
    record = _diff_record(found)
    if as_json(output):
        print_json(record)
    elif not found.changed:
        print("nothing changed")
    else:
        print_table([{"field": name, **values} for name, values in record["changed"].items()], ("field", "old", "new"))
        print_table(record["events"], EVENT_COLUMNS)


def why(one: One, caller: Caller, place: Place, output: Output) -> None:
    """Show why an inbox is in its state: the event that put it there, who did it, the reason, and the attempt.

    As JSON it is one document, {"account": {...}, "event": {...}, "actor": ..., "reason": ..., "attempt": ...}.

    Example:
      inbox-lifecycle why ID --as-operator olga
    """
    with view(place, caller) as seen:
        found = seen.calls.why(one.needed, **seen.scope)
    if as_json(output):
        print_json(_why_record(found))
    else:
        print_fields(_why_fields(found))


def _read_point(name: str, text: str) -> int | datetime:
    return int(text) if _VERSION.fullmatch(text) else read_moment(f"{name}, unless it is a version,", text)


def _diff_record(found: Diff) -> Record:
    before, after = inbox_record(found.before), inbox_record(found.after)
    return {
        "before": before,
        "after": after,
        "changed": {name: {"old": before[name], "new": after[name]} for name in found.changed},
        "events": [event_record(event) for event in found.events],
    }


def _why_record(found: Why) -> Record:
    return {
        "account": inbox_record(found.inbox),
        "event": event_record(found.event),
        "actor": found.actor,
        "reason": found.reason,
        "attempt": None if found.attempt is None else attempt_record(found.attempt),
    }


def _why_fields(found: Why) -> Record:
    record = _why_record(found)
    account, event, attempt = record["account"], record["event"], record["attempt"] or {}
    return {
        "id": account["id"],
        "status": account["status"],
        "warmup_status": account["warmup_status"],
        "because_of": event["name"],
        "at_version": event["version"],
        "recorded_at": event["recorded_at"],
        "actor": found.actor,
        "reason": found.reason,
        "attempt": attempt.get("id"),
        "kind_of_attempt": attempt.get("kind"),
    }
