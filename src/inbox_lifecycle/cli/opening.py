"""Opening what a command works on: the database, the provider, and the view of whoever calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbox_lifecycle.cli.options import Caller, Place, Service, Trace, WrongUsage

if TYPE_CHECKING:
    from inbox_lifecycle import Inboxes, Instantly, Signer

#: The one provider there is a client of.
PROVIDER = "instantly"


@dataclass(frozen=True, slots=True)
class View:
    """The inboxes as the caller sees them: an owner's calls carry its id, an operator's do not."""

    calls: Any
    scope: dict[str, str]


@contextmanager
def view(
    place: Place,
    caller: Caller,
    trace: Trace | None = None,
    *,
    service: Service | None = None,
    call_budget: float | None = None,
    signer: Signer | None = None,
) -> Iterator[View]:
    """The caller's view, with what is to be put on record."""
    with inboxes(place, trace, actor=caller.actor, service=service, call_budget=call_budget, signer=signer) as opened:
        if caller.as_operator is not None:
            yield View(opened.operator(actor=caller.as_operator), {})
        else:
            yield View(opened, {"owner_id": caller.owner or ""})


@contextmanager
def inboxes(
    place: Place,
    trace: Trace | None = None,
    *,
    actor: str | None = None,
    service: Service | None = None,
    call_budget: float | None = None,
    signer: Signer | None = None,
) -> Iterator[Inboxes]:
    """The facade over a database that is there, closed at the end."""
    provider = None if service is None else make_provider(service)
    from inbox_lifecycle import Inboxes, SchemaMismatch, audit_context
    from inbox_lifecycle.store.version import HEAD

    if is_missing(place):
        raise SchemaMismatch(None, HEAD)
    said = trace or Trace()
    with ExitStack() as stack:
        stack.enter_context(audit_context(actor=actor, reason=said.reason, correlation_id=said.correlation_id))
        opened = Inboxes(place.database_url, provider, schema=place.schema, call_budget=call_budget, signer=signer)
        yield stack.enter_context(opened)


def make_provider(service: Service) -> Instantly:
    """The provider, with its key from the environment."""
    key = os.environ.get("INSTANTLY_API_KEY")
    if not key:
        raise WrongUsage("no key for the provider: set INSTANTLY_API_KEY")
    from inbox_lifecycle import Instantly

    try:
        return Instantly(api_key=key, base_url=service.provider_url)
    except ValueError as error:
        raise WrongUsage(f"INSTANTLY_API_KEY or --provider-url: {error}") from None


def is_missing(place: Place) -> bool:
    """Whether the database is an SQLite file that is not there; connecting would make an empty one."""
    from inbox_lifecycle.store.engine import read_url

    url = read_url(place.database_url)
    path = url.database or ""
    return url.get_backend_name() == "sqlite" and _is_path(path) and not Path(path).exists()


def _is_path(database: str) -> bool:
    return database not in ("", ":memory:") and not database.startswith("file:")
