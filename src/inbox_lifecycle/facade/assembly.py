"""Putting a facade together: which engine, which driver, which provider, which terms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.engine import URL

from inbox_lifecycle.audit.notes import Signer
from inbox_lifecycle.domain import Inbox, ReputationPolicy
from inbox_lifecycle.drivers.sync import Database
from inbox_lifecycle.errors import InvalidInput, StoreMisconfigured
from inbox_lifecycle.facade.calls import Calls
from inbox_lifecycle.store.engine import is_memory, is_prepared, make_engine
from inbox_lifecycle.store.session import backend_for
from inbox_lifecycle.terms import NoProvider, Terms, aware, utc_now

#: A provider, a callable from inbox to provider, or None for a facade that never asks one.
AnyProvider = Any

#: Seconds that asking a provider may take where each inbox has its own: more than any of ours takes by default.
DEFAULT_CALL_BUDGET = 180.0
#: Seconds within which an accepted warmup is recorded.
DEFAULT_RECORDING_BUDGET = 15.0


def make_calls(
    provider: AnyProvider,
    *,
    clock: Callable[[], datetime] | None,
    policy: ReputationPolicy | None,
    require_actor: bool,
    call_budget: float | None,
    recording_budget: float | None,
    signer: Signer | None,
) -> Calls:
    """The arguments' side of a facade."""
    recording = DEFAULT_RECORDING_BUDGET if recording_budget is None else recording_budget
    one = provider if hasattr(provider, "enable_warmup") else None
    asking = DEFAULT_CALL_BUDGET if one is None else one.budget
    terms = Terms(
        provider_for=_provider_for(provider, one),
        call_budget=asking + recording if call_budget is None else call_budget,
        recording_budget=recording,
        clock=utc_now if clock is None else aware(clock),
    )
    return Calls(
        terms=terms,
        provider_name=None if one is None else one.name,
        policy=policy or ReputationPolicy(),
        require_actor=require_actor,
        signer=signer,
    )


def open_database(database: str | URL | Engine, schema: str | None) -> Database:
    """The database behind a URL or an engine; an engine made here is closed with it.

    Raises:
        StoreMisconfigured: it is not usable as it is.
    """
    if not isinstance(database, str | URL | Engine):
        raise StoreMisconfigured("a database is a URL or an Engine; AsyncInboxes takes an AsyncEngine too")
    if not isinstance(database, Engine):
        engine = make_engine(database)
        return Database(engine, backend_for(engine.dialect, schema), owns_engine=True)
    backend = backend_for(database.dialect, schema)
    if backend.is_sqlite and not is_prepared(database):
        return Database(_engine_beside(database), backend, owns_engine=True)
    return Database(database, backend, owns_engine=False)


def _engine_beside(engine: Engine) -> Engine:
    # Changing how a host's engine begins its transactions is the host's to decide; a file can have two engines.
    if is_memory(engine):
        raise StoreMisconfigured(
            "an SQLite database in memory lives in its engine: call prepare_sqlite(engine) right after create_engine"
        )
    return make_engine(engine.url)


def _provider_for(provider: AnyProvider, one: AnyProvider | None) -> Callable[[Inbox], Any]:
    if one is not None:
        return lambda _inbox: one
    if provider is None:
        return _no_provider
    if not callable(provider):
        raise InvalidInput("provider is a provider, or a callable from inbox to provider")
    chosen: Callable[[Inbox], Any] = provider
    return chosen


def _no_provider(_inbox: Inbox) -> Any:
    raise NoProvider
