"""Inclusion proofs as files: an entry's index, the hashes from its leaf to the root, and the signed checkpoint.

Such a file and the log's public key are all that it takes to check, offline, that an entry is in the log. It does not
hold the entry itself.

Source: C2SP tlog-proof.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from inbox_lifecycle.audit.checkpoints import Checkpoint, open_checkpoint, read_decimal
from inbox_lifecycle.audit.key_text import is_plain, strict_base64
from inbox_lifecycle.audit.merkle import SIZE_BOUND, is_hash, is_size, verify_inclusion
from inbox_lifecycle.audit.notes import NOTE_BOUND, Verifier
from inbox_lifecycle.errors import InvalidInput, ProofInvalid

#: The first line of every such proof.
HEADER = "c2sp.org/tlog-proof@v1"
#: Characters of the longest proof that is read: those of a note, and as many of extra data.
PROOF_BOUND = 2 * NOTE_BOUND

#: A tree below the bound of sizes is not higher.
_LONGEST_PATH = SIZE_BOUND.bit_length() - 1
_EXTRA = "extra "
_INDEX = "index "


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """What proves that an entry is in a log, once the checkpoint's signature has held.

    Raises:
        InvalidInput: the index, a hash or the checkpoint is none.
    """

    #: Where the entry stands in the log, from 0.
    index: int
    #: From the leaf's sibling upwards.
    hashes: tuple[bytes, ...]
    #: The whole note of the checkpoint, with its signatures.
    checkpoint: str
    #: Data of the application's own; nobody signed it.
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not is_size(self.index):
            raise InvalidInput("an index is the entry's place in the log: pass one from 0 on")
        if len(self.hashes) > _LONGEST_PATH or not all(is_hash(one) for one in self.hashes):
            raise InvalidInput(
                f"a proof has at most {_LONGEST_PATH} hashes of 32 bytes: pass what inclusion_proof gave"
            )
        if not (is_plain(self.checkpoint) and self.checkpoint.endswith("\n")):
            raise InvalidInput("the checkpoint is not a note: pass all of its text, with the signatures")
        if self.extra == b"":
            raise InvalidInput("extra data is left out where there is none: pass None")

    def text(self) -> str:
        """The proof as the text of a `.tlog-proof` file."""
        lines = [HEADER]
        if self.extra is not None:
            lines.append(_EXTRA + b64encode(self.extra).decode())
        lines.append(f"{_INDEX}{self.index}")
        lines += [b64encode(one).decode() for one in self.hashes]
        return "\n".join(lines) + "\n\n" + self.checkpoint


def parse_proof(text: str) -> InclusionProof:
    """The proof in such a text. It proves nothing yet: see `verify_proof`.

    Raises:
        ProofInvalid: it is not of that form.
    """
    if not is_plain(text) or len(text) > PROOF_BOUND:
        raise _malformed("it is too long, or it is not UTF-8 text without control characters")
    above, _, checkpoint = text.partition("\n\n")
    lines = above.split("\n")
    if lines.pop(0) != HEADER:
        raise _malformed(f"its first line is not {HEADER}")
    extra = _base64(lines.pop(0).removeprefix(_EXTRA)) if lines and lines[0].startswith(_EXTRA) else None
    index = read_decimal(lines.pop(0).removeprefix(_INDEX)) if lines and lines[0].startswith(_INDEX) else None
    if index is None:
        raise _malformed("it has no line with the entry's index")
    try:
        return InclusionProof(index, tuple(_base64(line) for line in lines), checkpoint, extra)
    except InvalidInput:
        raise _malformed("its hashes, its extra data or its checkpoint are none") from None


def verify_proof(proof_text: str, leaf_hash: bytes, verifier: Verifier) -> Checkpoint:
    """The checkpoint by which the log says that it has this leaf, at the index the proof names.

    Args:
        proof_text: the whole proof, with line ends as they were written.
        leaf_hash: `merkle.leaf_hash` of the entry.
        verifier: the log's public key.

    Raises:
        NoteInvalid: the log's key did not sign the checkpoint.
        ProofInvalid: the proof is malformed, or does not lead from the leaf to the checkpoint's root.
    """
    proof = parse_proof(proof_text)
    checkpoint = open_checkpoint(proof.checkpoint, verifier)
    verify_inclusion(proof.index, checkpoint.size, leaf_hash, proof.hashes, checkpoint.root)
    return checkpoint


def _base64(text: str) -> bytes:
    decoded = strict_base64(text)
    if decoded is None:
        raise _malformed("a line is not base64")
    return decoded


def _malformed(why: str) -> ProofInvalid:
    return ProofInvalid(f"this is not an inclusion proof: {why}: pass the whole file as it was written")
