"""A method's arguments into a flow: checked once, the surrounding audit context read once, for every facade alike."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from inbox_lifecycle.address import read_address, read_domain
from inbox_lifecycle.audit import history
from inbox_lifecycle.audit.notes import Signer
from inbox_lifecycle.canonical import check_text
from inbox_lifecycle.context import Context, current_context
from inbox_lifecycle.domain import AttemptKind, Inbox, InboxId, Pair, ReputationPolicy, Status, WarmupStatus
from inbox_lifecycle.errors import InvalidInput, MalformedText
from inbox_lifecycle.facade import points
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.ids import read_id
from inbox_lifecycle.lifecycle import births, erasure, moves
from inbox_lifecycle.lifecycle.warmup import request_warmup
from inbox_lifecycle.records import Page
from inbox_lifecycle.store.looks import FindInboxes, Revision
from inbox_lifecycle.store.version import check_revision
from inbox_lifecycle.terms import Terms

AnyId = str | UUID
E = TypeVar("E", bound=StrEnum)

_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")

#: Characters of an idempotency key at most.
LONGEST_KEY = 255
#: Inboxes per page of `find` at most.
LARGEST_PAGE = 1000


@dataclass(slots=True)
class SchemaLook:
    """Whether the schema was looked at already; shared by a facade and all that is made from it."""

    passed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Flows from arguments."""

    terms: Terms
    #: Name of the one provider; None where each inbox has its own.
    provider_name: str | None
    policy: ReputationPolicy
    require_actor: bool
    #: Who acts, for an operator's facade.
    actor: str | None = None
    #: The log's private key; None for a facade that never signs.
    signer: Signer | None = None

    def acting_as(self, actor: str) -> Calls:
        """The same, for an operator."""
        if not actor:
            raise InvalidInput("an operator has a name: pass actor=...")
        return replace(self, actor=check_text("actor", actor))

    def check_schema(self) -> Flow[str]:
        """The revision of the database's schema, if this code works on it."""
        return check_revision((yield from again(Revision())))

    def register(
        self,
        *,
        email_address: str,
        owner_id: AnyId,
        provider: str | None,
        provider_ref: str | None,
        start_warmup: bool,
        idempotency_key: str | None = None,
    ) -> Flow[Inbox]:
        """A birth, and the first attempt if wanted."""
        birth = births.Birth(
            address=read_address(email_address),
            owner_id=read_owner(owner_id),
            provider=self.provider_or_default(provider),
            provider_ref=_text("provider_ref", provider_ref),
            context=self._context(owner_id=owner_id, idempotency_key=idempotency_key if start_warmup else None),
        )
        return births.register_and_start(self.terms, birth) if start_warmup else births.register(self.terms, birth)

    def adopt(
        self,
        *,
        email_address: str,
        owner_id: AnyId,
        status: Status | str,
        warmup_status: WarmupStatus | str,
        inbox_id: AnyId | None,
        provider: str | None,
        provider_ref: str | None,
        created_at: datetime | None,
        reason: str | None,
    ) -> Flow[Inbox]:
        """A birth in a pair of the host's."""
        if created_at is not None and created_at.tzinfo is None:
            raise InvalidInput("created_at has no time zone: pass an aware datetime")
        birth = births.Birth(
            address=read_address(email_address),
            owner_id=read_owner(owner_id),
            provider=self.provider_or_default(provider),
            provider_ref=_text("provider_ref", provider_ref),
            context=self._context(owner_id=owner_id, reason=reason),
            inbox_id=None if inbox_id is None else InboxId(read_id("inbox_id", inbox_id)),
            adopted_in=read_pair(status, warmup_status),
            created_at=created_at,
        )
        return births.register(self.terms, birth)

    def warm(
        self, inbox_id: AnyId, *, owner_id: AnyId | None, kind: AttemptKind, idempotency_key: str | None
    ) -> Flow[Inbox]:
        """The gate, the provider, the record."""
        return request_warmup(
            self.terms,
            inbox_id=InboxId(read_id("inbox_id", inbox_id)),
            owner_id=self._owner(owner_id),
            kind=kind,
            context=self._context(owner_id=owner_id, idempotency_key=idempotency_key),
        )

    def get(self, inbox_id: AnyId, *, owner_id: AnyId | None) -> Flow[Inbox]:
        """One inbox."""
        return history.get(inbox_id=InboxId(read_id("inbox_id", inbox_id)), owner_id=self._owner(owner_id))

    def find(
        self,
        *,
        owner_id: AnyId | None,
        status: Status | str | None,
        warmup_status: WarmupStatus | str | None,
        domain: str | None,
        after: str | None,
        limit: int,
        as_of: datetime | None,
    ) -> Flow[Page[Inbox]]:
        """A page of inboxes, as they are or as they were."""
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidInput(f"limit is from 1 to {LARGEST_PAGE}")
        search = FindInboxes(
            owner_id=self._owner(owner_id),
            status=None if status is None else _one_of(Status, "status", status),
            warmup_status=None if warmup_status is None else _one_of(WarmupStatus, "warmup_status", warmup_status),
            domain=None if domain is None else read_domain(check_text("domain", domain)),
            after=None if after is None else read_mark(after),
            limit=limit,
        )
        return history.find(search) if as_of is None else points.find(self.terms, search, as_of)

    def ban(
        self, inbox_id: AnyId, *, reason: str | None, idempotency_key: str | None, expected_version: int | None
    ) -> Flow[Inbox]:
        """Out."""
        return moves.ban(self.terms, self._request(inbox_id, reason, idempotency_key, expected_version))

    def correct(
        self,
        inbox_id: AnyId,
        *,
        status: Status | str,
        warmup_status: WarmupStatus | str,
        reason: str,
        idempotency_key: str | None,
        expected_version: int | None,
    ) -> Flow[Inbox]:
        """A pair by hand."""
        if not reason:
            raise InvalidInput("a correction has a reason: pass reason=...")
        request = self._request(inbox_id, reason, idempotency_key, expected_version)
        return moves.correct(self.terms, request, read_pair(status, warmup_status))

    def fail_warmup(
        self, inbox_id: AnyId, *, reason: str | None, idempotency_key: str | None, expected_version: int | None
    ) -> Flow[Inbox]:
        """Back, on the provider's word."""
        return moves.fail_warmup(self.terms, self._request(inbox_id, reason, idempotency_key, expected_version))

    def graduate(
        self, inbox_id: AnyId, *, reason: str | None, idempotency_key: str | None, expected_version: int | None
    ) -> Flow[Inbox]:
        """On to active."""
        request = self._request(inbox_id, reason, idempotency_key, expected_version)
        return moves.graduate(self.terms, request, self.policy)

    def erase(self, inbox_id: AnyId, *, reason: str, expected_version: int | None) -> Flow[Inbox]:
        """Blank for good."""
        if not reason:
            raise InvalidInput("an erasure has a reason, which stays on record: pass reason=...")
        return erasure.erase(self.terms, self._request(inbox_id, reason, None, expected_version))

    def prune_before(self, older_than: timedelta) -> datetime:
        """The time before which attempts must have been closed."""
        if older_than <= timedelta():
            raise InvalidInput("older_than is a time span longer than none, such as timedelta(days=90)")
        try:
            return self.terms.clock() - older_than
        except OverflowError:
            raise InvalidInput("older_than reaches back before the first year: pass a shorter time span") from None

    def _request(
        self, inbox_id: AnyId, reason: str | None, idempotency_key: str | None, expected_version: int | None
    ) -> moves.Request:
        return moves.Request(
            inbox_id=InboxId(read_id("inbox_id", inbox_id)),
            context=self._context(reason=reason, idempotency_key=idempotency_key),
            expected_version=expected_version,
        )

    def context(self, *, owner_id: AnyId | None = None, reason: str | None = None) -> Context:
        """Who acts, why and from where, in a call that begins now."""
        return self._context(owner_id=owner_id, reason=reason)

    def provider_or_default(self, provider: str | None) -> str:
        """The name of the provider that serves a new inbox.

        Raises:
            InvalidInput: it is not a name, or none was given and there is not just one.
        """
        name = provider or self.provider_name
        if not name:
            raise InvalidInput("say which provider serves this inbox: pass provider=...")
        if not _PROVIDER_NAME.fullmatch(check_text("provider", name)):
            # It goes into the event, where nothing can ever be erased.
            raise InvalidInput("a provider's name has small letters, digits, dots, hyphens and underscores, up to 64")
        return name

    def _context(
        self, *, owner_id: AnyId | None = None, reason: str | None = None, idempotency_key: str | None = None
    ) -> Context:
        context = current_context(
            actor=self.actor,
            reason=reason,
            idempotency_key=None if idempotency_key is None else read_key(idempotency_key),
            require_actor=self.require_actor,
        )
        return replace(context, owner_id=None if owner_id is None else read_owner(owner_id))

    def _owner(self, owner_id: AnyId | None) -> str | None:
        # Only an operator may leave the owner out: a host that has lost its user's id must not become one by it.
        return None if owner_id is None and self.actor is not None else read_owner(owner_id)


def read_owner(owner_id: AnyId | None) -> str:
    """An owner's id, as text.

    Raises:
        InvalidInput: it is empty or not text.
    """
    if isinstance(owner_id, UUID):
        return str(owner_id)
    if not owner_id:
        raise InvalidInput("owner_id is the id of the inbox's owner, as text that is not empty")
    return check_text("owner_id", owner_id)


def read_pair(status: Status | str, warmup_status: WarmupStatus | str) -> Pair:
    """A pair from its words.

    Raises:
        InvalidInput: a word is unknown.
    """
    return Pair(_one_of(Status, "status", status), _one_of(WarmupStatus, "warmup_status", warmup_status))


def read_key(key: str) -> str:
    """An idempotency key.

    Raises:
        MalformedText: it is empty, too long, or cannot be kept.
    """
    if not 1 <= len(check_text("idempotency_key", key)) <= LONGEST_KEY:
        raise MalformedText("idempotency_key", f"it has 1 to {LONGEST_KEY} characters")
    return key


def read_mark(after: str) -> str:
    """The mark that an earlier page gave.

    Raises:
        InvalidInput: it is not one.
    """
    at, _, inbox_id = after.partition("~")
    try:
        datetime.strptime(at, "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007 - only its form is looked at
        read_id("after", inbox_id)
    except ValueError:
        raise InvalidInput("after is the next_after of an earlier page") from None
    return after


def _one_of(words: type[E], name: str, word: str) -> E:
    try:
        return words(word)
    except ValueError:
        raise InvalidInput(f"{name} is one of {', '.join(words)}") from None


def _text(name: str, text: str | None) -> str | None:
    return None if text is None else check_text(name, text)
