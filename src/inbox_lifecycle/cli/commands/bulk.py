"""Commands for many inboxes at once; each prints what became of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from inbox_lifecycle.cli.exits import Exit
from inbox_lifecycle.cli.opening import inboxes, lease_of
from inbox_lifecycle.cli.options import (
    Operating,
    Output,
    Place,
    Service,
    Trace,
    Unfinished,
    WrongUsage,
    read_span,
)
from inbox_lifecycle.cli.render import Record, as_json, print_fields, print_json, print_table

if TYPE_CHECKING:
    from inbox_lifecycle import BulkReport, Inboxes, WarmupSync

_Patience = Annotated[
    str,
    typer.Option(metavar="SPAN", help="How long to wait, in all, for a provider that is busy or cannot be reached."),
]
_Owner = Annotated[
    str | None, typer.Option(metavar="OWNER", help="Only this owner's inboxes; all there are unless said.")
]

#: The exit code of each outcome, the most pressing first: a run ends with the first that occurred.
EXITS: Final = {
    "not_recorded": Exit.NOT_RECORDED,
    "unknown": Exit.PROVIDER_UNKNOWN,
    "unavailable": Exit.PROVIDER_UNAVAILABLE,
    "busy": Exit.PROVIDER_BUSY,
    "throttled": Exit.PROVIDER_THROTTLED,
    "rejected": Exit.PROVIDER_REJECTED,
    "not_found": Exit.NOT_FOUND,
    "lost": Exit.REFUSED,
    "taken": Exit.REFUSED,
    "refused": Exit.REFUSED,
}
_CURES: Final = {
    "not_recorded": "run `inbox-lifecycle reconcile`, or this again",
    "unknown": "run `inbox-lifecycle reconcile`, or this again",
    "rejected": "mend what the reasons name, then run it again",
    "not_found": "check the ids",
    **dict.fromkeys(("lost", "taken", "refused"), "read their state instead"),
}
#: Of inboxes that were only listed because they were stuck, these are no longer, or somebody else is at them.
_SEEN_TO: Final = frozenset({"lost", "taken", "refused", "not_found"})
#: Whose attempts stay open after the run.
_LEFT_OPEN: Final = frozenset({"unknown", "not_recorded"})
#: Inboxes that a table names one by one.
_NAMED = 20


def retry_stuck(
    *,
    operating: Operating,
    place: Place,
    service: Service,
    trace: Trace,
    output: Output,
    older_than: Annotated[str, typer.Option(metavar="SPAN", help="How long they have stood there.")] = "5m",
    limit: Annotated[int | None, typer.Option(metavar="N", help="So many inboxes at most.", min=1)] = None,
    owner: _Owner = None,
    patience: _Patience = "30m",
) -> None:
    """Retry the warmup of every inbox that is stuck in pending / not_started.

    Asks the provider for up to a hundred at once, and waits where it is busy. Any number of runs may work at once; one
    that was broken off is started again once its claims are over. Spans are 90s, 5m, 2h, 1d.

    Ends with 0 if every inbox moved, or somebody else saw to it meanwhile; otherwise with the code of what is most
    pressing: 30 not recorded, 24 unknown, 23 unavailable, 22 busy, 21 throttled, 20 rejected. Progress is told on
    standard error, and so is how many inboxes other runs and calls hold just now. As JSON the result names each inbox
    with its outcome.

    Examples:
      inbox-lifecycle retry-stuck --as-operator olga
      inbox-lifecycle retry-stuck --as-operator cron --older-than 1h --limit 500 --patience 10m --format json
    """
    span, seconds = read_span("--older-than", older_than), read_span("--patience", patience).total_seconds()
    with inboxes(place, trace, service=service) as opened:
        operator = opened.operator(actor=operating.as_operator)
        from inbox_lifecycle.cli.progress import retrying

        with retrying(lease_of(opened)) as tell:
            report = operator.retry_stuck(older_than=span, limit=limit, owner_id=owner, patience=seconds, progress=tell)
        _tell_held(opened, report, span, owner)
    _show(report, output, forgiven=_SEEN_TO)


def retry_many(
    *,
    operating: Operating,
    place: Place,
    service: Service,
    trace: Trace,
    output: Output,
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="The inboxes.", show_default=False)] = None,
    from_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file with an id a line; - reads standard input. A # begins a remark."),
    ] = None,
    patience: _Patience = "30m",
) -> None:
    """Retry the warmup of these inboxes, up to a hundred with each call to the provider.

    Ends with 0 if every inbox moved; otherwise with the code of what is most pressing: 30 not recorded, 24 unknown,
    23 unavailable, 22 busy, 21 throttled, 20 rejected, 12 not found, 13 refused, lost or taken by another call.

    Examples:
      inbox-lifecycle retry-many ID ID --as-operator olga
      inbox-lifecycle retry-many --from-file stuck.txt --as-operator olga --reason "provider was down"
    """
    wanted = _read_ids(ids, from_file)
    seconds = read_span("--patience", patience).total_seconds()
    with inboxes(place, trace, service=service) as opened:
        operator = opened.operator(actor=operating.as_operator)
        from inbox_lifecycle.cli.progress import retrying

        with retrying(lease_of(opened)) as tell:
            report = operator.retry_many(wanted, patience=seconds, progress=tell)
    _show(report, output, forgiven=frozenset())


def sync_warmup(
    *,
    operating: Operating,
    place: Place,
    service: Service,
    trace: Trace,
    output: Output,
    owner: _Owner = None,
) -> None:
    """Read the provider, and move the inboxes that warm or have warmed as its word and the policy say.

    An inbox with a good reputation graduates, one that the provider has banned is banned, one whose accepted job failed
    is pending again. What differs there and may not move is listed as drift. Run it from a scheduler.

    Example:
      inbox-lifecycle sync-warmup --as-operator cron --format json
    """
    with inboxes(place, trace, service=service) as opened:
        operator = opened.operator(actor=operating.as_operator)
        from inbox_lifecycle.cli.progress import looking

        with looking() as tell:
            seen = operator.sync_warmup(owner_id=owner, progress=tell)
    _show_sync(seen, output)


def _read_ids(ids: list[str] | None, file: str | None) -> list[str]:
    if (not ids) == (file is None):
        raise WrongUsage("say which inboxes, once: as ID... or by --from-file FILE")
    if file is None:
        return ids or []
    return list(_ids_in(file))


def _ids_in(file: str) -> Iterator[str]:
    from inbox_lifecycle.errors import InvalidInput, MalformedId
    from inbox_lifecycle.ids import read_id

    for number, line in enumerate(_text_of(file).splitlines(), 1):
        if found := line.partition("#")[0].strip():
            try:
                yield read_id("ID", found)
            except MalformedId:
                # Not what stands there, which may be anything.
                where = "standard input" if file == "-" else file
                raise InvalidInput(f"line {number} of {where} is no inbox's id: a UUID of 36 characters") from None


def _text_of(file: str) -> str:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        why = failure.strerror if isinstance(failure, OSError) else "it is not text"
        raise WrongUsage(f"{file} cannot be read: {why}") from None
    # A mark of the encoding, which some editors write.
    return text.removeprefix("\ufeff")


def _tell_held(opened: Inboxes, report: BulkReport, older_than: timedelta, owner: str | None) -> None:
    """Say how many stuck inboxes the run has left to whoever holds them."""
    from inbox_lifecycle.errors import StoreError
    from inbox_lifecycle.flow import again
    from inbox_lifecycle.store.diagnosis import HeldInboxes
    from inbox_lifecycle.terms import utc_now

    # Those that it left open itself are in the report.
    own = sum(report.counts.get(outcome, 0) for outcome in _LEFT_OPEN)
    try:
        held = opened._run(again(HeldInboxes(utc_now() - older_than, owner)))  # noqa: SLF001 - a look, as doctor's
    except StoreError:
        # What the run did is to be told all the same.
        return
    if (others := held.number - own) > 0:
        number = f"{others} or more" if held.or_more else str(others)
        said = f"{number} stuck inboxes are held by other runs or calls just now"
        cure = f"where those are gone, run it again in about {ceil(lease_of(opened))} s"
        print(f"inbox-lifecycle: {said}: {cure}", file=sys.stderr)


def _show(report: BulkReport, output: Output, *, forgiven: frozenset[str]) -> None:
    from inbox_lifecycle.cli.progress import outcomes_of

    counts = report.counts
    if as_json(output):
        print_json({"counts": counts, "inboxes": list(_records(report))})
    else:
        _print_report(report)
    pressing = [outcome for outcome in EXITS if counts.get(outcome) and outcome not in forgiven]
    if pressing:
        failed = {outcome: counts[outcome] for outcome in pressing}
        cure = _CURES.get(pressing[0], "run it again later")
        raise Unfinished(
            f"{sum(failed.values())} of {len(report.outcomes)} inboxes were not moved ({outcomes_of(failed)}): {cure}",
            EXITS[pressing[0]],
        )


def _records(report: BulkReport) -> Iterable[Record]:
    for inbox_id, outcome in report.outcomes.items():
        yield {"id": inbox_id, "outcome": outcome, "reason": report.reasons.get(inbox_id)}


def _print_report(report: BulkReport) -> None:
    from inbox_lifecycle.lifecycle.bulk import OUTCOMES

    counts = Counter(report.counts)
    table = [{"outcome": word, "inboxes": counts[word], "meaning": OUTCOMES[word]} for word in OUTCOMES if counts[word]]
    print_table(table, ("outcome", "inboxes", "meaning"))
    left = [record for record in _records(report) if record["outcome"] != "moved"]
    if left:
        print_table(left[:_NAMED], ("id", "outcome", "reason"))
    if len(left) > _NAMED:
        print(f"and {len(left) - _NAMED} more: --format json names them all")


def _show_sync(seen: WarmupSync, output: Output) -> None:
    moved = [
        {"id": inbox_id, "event": move.event, "from": _pair(move.left), "to": _pair(move.reached)}
        for inbox_id, move in seen.transitions.items()
    ]
    drift = [{"id": each.inbox.id, "provider_says": each.provider_says.value, "why": each.why} for each in seen.drift]
    unread = [{"id": inbox_id, "reason": why} for inbox_id, why in seen.unread.items()]
    if as_json(output):
        print_json({"looked": seen.looked, "transitions": moved, "drift": drift, "unread": unread})
        return
    print_fields({"looked_at": seen.looked, "moved": len(moved), "drift": len(drift), "unread": len(unread)})
    for records, columns in (
        (moved, ("id", "event", "from", "to")),
        (drift, ("id", "provider_says", "why")),
        (unread, ("id", "reason")),
    ):
        if records:
            print_table(records, columns)


def _pair(pair: object) -> Record:
    return {"status": getattr(pair, "status", None), "warmup_status": getattr(pair, "warmup_status", None)}
