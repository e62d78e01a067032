"""Proving: an inbox's entries out of the feed, each with its way up the tree, into a bundle."""

from __future__ import annotations

from inbox_lifecycle.audit.bundles import AddressOpening, Bundle, Opening, ProvenEntry, sign_head, verify_bundle
from inbox_lifecycle.audit.checks import CONTEXT_COLUMNS
from inbox_lifecycle.audit.notes import Signer
from inbox_lifecycle.audit.sealing import seal
from inbox_lifecycle.audit.signing import SignedCheckpoint, covering
from inbox_lifecycle.audit.tlog_proof import InclusionProof
from inbox_lifecycle.audit.tree import TreeReader
from inbox_lifecycle.context import Context
from inbox_lifecycle.domain import InboxId
from inbox_lifecycle.errors import (
    HistoryBroken,
    InboxNotFound,
    InvalidInput,
    ProofInvalid,
    StoreUnavailable,
    TreeInconsistent,
)
from inbox_lifecycle.flow import Flow, again, sleep
from inbox_lifecycle.store.proving import EntriesToProve, EntryToProve, HeadInTree, InboxToProve, LookForProof
from inbox_lifecycle.terms import Terms

#: Entries per page.
PAGE = 200
#: Entries whose ways up the tree are read at once.
_AT_ONCE = 32
#: Seconds to wait until the inbox's last event is sealed, where another process has the turn.
_PATIENCE = 10.0
_GLANCE = 0.02


def prove(terms: Terms, signer: Signer, *, inbox_id: InboxId, owner_id: str | None, openings: bool) -> Flow[Bundle]:
    """The bundle of an inbox, up to the newest event there is when it begins.

    Raises:
        InboxNotFound: no such inbox for this caller, or it was erased meanwhile.
        TreeInconsistent: the tree does not extend what was signed before; nothing is signed.
        HistoryBroken: what is stored does not prove it: an event, its position or its context was changed.
        StoreUnavailable: the inbox's newest event got no position in time.
    """
    inbox, position = yield from _sealed(terms, inbox_id, owner_id)
    signed, reader = yield from covering(terms, signer, position)
    size = signed.checkpoint.size
    # It may have moved on meanwhile: the head is signed as it is in this very tree, where nothing moves any more.
    head = yield from again(HeadInTree(inbox_id=inbox_id, size=size))
    if head is None:
        raise TreeInconsistent(size, "an inbox that has a position is not in it")
    version, head_hash = head
    entries = yield from _entries(inbox_id, owner_id, version)
    try:
        bundle = Bundle(
            inbox_id=inbox_id,
            checkpoint=signed.note,
            head=sign_head(signer, inbox_id=inbox_id, version=version, head_hash=head_hash, tree_size=size),
            events=(yield from _proven(entries, signed, reader)),
            openings=tuple(_opened(entry) for entry in entries if entry.context_key is not None) if openings else (),
            address=_opened_address(inbox) if openings else None,
        )
        # As anybody else would: what does not hold is not given out.
        verify_bundle(bundle.text(), signer.verifier)
    except (InvalidInput, ProofInvalid):
        raise HistoryBroken(inbox_id, version, "what is stored of it and before it does not prove it") from None
    return bundle


def _sealed(terms: Terms, inbox_id: InboxId, owner_id: str | None) -> Flow[tuple[InboxToProve, int]]:
    """The inbox, once its newest event has its position, and that."""
    deadline = terms.monotonic() + _PATIENCE
    while True:
        inbox = yield from again(LookForProof(inbox_id=inbox_id, owner_id=owner_id))
        if inbox is None:
            raise InboxNotFound(inbox_id)
        if inbox.position is not None:
            return inbox, inbox.position
        if terms.monotonic() >= deadline:
            raise StoreUnavailable("the inbox's newest event waits for its position")
        sealed = yield from seal()
        if not sealed.events:
            # Another process is at it.
            yield from sleep(_GLANCE)


def _entries(inbox_id: InboxId, owner_id: str | None, bound: int) -> Flow[list[EntryToProve]]:
    entries: list[EntryToProve] = []
    while len(entries) < bound:
        statement = EntriesToProve(inbox_id=inbox_id, owner_id=owner_id, after=len(entries), bound=bound, limit=PAGE)
        page = yield from again(statement)
        if not page and owner_id is None:
            raise HistoryBroken(inbox_id, len(entries) + 1, "it is not there, or has no position")
        if not page:
            # Erased meanwhile.
            raise InboxNotFound(inbox_id)
        entries += page
    return entries


def _proven(entries: list[EntryToProve], signed: SignedCheckpoint, reader: TreeReader) -> Flow[tuple[ProvenEntry, ...]]:
    proven = []
    for first in range(0, len(entries), _AT_ONCE):
        some = entries[first : first + _AT_ONCE]
        proofs = yield from reader.inclusion_proofs([entry.position for entry in some])
        for entry, hashes in zip(some, proofs, strict=True):
            proof = InclusionProof(entry.position, tuple(hashes), signed.note)
            proven.append(ProvenEntry(entry.entry.decode(errors="replace"), proof.text()))
    return tuple(proven)


def _opened(entry: EntryToProve) -> Opening:
    context = Context(**dict(zip(CONTEXT_COLUMNS, entry.context, strict=True)))
    return Opening(entry.version, (entry.context_key or b"").hex(), context.as_dict())


def _opened_address(inbox: InboxToProve) -> AddressOpening | None:
    if inbox.address is None or inbox.address_key is None:
        return None
    return AddressOpening(inbox.address_key.hex(), inbox.address)
