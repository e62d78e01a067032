"""Arguments of the methods about API keys, checked once for both facades."""

from __future__ import annotations

from datetime import timedelta

from inbox_lifecycle.canonical import check_text
from inbox_lifecycle.errors import InvalidInput
from inbox_lifecycle.facade.calls import AnyId, Calls, read_owner
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.lifecycle import api_keys
from inbox_lifecycle.records import ApiKey, NewApiKey

#: Characters of a label at most.
LONGEST_LABEL = 200

_SHORTEST_LIFE = timedelta(seconds=1)
# SQLite has no times after the year 9999, and would keep such a key for ever.
_LONGEST_LIFE = timedelta(days=36_525)


def create(calls: Calls, *, owner_id: AnyId, label: str, expires_in: timedelta | None) -> Flow[NewApiKey]:
    """A new key."""
    order = api_keys.Order(
        owner_id=read_owner(owner_id),
        label=_read_label(label),
        lifetime=None if expires_in is None else _read_life(expires_in),
        created_by=_operator(calls),
    )
    return api_keys.create_api_key(calls.terms, order)


def revoke(calls: Calls, key: str) -> Flow[ApiKey]:
    """A key's end."""
    return api_keys.revoke_api_key(str(key), revoked_by=_operator(calls))


def _operator(calls: Calls) -> str:
    assert calls.actor is not None  # noqa: S101 - these methods are an operator's alone, and one has a name
    return calls.actor


def _read_label(label: str) -> str:
    if len(check_text("label", label)) > LONGEST_LABEL:
        raise InvalidInput(f"a label has at most {LONGEST_LABEL} characters: pass a shorter one")
    return label


def _read_life(expires_in: object) -> float:
    if not isinstance(expires_in, timedelta) or not _SHORTEST_LIFE <= expires_in <= _LONGEST_LIFE:
        raise InvalidInput("expires_in is a time span from a second to a hundred years, such as timedelta(days=90)")
    return expires_in.total_seconds()
