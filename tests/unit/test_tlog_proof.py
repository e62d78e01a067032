"""Proofs as files: the text of the specification, and nothing verified that was touched anywhere."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle.audit.checkpoints import Checkpoint, sign_checkpoint
from inbox_lifecycle.audit.merkle import inclusion_proof, leaf_hash, root
from inbox_lifecycle.audit.notes import Signer, Verifier
from inbox_lifecycle.audit.tlog_proof import PROOF_BOUND, InclusionProof, parse_proof, verify_proof
from inbox_lifecycle.errors import InvalidInput, NoteInvalid, ProofInvalid
from tests.support import rfc_merkle
from tests.support.noting import LOG, STRANGER, WITNESS

ENTRIES = [f"entry {number}".encode() for number in range(7)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
VERIFIER = Verifier.from_text(LOG.verifier_text)
NOTE = sign_checkpoint(Checkpoint(LOG.name, 7, root(LEAVES)), Signer.from_text(LOG.signer_text))


def _lines(hashes: list[bytes]) -> str:
    return "".join(f"{b64encode(one).decode()}\n" for one in hashes)


#: The proof of the fifth entry, by hand and with the RFC's recursion.
TEXT = f"c2sp.org/tlog-proof@v1\nindex 4\n{_lines(rfc_merkle.path(4, ENTRIES))}\n{NOTE}"

#: The example of C2SP tlog-proof, its part above the checkpoint; the checkpoint's signatures are not complete there.
PUBLISHED = """\
c2sp.org/tlog-proof@v1
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

"""

#: Texts that are no proof, by what is wrong with them.
MALFORMED: dict[str, Any] = {
    "nothing": "",
    "a checkpoint alone": NOTE,
    "no checkpoint": TEXT[: TEXT.index("\n\n") + 1],
    "no checkpoint after the empty line": TEXT[: TEXT.index("\n\n") + 2],
    "a checkpoint without its end": TEXT.removesuffix("\n"),
    "no empty line": TEXT.replace("\n\n", "\n", 1).replace("\n\n", "\n"),
    "an empty line before": f"\n{TEXT}",
    "a later version": TEXT.replace("@v1", "@v2"),
    "a space behind the header": TEXT.replace("@v1", "@v1 "),
    "no header": TEXT.partition("\n")[2],
    "no index": TEXT.replace("index 4\n", ""),
    "two indices": TEXT.replace("index 4\n", "index 4\nindex 4\n"),
    "an index with zeros": TEXT.replace("index 4", "index 04"),
    "a negative index": TEXT.replace("index 4", "index -4"),
    "no number": TEXT.replace("index 4", "index "),
    "a word": TEXT.replace("index 4", "index four"),
    "two spaces": TEXT.replace("index 4", "index  4"),
    "a tab": TEXT.replace("index 4", "index\t4"),
    "an index past the bound": TEXT.replace("index 4", f"index {2**63}"),
    "an index past all bounds": TEXT.replace("index 4", f"index {'9' * 5000}"),
    "a capital": TEXT.replace("index 4", "Index 4"),
    "empty extra data": TEXT.replace("index 4", "extra \nindex 4"),
    "extra data that is not base64": TEXT.replace("index 4", "extra !\nindex 4"),
    "extra data twice": TEXT.replace("index 4", "extra YQ==\nextra YQ==\nindex 4"),
    "extra data behind the index": TEXT.replace("index 4", "index 4\nextra YQ=="),
    "a short hash": TEXT.replace("index 4\n", f"index 4\n{_lines([bytes(31)])}"),
    "a long hash": TEXT.replace("index 4\n", f"index 4\n{_lines([bytes(33)])}"),
    "a hash without padding": TEXT.replace("=\n", "\n", 1),
    "a hash in hexadecimal": TEXT.replace("index 4\n", f"index 4\n{bytes(32).hex()}\n"),
    "a higher tree than there is": TEXT.replace("index 4\n", f"index 4\n{_lines([bytes(32)] * 61)}"),
    "carriage returns": TEXT.replace("\n", "\r\n"),
    "half of a surrogate pair": TEXT.replace("index", "\ud800"),
    "too many characters": TEXT.replace("index 4", f"extra {'A' * PROOF_BOUND}\nindex 4"),
    "bytes": TEXT.encode(),
    "no text at all": None,
}


def test_proof_is_as_the_specification_says() -> None:
    """Byte for byte what is put together by hand."""
    proof = InclusionProof(4, tuple(inclusion_proof(LEAVES, 4)), NOTE)
    assert proof.text() == TEXT
    assert parse_proof(TEXT) == proof
    assert verify_proof(TEXT, LEAVES[4], VERIFIER) == Checkpoint(LOG.name, 7, root(LEAVES))


def test_published_proof_is_read_and_written_again() -> None:
    """As it was, over a checkpoint that is whole."""
    proof = parse_proof(PUBLISHED + NOTE)
    assert (proof.index, len(proof.hashes), proof.checkpoint, proof.extra) == (73894, 5, NOTE, None)
    assert proof.text() == PUBLISHED + NOTE


def test_extra_data_is_carried_and_not_trusted() -> None:
    """It changes nothing in what is proven."""
    proof = InclusionProof(4, tuple(inclusion_proof(LEAVES, 4)), NOTE, b"context")
    assert proof.text() == TEXT.replace("index 4", "extra Y29udGV4dA==\nindex 4")
    assert parse_proof(proof.text()) == proof
    assert verify_proof(proof.text(), LEAVES[4], VERIFIER).size == 7


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_every_entry_s_proof_verifies_and_proves_no_other_entry(size: int) -> None:
    """With the leaf at hand and the log's key, and nothing else."""
    note = sign_checkpoint(Checkpoint(LOG.name, size, root(LEAVES[:size])), Signer.from_text(LOG.signer_text))
    for index in range(size):
        text = InclusionProof(index, tuple(inclusion_proof(LEAVES[:size], index)), note).text()
        verify_proof(text, LEAVES[index], VERIFIER)
        for other in set(range(7)) - {index}:
            with pytest.raises(ProofInvalid, match="another root"):
                verify_proof(text, LEAVES[other], VERIFIER)


def test_witnessed_proof_verifies() -> None:
    """More signatures on the checkpoint do no harm."""
    body = NOTE.partition("\n\n")[0] + "\n"
    cosigned = WITNESS.line(WITNESS.cosigned(body, 1_700_000_000))
    assert verify_proof(TEXT + cosigned, LEAVES[4], VERIFIER).size == 7


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_proof_is_refused(what: str) -> None:
    """Before any signature is looked at."""
    with pytest.raises(ProofInvalid, match="this is not an inclusion proof"):
        parse_proof(MALFORMED[what])
    with pytest.raises(ProofInvalid, match="this is not an inclusion proof"):
        verify_proof(MALFORMED[what], LEAVES[4], VERIFIER)


@pytest.mark.parametrize("index", [0, 3, 5, 6, 7, 2**62])
def test_proof_under_another_index_is_refused(index: int) -> None:
    """The place in the log is a part of what is proven."""
    with pytest.raises(ProofInvalid, match="the proof is invalid"):
        verify_proof(TEXT.replace("index 4", f"index {index}"), LEAVES[4], VERIFIER)


def test_proof_under_another_s_checkpoint_is_refused() -> None:
    """Of another key, and of the same key at another size."""
    body = NOTE.partition("\n\n")[0] + "\n"
    with pytest.raises(NoteInvalid, match="is not signed by"):
        verify_proof(TEXT.replace(NOTE, STRANGER.note(body)), LEAVES[4], VERIFIER)
    earlier = sign_checkpoint(Checkpoint(LOG.name, 6, root(LEAVES[:6])), Signer.from_text(LOG.signer_text))
    with pytest.raises(ProofInvalid, match="the proof is invalid"):
        verify_proof(TEXT.replace(NOTE, earlier), LEAVES[4], VERIFIER)


@pytest.mark.parametrize("leaf", [None, b"", bytes(31), "x" * 32, LEAVES[4].hex(), ENTRIES[4]])
def test_what_is_no_leaf_hash_is_refused(leaf: Any) -> None:
    """An entry is not its hash."""
    with pytest.raises(ProofInvalid, match="not 32 bytes"):
        verify_proof(TEXT, leaf, VERIFIER)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.integers(0, len(TEXT) - 1), st.characters(codec="utf-8"))
def test_proof_with_any_character_changed_is_refused(place: int, character: str) -> None:
    """Every part of it counts."""
    changed = TEXT[:place] + character + TEXT[place + 1 :]
    if changed != TEXT:
        with pytest.raises(ProofInvalid):
            verify_proof(changed, LEAVES[4], VERIFIER)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.text(max_size=200) | st.binary(max_size=50) | st.none() | st.integers())
def test_what_is_read_is_written_again_the_same(junk: Any) -> None:
    """Whatever stands in it: either it is refused, or nothing of it is lost."""
    head = "c2sp.org/tlog-proof@v1\n"
    for text in (junk, f"{head}{junk}\n\n{NOTE}", f"{head}index 4\n{junk}\n\n{NOTE}", f"{head}index 4\n\n{junk}\n"):
        try:
            read = parse_proof(text)
        except ProofInvalid:
            continue
        assert read.text() == text


@pytest.mark.parametrize(
    ("index", "hashes", "checkpoint", "extra"),
    [
        (-1, (), NOTE, None),
        (True, (), NOTE, None),
        (2**63, (), NOTE, None),
        (0, (b"x",), NOTE, None),
        (0, (None,), NOTE, None),
        (0, (bytes(32),) * 64, NOTE, None),
        (0, (), "", None),
        (0, (), NOTE.removesuffix("\n"), None),
        (0, (), NOTE.encode(), None),
        (0, (), NOTE, b""),
    ],
    ids=range(10),
)
def test_what_no_proof_can_hold_is_refused(index: Any, hashes: Any, checkpoint: Any, extra: Any) -> None:
    """A caller's mistake, found before it is written down."""
    with pytest.raises(InvalidInput, match=r": pass (one from 0|what|all of|None)"):
        InclusionProof(index, hashes, checkpoint, extra)
