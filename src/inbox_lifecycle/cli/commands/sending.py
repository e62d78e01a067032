"""Commands around sending: what the provider measured, who may send, and launching a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from inbox_lifecycle.cli.opening import view
from inbox_lifecycle.cli.options import Caller, Output, Place, Reach, Service, Trace, Viewer, WrongUsage
from inbox_lifecycle.cli.remote import Remote, correlated, in_doubt, seen_by
from inbox_lifecycle.cli.render import (
    INBOX_COLUMNS,
    Record,
    as_json,
    inbox_record,
    print_json,
    print_table,
    show_one,
)

if TYPE_CHECKING:
    from inbox_lifecycle import client
    from inbox_lifecycle.lifecycle.sending import WarmupAnalytics

_FIGURES = (
    "id",
    "email_address",
    "total_sent",
    "total_received",
    "landed_spam",
    "health_score",
    "reputation",
    "warmup",
)

#: The provider's own codes, which the HTTP API passes on.
_WARMUP: Final[Mapping[int | None, str]] = {
    1: "warming",
    0: "not_warming",
    -1: "banned",
    -2: "spam_folder_unknown",
    -3: "suspended",
}


def warmup_analytics(*, viewer: Viewer, reach: Reach, service: Service, output: Output) -> None:
    """Show what the provider measured for each inbox that warms or has warmed.

    An inbox without figures is listed with the reason. On a database nothing moves (`sync-warmup` moves); the HTTP API
    moves inboxes by what it reads, and those are listed too.

    Examples:
      inbox-lifecycle warmup-analytics --owner acme
      inbox-lifecycle warmup-analytics --api https://host.example.com/api --format json
    """
    with seen_by(viewer, reach, service=service) as seen:
        if isinstance(seen, Remote):
            with in_doubt(seen):
                document = _told(seen.calls.warmup_analytics())
        else:
            document = _measured(seen.calls.warmup_analytics(**seen.scope))
    if as_json(output):
        print_json(document)
        return
    print_table([{"id": each, **found} for each, found in document["analytics"].items()], _FIGURES)
    if document["unavailable"]:
        print_table([{"id": each, "reason": why} for each, why in document["unavailable"].items()], ("id", "reason"))
    if document["transitions"]:
        print_table([{"id": each, "to": pair} for each, pair in document["transitions"].items()], ("id", "to"))


def require_active(
    *,
    caller: Caller,
    place: Place,
    output: Output,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The inboxes.")],
) -> None:
    """Make sure that every one of these inboxes is there and may send; otherwise say which may not, and why.

    Example:
      inbox-lifecycle require-active ID ID --owner acme
    """
    with view(place, caller) as seen:
        found = seen.calls.require_active(ids, **seen.scope)
    records = [inbox_record(inbox) for inbox in found]
    if as_json(output):
        print_json({"accounts": records})
    else:
        print_table(records, INBOX_COLUMNS)


def launch_campaign(
    *,
    viewer: Viewer,
    reach: Reach,
    service: Service,
    trace: Trace,
    output: Output,
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The provider's id of the campaign.")],
    sender: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="An inbox that sends; repeatable. The HTTP API knows the senders itself."),
    ] = None,
) -> None:
    """Launch a campaign at the provider, if every one of its senders may send.

    Launching one that runs already is a success. Each sender has the launch on record: see `attempts`.

    Examples:
      inbox-lifecycle launch-campaign CAMPAIGN --sender ID --sender ID --owner acme
      inbox-lifecycle launch-campaign CAMPAIGN --api https://host.example.com/api
    """
    if reach.api is None and not sender:
        raise WrongUsage("say who sends: --sender ID")
    with seen_by(viewer, reach, trace, service=service) as seen:
        if isinstance(seen, Remote):
            with in_doubt(seen):
                launched = seen.calls.launch_campaign(campaign, **correlated(seen, trace))
            show_one(output, {"campaign_id": campaign, "senders": None, "correlation_id": launched.run_id})
        else:
            done = seen.calls.launch_campaign(campaign, sender, **seen.scope)
            senders = [inbox.id for inbox in done.senders]
            show_one(output, {"campaign_id": campaign, "senders": senders, "correlation_id": trace.correlation_id})


def _measured(measured: Mapping[Any, WarmupAnalytics]) -> Record:
    analytics, unavailable = {}, {}
    for inbox_id, found in measured.items():
        if hasattr(found.figures, "reason"):
            unavailable[inbox_id] = found.figures.reason
            continue
        figures = found.figures
        analytics[inbox_id] = {
            "email_address": found.inbox.email_address,
            "total_sent": figures.total_sent,
            "total_received": figures.total_received,
            "landed_spam": figures.landed_spam,
            "health_score": figures.health_score,
            "health_score_label": figures.health_score_label,
            "reputation": figures.reputation,
            "warmup": figures.warmup.value,
            "daily": [{"date": day.date, "sent": day.sent, "received": day.received} for day in figures.daily],
        }
    return {"analytics": analytics, "unavailable": unavailable, "transitions": {}}


def _told(told: client.WarmupAnalytics) -> Record:
    analytics = {
        inbox_id: {
            "email_address": figures.email,
            "total_sent": figures.total_sent,
            "total_received": figures.total_received,
            "landed_spam": figures.landed_spam,
            "health_score": figures.health_score,
            "health_score_label": figures.health_score_label,
            "reputation": figures.warmup_reputation,
            "warmup": _WARMUP.get(figures.instantly_warmup_status, "unknown"),
            "daily": [{"date": day.date, "sent": day.sent, "received": day.received} for day in figures.daily_data],
        }
        for inbox_id, figures in told.analytics.items()
    }
    moved = {
        inbox_id: {"status": pair.status, "warmup_status": pair.warmup_status}
        for inbox_id, pair in told.transitions.items()
    }
    unavailable = {inbox_id: why.reason for inbox_id, why in told.unavailable.items()}
    return {"analytics": analytics, "unavailable": unavailable, "transitions": moved}
