"""What proofs are made of: checkpoints as they were signed, and an inbox's entries with their positions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from inbox_lifecycle.store.rows import stored_bytes
from inbox_lifecycle.store.session import Session

LAST = """
select c.size, c.root, c.note from {s}inbox_checkpoints c
where c.origin = cast(:origin as text) order by c.size desc limit 100
"""
# What somebody else stores at this moment is not seen yet, and met as a conflict.
STORE = """
insert into {s}inbox_checkpoints (origin, size, root, note, signed_at)
select cast(:origin as text), cast(:size as bigint), cast(:root as {bytes}), cast(:note as text), cast(:now as {time})
where not exists (
    select 1 from {s}inbox_checkpoints c where c.origin = cast(:origin as text) and c.size = cast(:size as bigint)
)
on conflict (origin, size) do nothing
"""
PAGE = """
select c.origin, c.size, c.note from {s}inbox_checkpoints c
where (c.size, c.origin) > (cast(:after as bigint), cast(:after_origin as text))
order by c.size, c.origin
limit cast(:limit as integer)
"""

_OWNED = "and i.owner_id = cast(:owner_id as text) and i.erased_at is null"
_NEWEST = """
select i.email_address, i.address_key,
       (select f.position from {s}inbox_feed f where f.inbox_id = i.id and f.version = i.version)
from {s}inboxes i where i.id = cast(:inbox_id as {id}) {owned}
"""
HEAD_IN_TREE = """
select f.version, f.leaf_hash from {s}inbox_feed f
where f.inbox_id = cast(:inbox_id as {id}) and f.position < cast(:size as bigint)
order by f.version desc limit 1
"""
_ENTRIES = """
select e.version, e.entry, f.position, e.owner_id, e.actor, e.reason, e.correlation_id, e.causation_id,
       e.idempotency_key, e.context_key
from {s}inboxes i
join {s}inbox_events e on e.inbox_id = i.id
join {s}inbox_feed f on f.inbox_id = e.inbox_id and f.version = e.version
where i.id = cast(:inbox_id as {id}) and e.version > cast(:after as integer) and e.version <= cast(:bound as integer)
      {owned}
order by e.version
limit cast(:limit as integer)
"""

NEWEST_AS_OWNER, ENTRIES_AS_OWNER = (template.replace("{owned}", _OWNED) for template in (_NEWEST, _ENTRIES))
NEWEST_AS_OPERATOR, ENTRIES_AS_OPERATOR = (template.replace("{owned}", "") for template in (_NEWEST, _ENTRIES))


@dataclass(frozen=True, slots=True)
class SignedSize:
    """What was signed last: a size and a root, and the note that says so."""

    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxToProve:
    """What an inbox's proof needs of its row."""

    #: None once erased.
    address: str | None = field(repr=False)
    address_key: bytes | None = field(repr=False)
    #: Of its newest event; None as long as that is not sealed.
    position: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryToProve:
    """An entry with its position, and what opens its commitment."""

    version: int
    entry: bytes = field(repr=False)
    position: int
    #: owner_id, actor, reason, correlation_id, causation_id, idempotency_key.
    context: tuple[str | None, ...] = field(repr=False)
    #: None once erased.
    context_key: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastCheckpoints:
    """The largest checkpoints of an origin."""

    name: ClassVar[str] = "last_checkpoints"
    writes: ClassVar[bool] = False
    origin: str

    def run(self, session: Session) -> tuple[SignedSize, ...]:
        """The checkpoints, from the largest down; a hundred at most."""
        rows = session.all(LAST, {"origin": self.origin})
        return tuple(SignedSize(int(row[0]), stored_bytes(row[1]), row[2]) for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreCheckpoint:
    """Keep what was signed; the same size signed twice is kept once."""

    name: ClassVar[str] = "store_checkpoint"
    writes: ClassVar[bool] = True
    origin: str
    signed: SignedSize
    now: datetime

    def run(self, session: Session) -> None:
        """Keep it."""
        values = {
            "origin": self.origin,
            "size": self.signed.size,
            "root": self.signed.root,
            "note": self.signed.note,
            "now": session.backend.time(self.now),
        }
        session.run(STORE, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointsPage:
    """Notes after a size and origin, in order."""

    name: ClassVar[str] = "checkpoints_page"
    writes: ClassVar[bool] = False
    after: int
    after_origin: str
    limit: int

    def run(self, session: Session) -> tuple[tuple[str, int, str], ...]:
        """Origin, size and note of each."""
        values = {"after": self.after, "after_origin": self.after_origin, "limit": self.limit}
        return tuple((row[0], int(row[1]), row[2]) for row in session.all(PAGE, values))


@dataclass(frozen=True, slots=True, kw_only=True)
class LookForProof:
    """The inbox, for a caller who may see it."""

    name: ClassVar[str] = "look_for_proof"
    writes: ClassVar[bool] = False
    inbox_id: str
    #: None for an operator, who sees erased inboxes as well.
    owner_id: str | None

    def run(self, session: Session) -> InboxToProve | None:
        """The inbox; None where there is none for this caller."""
        template = NEWEST_AS_OPERATOR if self.owner_id is None else NEWEST_AS_OWNER
        row = session.one(template, {"inbox_id": self.inbox_id, "owner_id": self.owner_id})
        if row is None:
            return None
        address, key, position = row
        return InboxToProve(address=address, address_key=None if key is None else bytes(key), position=position)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadInTree:
    """The newest event of an inbox among the first `size` positions."""

    name: ClassVar[str] = "head_in_tree"
    writes: ClassVar[bool] = False
    inbox_id: str
    size: int

    def run(self, session: Session) -> tuple[int, bytes] | None:
        """Its version and hash; None where the inbox has none there."""
        row = session.one(HEAD_IN_TREE, {"inbox_id": self.inbox_id, "size": self.size})
        return None if row is None else (int(row[0]), bytes(row[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesToProve:
    """Sealed entries of an inbox between two versions, in order."""

    name: ClassVar[str] = "entries_to_prove"
    writes: ClassVar[bool] = False
    inbox_id: str
    owner_id: str | None
    after: int
    bound: int
    limit: int

    def run(self, session: Session) -> tuple[EntryToProve, ...]:
        """The entries."""
        values = {
            "inbox_id": self.inbox_id,
            "owner_id": self.owner_id,
            "after": self.after,
            "bound": self.bound,
            "limit": self.limit,
        }
        rows = session.all(ENTRIES_AS_OPERATOR if self.owner_id is None else ENTRIES_AS_OWNER, values)
        return tuple(
            EntryToProve(
                version=row[0],
                entry=bytes(row[1]),
                position=row[2],
                context=tuple(row[3:9]),
                context_key=None if row[9] is None else bytes(row[9]),
            )
            for row in rows
        )
