"""Signing checkpoints: what is signed always extends what was signed before, or nothing is signed.

The tree's root follows from the stored nodes, in a few short reads. Before a new one is signed, a consistency proof is
made from the last stored checkpoint, and from any that the caller has kept elsewhere, and verified like anybody else
would. A feed that was rewritten, shortened or restored from an old backup fails it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inbox_lifecycle.audit import merkle
from inbox_lifecycle.audit.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from inbox_lifecycle.audit.notes import Signer
from inbox_lifecycle.audit.sealing import seal
from inbox_lifecycle.audit.tree import TreeReader, require_nodes
from inbox_lifecycle.errors import InvalidInput, NoteInvalid, ProofInvalid, StoreUnavailable, TreeInconsistent
from inbox_lifecycle.flow import Flow, again, sleep
from inbox_lifecycle.store.feed import Unsealed
from inbox_lifecycle.store.proving import CheckpointsPage, LastCheckpoints, SignedSize, StoreCheckpoint
from inbox_lifecycle.terms import Terms

#: Checkpoints per page.
PAGE = 500
#: Seconds to wait for the very first positions, where another process has the turn.
_PATIENCE = 10.0
_GLANCE = 0.02


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with the note that says so: keep the note where this database's owner cannot reach it."""

    checkpoint: Checkpoint
    note: str

    @property
    def size(self) -> int:
        """How many events it covers: those at positions below this."""
        return self.checkpoint.size


def sign(terms: Terms, signer: Signer, *, against: Sequence[Checkpoint] = ()) -> Flow[SignedCheckpoint]:
    """Seal what waits, and sign the tree as it then stands; the last checkpoint again where nothing is new.

    Args:
        against: checkpoints kept elsewhere that the tree has to extend as well.

    Raises:
        InvalidInput: there is no event yet, or a checkpoint is of another log.
        TreeInconsistent: the tree does not extend what was signed before; nothing is signed.
        StoreUnavailable: the very first events got no positions in time.
    """
    if any(checkpoint.origin != signer.name for checkpoint in against):
        raise InvalidInput("a checkpoint is of another log than the key: pass those of its origin's name")
    # Before sealing: the tree is at least as large as what was signed by then, whoever seals and signs meanwhile.
    last = yield from _last(signer)
    size = yield from _sealed(terms)
    earlier = [(checkpoint.size, checkpoint.root) for checkpoint in against]
    if last is not None:
        earlier.append((last.size, last.root))
    # What was signed vouches for the nodes below it; the others are made anew from the leaves.
    yield from require_nodes(last.size if last is not None and last.size <= size else 0, size)
    reader = TreeReader(size)
    root = yield from reader.root()
    for known, known_root in earlier:
        yield from _require_extends(reader, root, known, known_root)
    if not size:
        raise InvalidInput("there is no event yet, and nothing to sign: register an inbox first")
    checkpoint = Checkpoint(signer.name, size, root)
    if last is not None and _says(signer, last.note, checkpoint):
        return SignedCheckpoint(checkpoint, last.note)
    note = sign_checkpoint(checkpoint, signer)
    yield from again(StoreCheckpoint(origin=signer.name, signed=SignedSize(size, root, note), now=terms.clock()))
    return SignedCheckpoint(checkpoint, note)


def covering(terms: Terms, signer: Signer, position: int) -> Flow[tuple[SignedCheckpoint, TreeReader]]:
    """The last checkpoint, if it covers a position and is by this key, a new one otherwise; and a reader of its tree.

    Raises:
        TreeInconsistent: the tree does not extend what was signed before.
    """
    last = yield from _last(signer)
    if last is not None and last.size > position:
        checkpoint = Checkpoint(signer.name, last.size, last.root)
        if _says(signer, last.note, checkpoint):
            reader = TreeReader(last.size)
            if (yield from reader.root()) != last.root:
                raise TreeInconsistent(last.size, "its root is another by now")
            return SignedCheckpoint(checkpoint, last.note), reader
    signed = yield from sign(terms, signer)
    return signed, TreeReader(signed.size)


def _sealed(terms: Terms) -> Flow[int]:
    """How many positions there are, once all that waits has one; another process may be giving the very first ones."""
    size = (yield from seal()).size
    deadline = terms.monotonic() + _PATIENCE
    while not size:
        # Read before the size: what does not wait any more then has its position.
        waiting = yield from again(Unsealed())
        size = (yield from seal()).size
        if size or not waiting:
            break
        if terms.monotonic() >= deadline:
            raise StoreUnavailable("the first events wait for their positions")
        yield from sleep(_GLANCE)
    return size


def _last(signer: Signer) -> Flow[SignedSize | None]:
    """The largest stored checkpoint that this key signed; a row that it did not sign stops nobody.

    Where it signed none of them, the log had another key before, and the largest one stands as its row says.
    """
    stored = yield from again(LastCheckpoints(origin=signer.name))
    for one in stored:
        if merkle.is_size(one.size) and merkle.is_hash(one.root):
            checkpoint = Checkpoint(signer.name, one.size, one.root)
            if _says(signer, one.note, checkpoint):
                return one
    return stored[0] if stored else None


def checkpoints_page(*, after: int, after_origin: str) -> Flow[tuple[tuple[str, int, str], ...]]:
    """Origin, size and note of the next checkpoints; fewer than `PAGE` at the end."""
    return (yield from again(CheckpointsPage(after=after, after_origin=after_origin, limit=PAGE)))


def _require_extends(reader: TreeReader, root: bytes, size: int, size_root: bytes) -> Flow[None]:
    if size > reader.size:
        raise TreeInconsistent(size, f"it has {reader.size} positions only")
    if not size:
        return
    proof = yield from reader.consistency_proof(size)
    try:
        merkle.verify_consistency(size, reader.size, size_root, root, proof)
    except ProofInvalid:
        raise TreeInconsistent(size, "its first events are others") from None


def _says(signer: Signer, note: str, checkpoint: Checkpoint) -> bool:
    """Whether the note is of this checkpoint and by this key; the log may have had another under the same name."""
    try:
        return open_checkpoint(note, signer.verifier) == checkpoint
    except NoteInvalid:
        return False
