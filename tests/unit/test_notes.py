"""Signed notes: published ones open, ours are byte for byte as the specification says, and no tampered one opens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle.audit.notes import NOTE_BOUND, SIGNATURES_BOUND, Signer, Verifier, Witness
from inbox_lifecycle.errors import InvalidInput, NoteInvalid
from tests.support.noting import LOG, OTHER_KEY, OTHER_WITNESS, STRANGER, WITNESS, Hand, line

TEXT = "one line\nand another\n"
NOTE = LOG.note(TEXT)
VERIFIER = Verifier.from_text(LOG.verifier_text)
SIGNATURE = LOG.line(LOG.signed(TEXT))

#: The example of C2SP signed-note, section "Verifier keys"; two from the tests of golang.org/x/mod/sumdb/note; two
#: tree heads that Go's checksum database signed, the smaller of which is the example of C2SP tlog-checkpoint, renamed.
PUBLISHED: dict[str, tuple[str, str, str]] = {
    "C2SP": (
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "This is an example message.\n",
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
    ),
    "Go, Peter": (
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=",
    ),
    "Go, Enoch": (
        "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
        "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=",
    ),
    "sum database, smaller": (
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=",
    ),
    "sum database, larger": (
        "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
        "go.sum database tree\n65664258\nWVVNVD2qx+fTq31zkj6UAqxT5X6HvGphGM+o8Thnbsg=\n",
        "Az3grligJmgX7KGyGPKybykNTh3VgsbLvUuvOwrM5zLVlulmFp2wdvbxOw74/gcNxURShXEpb7RXcs3+BYflYN+w0gQ=",
    ),
}

#: Notes that are not of the form, by what is wrong with them.
MALFORMED: dict[str, Any] = {
    "nothing": "",
    "no text": f"\n{SIGNATURE}",
    "no signature": TEXT,
    "no signature after the empty line": f"{TEXT}\n",
    "no empty line": TEXT + SIGNATURE,
    "no last newline": NOTE.removesuffix("\n"),
    "an empty line at the end": f"{NOTE}\n",
    "a line that is no signature": f"{NOTE}unexpected\n",
    "a hyphen for the dash": NOTE.replace("—", "-"),
    "an en dash for the em dash": NOTE.replace("—", "\N{EN DASH}"),
    "no space after the dash": NOTE.replace("— ", "—"),
    "two spaces after the dash": NOTE.replace("— ", "—  "),
    "a space before the newline": NOTE.removesuffix("\n") + " \n",
    "a name with a plus": NOTE + line("a+b", bytes(68)),
    "a name with a space": NOTE + line("a b", bytes(68)),
    "a name with a wide space": NOTE + line("a\N{IDEOGRAPHIC SPACE}b", bytes(68)),
    "a name with a line separator": NOTE + line("a\N{LINE SEPARATOR}b", bytes(68)),
    "no name": NOTE + line("", bytes(68)),
    "a signature that is not base64": f"{NOTE}— {STRANGER.name} !!!!\n",
    "no signature bytes": f"{NOTE}— {STRANGER.name} \n",
    "a key id alone": NOTE + line(STRANGER.name, STRANGER.key_id),
    "less than a key id": NOTE + line(STRANGER.name, b"abc"),
    "base64 without padding": NOTE.replace("=\n", "\n"),
    "base64 with more padding": NOTE.replace("=\n", "==\n"),
    "base64 with spare bits": NOTE[:-3] + chr(ord(NOTE[-3]) + 1) + NOTE[-2:],
    "base64 for addresses": NOTE + line(STRANGER.name, b"\xff" * 68).replace("/", "_"),
    "a tab": NOTE.replace("one line", "one\tline"),
    "a carriage return": NOTE.replace("\n", "\r\n"),
    "a NUL": NOTE.replace("one", "\0one"),
    "a unit separator": NOTE.replace("one", "\x1fone"),
    "half of a surrogate pair": NOTE.replace("one", "\ud800one"),
    "too many signatures": f"{TEXT}\n{SIGNATURE * (SIGNATURES_BOUND + 1)}",
    "too many bytes": LOG.note("é" * (NOTE_BOUND // 2) + "\n"),
    "bytes": NOTE.encode(),
    "no text at all": None,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_notes_open(name: str) -> None:
    """What others signed we read, and only with their key."""
    key, text, signature = PUBLISHED[name]
    verifier = Verifier.from_text(key)
    note = f"{text}\n— {key.partition('+')[0]} {signature}\n"
    assert (verifier.text, verifier.open(note)) == (key, text)
    with pytest.raises(NoteInvalid, match="is not signed by"):
        VERIFIER.open(note)


def test_published_private_key_signs_as_published() -> None:
    """The key and the note of Go's own test."""
    text = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    key, message, signature = PUBLISHED["Go, Peter"]
    signer = Signer.from_text(text)
    assert (signer.name, signer.text, signer.verifier.text) == ("PeterNeumann", text, key)
    assert signer.sign(message) == f"{message}\n— PeterNeumann {signature}\n"


def test_note_is_as_the_specification_says() -> None:
    """Byte for byte what is put together by hand, with the same key."""
    signer = Signer.from_text(LOG.signer_text)
    assert signer.sign(TEXT) == NOTE
    assert (signer.text, signer.verifier, signer.name) == (LOG.signer_text, VERIFIER, LOG.name)
    assert (VERIFIER.text, VERIFIER.key_id, VERIFIER.name) == (LOG.verifier_text, LOG.key_id, LOG.name)


@pytest.mark.parametrize(
    "text", ["\n", "\n\n", "a\n\n", "\n\na\n", "a\n\n\n\nb\n", "è subito sera\n", "\N{LINE SEPARATOR}\n", NOTE]
)
def test_text_comes_back_as_it_was_signed(text: str) -> None:
    """With empty lines anywhere in it, and even where it is a note itself."""
    signer = Signer.generate(LOG.name)
    assert signer.verifier.open(signer.sign(text)) == text


def test_generated_keys_are_all_different_and_survive_as_text() -> None:
    """Both halves can be kept and read again."""
    first, second = Signer.generate(LOG.name), Signer.generate(LOG.name)
    assert first.verifier != second.verifier
    assert Signer.from_text(first.text + "\n").sign(TEXT) == first.sign(TEXT)
    assert Verifier.from_text(f" {first.verifier.text}\n") == first.verifier


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_note_is_refused(what: str) -> None:
    """Whatever it is that does not follow the form, even in a line of somebody unknown."""
    with pytest.raises(NoteInvalid, match="this is not a signed note"):
        VERIFIER.open(MALFORMED[what])
    with pytest.raises(NoteInvalid, match="this is not a signed note"):
        Witness.from_text(WITNESS.verifier_text).cosigned_at(MALFORMED[what])


@pytest.mark.parametrize("others", [15, SIGNATURES_BOUND - 1])
def test_signatures_of_unknown_keys_are_passed_over(others: int) -> None:
    """Before and after the one that counts; with the same name or the same id, though not both."""
    strangers = [Hand(f"stranger{number}.example", bytes([number]) * 32) for number in range(others - 3)]
    lines = [stranger.line(stranger.signed(TEXT)) for stranger in strangers]
    lines += [
        line(LOG.name, b"\0\0\0\0" + LOG.signed(TEXT)),
        SIGNATURE,
        line("other.example", LOG.key_id + bytes(64)),
        line("post.quantum.example", bytes(5000)),
    ]
    assert len(lines) == others + 1
    assert VERIFIER.open(f"{TEXT}\n{''.join(lines)}") == TEXT


def test_failing_signature_of_a_known_key_refuses_the_whole_note() -> None:
    """Though another of the same key holds, on either side of it."""
    failing = LOG.line(bytes(64))
    for lines in (failing, SIGNATURE + failing, failing + SIGNATURE):
        with pytest.raises(NoteInvalid, match=r"the signature by example\.com/inboxes does not hold"):
            VERIFIER.open(f"{TEXT}\n{lines}")
    assert VERIFIER.open(f"{TEXT}\n{SIGNATURE}{SIGNATURE}") == TEXT


@pytest.mark.parametrize("length", [1, 32, 63, 65, 72, 128])
def test_signature_of_another_length_does_not_hold(length: int) -> None:
    """Neither cut nor with something behind it."""
    signature = (LOG.signed(TEXT) * 2)[:length]
    with pytest.raises(NoteInvalid, match="does not hold"):
        VERIFIER.open(f"{TEXT}\n{LOG.line(signature)}")


@pytest.mark.parametrize("hand", [OTHER_KEY, STRANGER, WITNESS], ids=["same name", "stranger", "witness"])
def test_note_that_others_signed_does_not_open(hand: Hand) -> None:
    """A valid signature of somebody else's says nothing."""
    with pytest.raises(NoteInvalid, match=r"not signed by example\.com/inboxes"):
        VERIFIER.open(hand.note(TEXT))


def test_signature_under_a_stolen_name_and_id_does_not_hold() -> None:
    """Name and id are no secret: whoever writes them down has not signed."""
    forged = line(LOG.name, LOG.key_id + STRANGER.signed(TEXT))
    with pytest.raises(NoteInvalid, match="does not hold"):
        VERIFIER.open(f"{TEXT}\n{forged}")


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_note_with_any_character_changed_does_not_open(place: int, character: str) -> None:
    """Every part of it counts."""
    changed = NOTE[:place] + character + NOTE[place + 1 :]
    if changed != NOTE:
        with pytest.raises(NoteInvalid):
            VERIFIER.open(changed)


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.text(max_size=200) | st.binary(max_size=50) | st.none() | st.integers())
def test_anything_else_is_no_note_and_no_other_error(junk: Any) -> None:
    """With a signature behind it, too."""
    for note in (junk, f"{junk}\n\n{SIGNATURE}"):
        with pytest.raises(NoteInvalid):
            VERIFIER.open(note)


@pytest.mark.parametrize(
    "text", ["", "no newline", "a\tb\n", "a\r\n", "\0\n", "\ud800\n", None, b"a\n", "a" * NOTE_BOUND + "\n"]
)
def test_text_that_would_give_no_note_is_not_signed(text: Any) -> None:
    """What nobody could open is a caller's mistake."""
    with pytest.raises(InvalidInput, match=r"pass such a text|pass a shorter text"):
        Signer.from_text(LOG.signer_text).sign(text)


def test_longest_note_is_signed_and_opens() -> None:
    """The bound is the same on both sides."""
    signer = Signer.from_text(LOG.signer_text)
    text = "a" * (NOTE_BOUND - len((f"\n\n{SIGNATURE}").encode())) + "\n"
    assert len(signer.sign(text).encode()) == NOTE_BOUND
    assert VERIFIER.open(signer.sign(text)) == text
    with pytest.raises(InvalidInput, match="shorter"):
        signer.sign("a" + text)


TIME = 1_679_315_147
COSIGNED = NOTE + WITNESS.line(WITNESS.cosigned(TEXT, TIME))


def test_cosignature_says_when_and_leaves_the_log_s_own_as_it_is() -> None:
    """Each key finds its own line, whoever else signed."""
    witness = Witness.from_text(WITNESS.verifier_text)
    note = COSIGNED + OTHER_WITNESS.line(OTHER_WITNESS.cosigned(TEXT, TIME + 60))
    assert witness.cosigned_at(note) == datetime(2023, 3, 20, 12, 25, 47, tzinfo=UTC)
    assert Witness.from_text(OTHER_WITNESS.verifier_text).cosigned_at(note).minute == 26
    assert VERIFIER.open(note) == TEXT


def test_key_id_of_a_published_witness_is_the_one_published() -> None:
    """A witness at work, as transparency-dev/formats has it in its tests (Apache-2.0)."""
    text = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
    witness = Witness.from_text(text)
    assert (witness.name, witness.key_id.hex(), witness.text) == ("remora.n621.de", "da77ade7", text)


def test_newest_of_a_witness_s_cosignatures_counts() -> None:
    """It may have looked twice."""
    note = NOTE + "".join(WITNESS.line(WITNESS.cosigned(TEXT, TIME + more)) for more in (0, 3600, 60))
    assert Witness.from_text(WITNESS.verifier_text).cosigned_at(note).hour == 13


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (WITNESS.cosigned("another text\n", TIME), "does not hold"),
        ((TIME + 1).to_bytes(8) + WITNESS.cosigned(TEXT, TIME)[8:], "does not hold"),
        (WITNESS.signed(TEXT), "does not hold"),
        (TIME.to_bytes(8) + WITNESS.signed(TEXT), "does not hold"),
        (WITNESS.cosigned(TEXT, TIME)[:-1], "does not hold"),
        (WITNESS.cosigned(TEXT, TIME)[:8], "does not hold"),
        (b"\0", "does not hold"),
        (OTHER_WITNESS.cosigned(TEXT, TIME), "does not hold"),
        (WITNESS.cosigned(TEXT, 2**63 - 1), "impossible time"),
        (WITNESS.cosigned(TEXT, 2**64 - 1), "impossible time"),
    ],
    ids=["text", "time", "plain", "untimed", "cut", "time alone", "one byte", "other", "far", "unsigned"],
)
def test_failing_cosignature_is_refused(signature: bytes, why: str) -> None:
    """Though one that holds stands beside it."""
    witness = Witness.from_text(WITNESS.verifier_text)
    for note in (NOTE + WITNESS.line(signature), COSIGNED + WITNESS.line(signature)):
        with pytest.raises(NoteInvalid, match=why):
            witness.cosigned_at(note)


def test_note_without_the_witness_is_refused() -> None:
    """Also where somebody signed plainly with the witness's key."""
    plain = Hand(WITNESS.name, WITNESS.seed)
    for note in (NOTE, NOTE + plain.line(plain.signed(TEXT))):
        with pytest.raises(NoteInvalid, match=r"not signed by witness\.example/w1"):
            Witness.from_text(WITNESS.verifier_text).cosigned_at(note)
