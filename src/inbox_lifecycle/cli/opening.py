"""Opening what a command works on: the database, the provider, and the view of whoever calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inbox_lifecycle.cli.options import Caller, Place, Service, Trace
from inbox_lifecycle.cli.providing import make_providers

if TYPE_CHECKING:
    from inbox_lifecycle import Inboxes, Signer


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
    providers = None if service is None else make_providers(service)
    from inbox_lifecycle import Inboxes, SchemaMismatch, audit_context
    from inbox_lifecycle.store.version import HEAD

    if is_missing(place):
        raise SchemaMismatch(None, HEAD)
    said = trace or Trace()
    with ExitStack() as stack:
        stack.enter_context(audit_context(actor=actor, reason=said.reason, correlation_id=said.correlation_id))
        budget = providers.budget if providers and call_budget is None else call_budget
        opened = Inboxes(place.database_url, providers, schema=place.schema, call_budget=budget, signer=signer)
        yield stack.enter_context(opened)


def lease_of(opened: Inboxes) -> float:
    """Seconds for which a claim stands once its call or run is gone."""
    return opened._calls.terms.call_budget  # noqa: SLF001 - how long a call may take is the facade's to know


def is_missing(place: Place) -> bool:
    """Whether the database is an SQLite file that is not there; connecting would make an empty one."""
    path = file_of(place)
    return path is not None and not path.exists()


def file_of(place: Place) -> Path | None:
    """The file of an SQLite database; None where the database is another, in memory, or named by a URI."""
    from inbox_lifecycle.store.engine import read_url

    url = read_url(place.database_url)
    path = url.database or ""
    return Path(path) if url.get_backend_name() == "sqlite" and _is_path(path) else None


def _is_path(database: str) -> bool:
    return database not in ("", ":memory:") and not database.startswith("file:")
