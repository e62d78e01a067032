"""Commands that only look."""

from __future__ import annotations

from typing import Annotated

import typer

from inbox_lifecycle.cli.options import (
    One,
    Output,
    Reach,
    Viewer,
    complete_status,
    complete_warmup_status,
    read_moment,
)
from inbox_lifecycle.cli.remote import seen_by
from inbox_lifecycle.cli.render import (
    ATTEMPT_COLUMNS,
    EVENT_COLUMNS,
    INBOX_COLUMNS,
    as_json,
    attempt_record,
    event_record,
    inbox_record,
    print_json,
    print_table,
    show_many,
    show_one,
)


def show(one: One, viewer: Viewer, reach: Reach, output: Output) -> None:
    """Show an inbox.

    Examples:
      inbox-lifecycle show ID --owner acme
      INBOX_LIFECYCLE_TOKEN=... inbox-lifecycle show ID --api https://host.example.com/api
    """
    with seen_by(viewer, reach) as seen:
        show_one(output, inbox_record(seen.calls.get(one.needed, **seen.scope)), under="account")


def find(
    viewer: Viewer,
    reach: Reach,
    output: Output,
    *,
    status: Annotated[
        str | None,
        typer.Option(
            metavar="WORD", help="Only these: pending, warming, active, banned.", autocompletion=complete_status
        ),
    ] = None,
    warmup_status: Annotated[
        str | None,
        typer.Option(
            metavar="WORD",
            help="Only these: not_started, warming, active, banned.",
            autocompletion=complete_warmup_status,
        ),
    ] = None,
    domain: Annotated[str | None, typer.Option(metavar="DOMAIN", help="Only addresses of this domain.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", help="At most so many, up to 1000.")] = 100,
    after: Annotated[str | None, typer.Option(metavar="MARK", help="Go on where the last page ended.")] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="Find and show them as they were then: 2026-05-01T09:00:00Z.")
    ] = None,
) -> None:
    """Find inboxes, newest first.

    As JSON it is one document, {"accounts": [...], "next_after": MARK or null}.

    Examples:
      inbox-lifecycle find --as-operator olga --status pending --domain mail.example.com
      inbox-lifecycle find --as-operator olga --status warming --as-of 2026-05-01T09:00:00Z
    """
    moment = None if as_of is None else read_moment("--as-of", as_of)
    with seen_by(viewer, reach) as seen:
        page = seen.calls.find(
            **seen.scope,
            status=status,
            warmup_status=warmup_status,
            domain=domain,
            limit=limit,
            after=after,
            **({} if moment is None else {"as_of": moment}),
        )
    records = [inbox_record(inbox) for inbox in page.items]
    if as_json(output):
        print_json({"accounts": records, "next_after": page.next_after})
        return
    print_table(records, INBOX_COLUMNS)
    if page.next_after is not None:
        print(f"there are more: --after {page.next_after}")


def history(one: One, viewer: Viewer, reach: Reach, output: Output) -> None:
    """Show what happened to an inbox, event by event.

    As JSON it is one event a line. "entry" holds the bytes as written, and "hash" is SHA-256 of a zero byte and these.

    Example:
      inbox-lifecycle history ID --as-operator olga --format json
    """
    with seen_by(viewer, reach) as seen:
        events = seen.calls.history(one.needed, **seen.scope)
        show_many(output, map(event_record, events), EVENT_COLUMNS)


def attempts(one: One, viewer: Viewer, reach: Reach, output: Output) -> None:
    """Show every call that asked for an inbox's warmup, and how it ended.

    As JSON it is one attempt a line. One without an outcome is in flight, or waits for `reconcile`.

    Example:
      inbox-lifecycle attempts ID --owner acme
    """
    with seen_by(viewer, reach) as seen:
        made = seen.calls.attempts(one.needed, **seen.scope)
        show_many(output, map(attempt_record, made), ATTEMPT_COLUMNS)
