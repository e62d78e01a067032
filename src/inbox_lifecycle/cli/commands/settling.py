"""Settling what calls left open."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

import typer

from inbox_lifecycle.cli.opening import inboxes
from inbox_lifecycle.cli.options import Output, Place, Service
from inbox_lifecycle.cli.render import show_one

#: Who looks, where nothing that is recorded names it.
_NOBODY = "inbox-lifecycle"


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
