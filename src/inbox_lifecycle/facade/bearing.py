"""Rows of `register_many` and `adopt_many`, all checked before anything is written, for every facade alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from inbox_lifecycle.address import read_address
from inbox_lifecycle.canonical import check_text
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.errors import InvalidInput, MalformedRows
from inbox_lifecycle.facade.calls import AnyId, Calls, read_owner, read_pair
from inbox_lifecycle.flow import Flow
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.lifecycle.births import Birth
from inbox_lifecycle.lifecycle.bulk_births import AdoptedInbox, BirthReport, NewInbox, register_all


def listed(inboxes: Iterable[Any]) -> tuple[Any, ...]:
    """The rows, read to the end.

    Raises:
        InvalidInput: it is not a list.
    """
    if isinstance(inboxes, NewInbox | AdoptedInbox | str | bytes) or not isinstance(inboxes, Iterable):
        raise InvalidInput("inboxes is a list of rows: put a single one into a list")
    return tuple(inboxes)


def registered(calls: Calls, rows: Sequence[Any], *, owner_id: AnyId) -> Flow[BirthReport]:
    """The births of new inboxes.

    Raises:
        MalformedRows: some rows are malformed.
    """
    context = calls.context(owner_id=owner_id)
    owner = read_owner(owner_id)

    def read(row: Any) -> Birth:
        if not isinstance(row, NewInbox):
            raise InvalidInput("a row is a NewInbox")
        return Birth(
            address=read_address(row.email_address),
            owner_id=owner,
            provider=calls.provider_or_default(row.provider),
            provider_ref=_text("provider_ref", row.provider_ref),
            context=context,
        )

    return register_all(calls.terms, _read_all(rows, read))


def adopted(calls: Calls, rows: Sequence[Any], *, owner_id: AnyId | None, reason: str | None) -> Flow[BirthReport]:
    """The births of inboxes from a host's old table.

    Raises:
        MalformedRows: some rows are malformed.
    """
    around = calls.context(reason=reason)
    for_all = None if owner_id is None else read_owner(owner_id)

    @cache
    def context_of(owner: str) -> Context:
        return replace(around, owner_id=owner)

    def read(row: Any) -> Birth:
        if not isinstance(row, AdoptedInbox):
            raise InvalidInput("a row is an AdoptedInbox")
        if row.created_at is not None and row.created_at.tzinfo is None:
            raise InvalidInput("created_at has no time zone: pass an aware datetime")
        owner = read_owner(for_all if row.owner_id is None else row.owner_id)
        return Birth(
            address=read_address(row.email_address),
            owner_id=owner,
            provider=calls.provider_or_default(row.provider),
            provider_ref=_text("provider_ref", row.provider_ref),
            context=context_of(owner),
            inbox_id=None if row.inbox_id is None else InboxId(read_id("inbox_id", row.inbox_id)),
            adopted_in=read_pair(row.status, row.warmup_status),
            created_at=row.created_at,
        )

    return register_all(calls.terms, _read_all(rows, read))


def _read_all(rows: Sequence[Any], read: Callable[[Any], Birth]) -> list[Birth]:
    births: list[Birth] = []
    wrong: dict[int, str] = {}
    for number, row in enumerate(rows):
        try:
            births.append(read(row))
        except InvalidInput as malformed:
            wrong[number] = str(malformed)
    if wrong:
        raise MalformedRows(wrong)
    return births


def _text(name: str, text: str | None) -> str | None:
    return None if text is None else check_text(name, text)
