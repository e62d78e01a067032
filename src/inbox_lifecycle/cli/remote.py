"""The HTTP API in place of a database: the client, and its answers in the form that the same command has without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inbox_lifecycle.cli.opening import View, view
from inbox_lifecycle.cli.options import Reach, Service, Trace, Viewer, WrongUsage

if TYPE_CHECKING:
    from inbox_lifecycle import Signer
    from inbox_lifecycle.client import Client


@dataclass(frozen=True, slots=True)
class Remote(View):
    """The inboxes of whom a token stands for."""

    calls: Client


@contextmanager
def seen_by(
    viewer: Viewer,
    reach: Reach,
    trace: Trace | None = None,
    *,
    service: Service | None = None,
    call_budget: float | None = None,
    signer: Signer | None = None,
) -> Iterator[View]:
    """The inboxes as the viewer sees them, in a database or through the HTTP API."""
    if reach.api is not None:
        with client_of(reach) as client:
            yield Remote(client, {})
        return
    viewer.check()
    with view(reach, viewer, trace, service=service, call_budget=call_budget, signer=signer) as seen:
        yield seen


@contextmanager
def in_doubt(seen: View) -> Iterator[None]:
    """Around a call that moves something: broken off on its way through the API, it says that it may have done so."""
    try:
        yield
    except SystemExit as stopped:
        if isinstance(seen, Remote):
            stopped.add_note("the call may have taken effect at the HTTP API: look before you call again")
        raise


def client_of(reach: Reach) -> Client:
    """A client of the API.

    Raises:
        WrongUsage: the URL or the token cannot be used.
    """
    if not reach.token:
        raise WrongUsage("no token for the HTTP API: set INBOX_LIFECYCLE_TOKEN")
    from inbox_lifecycle.client import Client
    from inbox_lifecycle.errors import InvalidInput

    try:
        return Client(reach.api or "", token=reach.token, insecure=reach.insecure)
    except InvalidInput as error:
        raise WrongUsage(str(error).replace("insecure=True", "--insecure").replace("base_url", "--api")) from None


def correlated(seen: View, trace: Trace) -> dict[str, Any]:
    """What a call through the API takes along; one on a database has it in its audit context."""
    return {"correlation_id": trace.correlation_id} if isinstance(seen, Remote) else {}
