"""Commands about API keys: the bearer tokens by which owners call the HTTP API."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from inbox_lifecycle.cli.opening import inboxes
from inbox_lifecycle.cli.options import Operating, Output, Place, read_span
from inbox_lifecycle.cli.render import Record, api_key_record, as_json, print_fields, print_json, show_many, show_one

if TYPE_CHECKING:
    from inbox_lifecycle.records import NewApiKey

_COLUMNS = ("prefix", "owner_id", "label", "created_at", "created_by", "expires_at", "revoked_at", "revoked_by")


def create(
    *,
    operating: Operating,
    place: Place,
    output: Output,
    owner: Annotated[str, typer.Option(metavar="OWNER", help="In whose name its bearer acts.")],
    label: Annotated[str, typer.Option(metavar="TEXT", help="What it is for; shown in lists.")] = "",
    expires_in: Annotated[
        str | None,
        typer.Option(metavar="SPAN", help="For how long it holds, 12h or 90d; until it is revoked unless said."),
    ] = None,
) -> None:
    """Make an API key for an owner, and print its token: once, here and nowhere else.

    Only a hash of the token is kept. Whoever has it acts on all inboxes of the owner, and is on record by its prefix.

    Examples:
      inbox-lifecycle token create --owner acme --label "nightly job" --expires-in 90d --as-operator olga
      inbox-lifecycle token create --owner acme --as-operator olga --format json | jq -r .token
    """
    life = None if expires_in is None else read_span("--expires-in", expires_in)
    with inboxes(place) as opened:
        made = opened.operator(actor=operating.as_operator).create_api_key(owner_id=owner, label=label, expires_in=life)
    _show(output, made)


def show(
    *,
    operating: Operating,
    place: Place,
    output: Output,
    owner: Annotated[str | None, typer.Option(metavar="OWNER", help="Only the keys of this owner.")] = None,
) -> None:
    """List API keys, oldest first, with those that were revoked; never a token.

    As JSON it is one key a line.

    Example:
      inbox-lifecycle token list --owner acme --as-operator olga
    """
    with inboxes(place) as opened:
        keys = opened.operator(actor=operating.as_operator).api_keys(owner_id=owner)
        show_many(output, map(api_key_record, keys), _COLUMNS)


def revoke(
    *,
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its id or its prefix, as in the list; no token.")],
    operating: Operating,
    place: Place,
    output: Output,
) -> None:
    """Revoke an API key: from now on it is refused. One that was revoked before stays as it was.

    Example:
      inbox-lifecycle token revoke m325zcqfrg5i --as-operator olga
    """
    with inboxes(place) as opened:
        revoked = opened.operator(actor=operating.as_operator).revoke_api_key(key)
    show_one(output, api_key_record(revoked), under="key")


def _show(output: Output, made: NewApiKey) -> None:
    record: Record = api_key_record(made.key)
    if as_json(output):
        print_json({"token": made.token, "key": record})
    else:
        print_fields({"token": made.token, **record})
    # Whoever reads standard output through a pipe has it before this is said.
    sys.stdout.flush()
    print("inbox-lifecycle: keep the token now, as it cannot be shown again", file=sys.stderr)
