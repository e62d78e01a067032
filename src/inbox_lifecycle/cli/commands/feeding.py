"""Commands about the feed: giving positions, following it, and what its consumers have put aside."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from inbox_lifecycle.cli.opening import inboxes
from inbox_lifecycle.cli.options import Operating, Output, Place
from inbox_lifecycle.cli.render import as_json, fed_record, parked_record, show_many, show_one

if TYPE_CHECKING:
    from inbox_lifecycle.records import FeedPage

#: Who looks, where nothing that is recorded names it.
_NOBODY = "inbox-lifecycle"

#: Events per page.
_PAGE = 1000
#: Seconds between two looks for more.
_GLANCE = 1.0

_FED_COLUMNS = ("position", "inbox_id", "version", "recorded_at", "name", "to", "actor", "reason")
_PARKED_COLUMNS = ("position", "inbox_id", "version", "name", "error", "tries", "parked_at")

_Limit = Annotated[int | None, typer.Option(metavar="N", help="At most so many events.", min=1)]


def seal(*, operating: Operating, place: Place, output: Output, limit: _Limit = None) -> None:
    """Give the events that wait their positions in the feed.

    Run it from a scheduler; any number of runs may work at once, as one seals and the others leave it to that one.
    "unsealed" tells how many events wait still.

    Example:
      inbox-lifecycle seal --as-operator scheduler
    """
    with inboxes(place) as opened:
        done = opened.operator(actor=operating.as_operator).seal(limit=limit)
    show_one(output, done.as_dict())


def feed(
    *,
    operating: Operating,
    place: Place,
    output: Output,
    after: Annotated[
        int | None, typer.Option(metavar="N", help="Begin after this position; at the first unless said.", min=-1)
    ] = None,
    limit: _Limit = None,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more, until Ctrl-C.")] = False,
) -> None:
    """Show all events in the order of their positions, having given them to those that waited.

    As JSON it is one event a line. Whoever goes on after the last position misses none and sees no inbox go backwards.

    Examples:
      inbox-lifecycle feed --as-operator olga --after 41 --limit 100
      inbox-lifecycle feed --as-operator olga --follow
    """
    with inboxes(place) as opened:
        operator, left = opened.operator(actor=operating.as_operator), limit
        while left is None or left > 0:
            page = operator.feed(after=after, limit=_PAGE if left is None else min(_PAGE, left))
            _show(output, page)
            after = page.next_after
            left = None if left is None else left - len(page.items)
            if not page.items:
                if not follow:
                    break
                time.sleep(_GLANCE)


def parked(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The subscription.")],
    place: Place,
    output: Output,
) -> None:
    """Show the events that a subscription's handler kept failing on, with the type of its last error.

    As JSON it is one event a line. They are parked until the service redelivers them.

    Example:
      inbox-lifecycle parked mailer
    """
    with inboxes(place) as opened:
        events = opened.operator(actor=_NOBODY).parked(name)
        show_many(output, map(parked_record, events), _PARKED_COLUMNS)


def _show(output: Output, page: FeedPage) -> None:
    if page.items:
        show_many(output, map(fed_record, page.items), _FED_COLUMNS)
    if page.unsealed and not as_json(output):
        print(f"{page.unsealed} more wait for their positions: another process is giving them")
    # Whoever follows through a pipe waits for these lines.
    sys.stdout.flush()
