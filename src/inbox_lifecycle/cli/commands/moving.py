"""Commands that change an inbox; each prints the inbox as it then stands."""

from __future__ import annotations

from typing import Annotated

import typer

from inbox_lifecycle.cli.opening import inboxes, view
from inbox_lifecycle.cli.options import (
    Caller,
    Expected,
    Once,
    One,
    Operating,
    Output,
    Place,
    Reach,
    Service,
    Trace,
    Viewer,
    WrongUsage,
    complete_status,
    complete_warmup_status,
)
from inbox_lifecycle.cli.remote import correlated, in_doubt, seen_by
from inbox_lifecycle.cli.render import inbox_record, show_one

_CallBudget = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="What the whole call may take; after it `reconcile` takes over from a call that died.",
        min=0.1,
    ),
]


def register(
    *,
    place: Place,
    service: Service,
    trace: Trace,
    once: Once,
    output: Output,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The inbox's email address.")],
    owner: Annotated[str, typer.Option(metavar="OWNER", help="Whose inbox it is.")],
    actor: Annotated[str | None, typer.Option(metavar="NAME", help="The person on record.")] = None,
    provider_ref: Annotated[
        str | None, typer.Option(metavar="TEXT", help="How the provider knows the mailbox, if not by its address.")
    ] = None,
    start_warmup: Annotated[
        bool, typer.Option("--start-warmup", help="Ask the provider for warmup too; a failure of that is on record.")
    ] = False,
) -> None:
    """Put a new inbox on record.

    With --start-warmup the first attempt is made at once. If the provider does not accept, the inbox stays pending and
    the command still succeeds: see `attempts` for why, and `retry-warmup`.

    Example:
      inbox-lifecycle register ana@mail.example.com --owner acme --start-warmup
    """
    with inboxes(place, trace, actor=actor, service=service if start_warmup else None) as opened:
        inbox = opened.register(
            email_address=address,
            owner_id=owner,
            provider=service.provider.value,
            provider_ref=provider_ref,
            start_warmup=start_warmup,
            idempotency_key=once.idempotency_key,
        )
        show_one(output, inbox_record(inbox), under="account")


def start_warmup(
    *,
    one: One,
    caller: Caller,
    place: Place,
    service: Service,
    trace: Trace,
    once: Once,
    output: Output,
    call_budget: _CallBudget = None,
) -> None:
    """Ask the provider for warmup, for the first time.

    Example:
      inbox-lifecycle start-warmup --id ID --owner acme
    """
    with view(place, caller, trace, service=service, call_budget=call_budget) as seen:
        inbox = seen.calls.start_warmup(one.needed, **seen.scope, idempotency_key=once.idempotency_key)
        show_one(output, inbox_record(inbox), under="account")


def retry_warmup(
    *,
    one: One,
    viewer: Viewer,
    reach: Reach,
    service: Service,
    trace: Trace,
    once: Once,
    output: Output,
    call_budget: _CallBudget = None,
) -> None:
    """Ask the provider for warmup again, because the first call failed.

    Passes only if the inbox is pending / not_started; of many retries at once, one moves it. An inbox that warms at the
    provider already counts as success.

    Examples:
      inbox-lifecycle retry-warmup --id ID --owner acme
      inbox-lifecycle retry-warmup --id ID --as-operator olga --reason "provider was down"
    """
    with seen_by(viewer, reach, trace, service=service, call_budget=call_budget) as seen:
        with in_doubt(seen):
            inbox = seen.calls.retry_warmup(
                one.needed, **seen.scope, idempotency_key=once.idempotency_key, **correlated(seen, trace)
            )
        show_one(output, inbox_record(inbox), under="account")


def ban(
    *, one: One, operating: Operating, place: Place, trace: Trace, once: Once, expected: Expected, output: Output
) -> None:
    """Take an inbox out: banned / banned.

    Example:
      inbox-lifecycle ban ID --as-operator olga --reason "spam reports"
    """
    with inboxes(place, trace) as opened:
        operator = opened.operator(actor=operating.as_operator)
        inbox = operator.ban(
            one.needed, idempotency_key=once.idempotency_key, expected_version=expected.expected_version
        )
        show_one(output, inbox_record(inbox), under="account")


def correct(
    *,
    one: One,
    operating: Operating,
    place: Place,
    trace: Trace,
    once: Once,
    expected: Expected,
    output: Output,
    status: Annotated[
        str,
        typer.Option(metavar="WORD", help="pending, warming, active or banned.", autocompletion=complete_status),
    ],
    warmup_status: Annotated[
        str,
        typer.Option(
            metavar="WORD", help="not_started, warming, active or banned.", autocompletion=complete_warmup_status
        ),
    ],
) -> None:
    """Set an inbox's pair by hand, with a reason.

    Example:
      inbox-lifecycle correct ID --status pending --warmup-status not_started --as-operator olga --reason "..."
    """
    if not trace.reason:
        raise WrongUsage("a correction has a reason: --reason TEXT")
    with inboxes(place, trace) as opened:
        inbox = opened.operator(actor=operating.as_operator).correct(
            one.needed,
            status=status,
            warmup_status=warmup_status,
            reason=trace.reason,
            idempotency_key=once.idempotency_key,
            expected_version=expected.expected_version,
        )
        show_one(output, inbox_record(inbox), under="account")


def fail_warmup(
    *,
    one: One,
    operating: Operating,
    place: Place,
    service: Service,
    trace: Trace,
    once: Once,
    expected: Expected,
    output: Output,
) -> None:
    """Take back a warmup that the provider says has failed: pending / not_started.

    Example:
      inbox-lifecycle fail-warmup ID --as-operator olga
    """
    with inboxes(place, trace, service=service) as opened:
        operator = opened.operator(actor=operating.as_operator)
        inbox = operator.fail_warmup(
            one.needed, idempotency_key=once.idempotency_key, expected_version=expected.expected_version
        )
        show_one(output, inbox_record(inbox), under="account")


def graduate(
    *,
    one: One,
    operating: Operating,
    place: Place,
    service: Service,
    trace: Trace,
    once: Once,
    expected: Expected,
    output: Output,
) -> None:
    """Let a warmed inbox send, if the provider's figures are good enough: active / active.

    Example:
      inbox-lifecycle graduate ID --as-operator olga
    """
    with inboxes(place, trace, service=service) as opened:
        operator = opened.operator(actor=operating.as_operator)
        inbox = operator.graduate(
            one.needed, idempotency_key=once.idempotency_key, expected_version=expected.expected_version
        )
        show_one(output, inbox_record(inbox), under="account")
