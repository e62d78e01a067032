"""Checkpoints: one form only, signed under the log's own name, and opened only with its key."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle.audit.checkpoints import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    read_decimal,
    sign_checkpoint,
)
from inbox_lifecycle.audit.merkle import EMPTY_ROOT
from inbox_lifecycle.audit.notes import Signer, Verifier, Witness
from inbox_lifecycle.errors import InvalidInput, NoteInvalid
from tests.support.noting import LOG, OTHER_KEY, STRANGER, WITNESS

ROOT = bytes(range(100, 132))
ROOT_TEXT = b64encode(ROOT).decode()
BODY = f"{LOG.name}\n12\n{ROOT_TEXT}\n"
CHECKPOINT = Checkpoint(LOG.name, 12, ROOT)
SIGNER = Signer.from_text(LOG.signer_text)
VERIFIER = Verifier.from_text(LOG.verifier_text)

#: The example of C2SP tlog-checkpoint, its text.
PUBLISHED = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

#: Texts that are no checkpoint, by what is wrong with them.
MALFORMED: dict[str, Any] = {
    "nothing": "",
    "two lines": f"{LOG.name}\n12\n",
    "no last newline": BODY.removesuffix("\n"),
    "no newline behind an extension": f"{BODY}extension",
    "an empty line behind": f"{BODY}\n",
    "an empty line before": f"\n{BODY}",
    "an empty origin": f"\n12\n{ROOT_TEXT}\n",
    "an empty extension": f"{BODY}\nextension\n",
    "leading zeros": BODY.replace("12", "012"),
    "two zeros": BODY.replace("12", "00"),
    "a plus": BODY.replace("12", "+12"),
    "a minus": BODY.replace("12", "-12"),
    "a space before the size": BODY.replace("12", " 12"),
    "a space behind the size": BODY.replace("12", "12 "),
    "an underscore": BODY.replace("12", "1_2"),
    "digits of another script": BODY.replace("12", "1\N{ARABIC-INDIC DIGIT TWO}"),
    "a fraction": BODY.replace("12", "12.0"),
    "hexadecimal": BODY.replace("12", "0xc"),
    "a size past the bound": BODY.replace("12", str(2**63)),
    "a size past all bounds": BODY.replace("12", "9" * 5000),
    "no size": BODY.replace("12", "twelve"),
    "a short root": BODY.replace(ROOT_TEXT, b64encode(ROOT[:31]).decode()),
    "a long root": BODY.replace(ROOT_TEXT, b64encode(ROOT + b"x").decode()),
    "a root without padding": BODY.replace("=", ""),
    "a root with spare bits": BODY.replace(ROOT_TEXT, ROOT_TEXT[:-2] + chr(ord(ROOT_TEXT[-2]) + 1) + "="),
    "a root in hexadecimal": BODY.replace(ROOT_TEXT, ROOT.hex()),
    "a space behind the root": BODY.replace(ROOT_TEXT, f"{ROOT_TEXT} "),
    "an empty tree's size with another root": BODY.replace("12", "0"),
    "carriage returns": BODY.replace("\n", "\r\n"),
    "a tab in an extension": f"{BODY}a\tb\n",
    "half of a surrogate pair": f"{BODY}\ud800\n",
    "bytes": BODY.encode(),
    "no text at all": None,
}


def test_body_is_as_the_specification_says() -> None:
    """Origin, size and root, a line each."""
    assert CHECKPOINT.body() == BODY
    assert (
        Checkpoint(LOG.name, 0, EMPTY_ROOT).body() == f"{LOG.name}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    )


def test_published_checkpoint_is_read() -> None:
    """And written again as it was."""
    checkpoint = parse_checkpoint(PUBLISHED)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.body() == PUBLISHED


@pytest.mark.parametrize("extensions", ["", "one\n", "one\ntwo words\nÈ\n"])
def test_extensions_are_passed_over(extensions: str) -> None:
    """They say nothing that we know of."""
    assert parse_checkpoint(BODY + extensions) == CHECKPOINT


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_checkpoint_is_refused(what: str) -> None:
    """There is one form of each."""
    with pytest.raises(NoteInvalid, match="this is not a checkpoint of this log"):
        parse_checkpoint(MALFORMED[what])


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.text(max_size=200) | st.binary(max_size=50) | st.none() | st.integers())
def test_what_is_read_is_written_again_the_same(junk: Any) -> None:
    """Whatever is behind the first lines: either it is refused, or it is extensions."""
    for text in (
        junk,
        f"{BODY}{junk}",
        f"{BODY}{junk}\n",
        f"{junk}\n12\n{ROOT_TEXT}\n",
        f"{LOG.name}\n{junk}\n{ROOT_TEXT}\n",
    ):
        try:
            read = parse_checkpoint(text)
        except NoteInvalid:
            continue
        assert text.startswith(read.body())


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 12, ROOT),
        ("a\nb", 12, ROOT),
        ("a\0", 12, ROOT),
        (None, 12, ROOT),
        (b"a", 12, ROOT),
        ("a", -1, ROOT),
        ("a", True, ROOT),
        ("a", 1.0, ROOT),
        ("a", "1", ROOT),
        ("a", 2**63, ROOT),
        ("a", 12, ROOT[:31]),
        ("a", 12, ROOT.hex()),
        ("a", 12, None),
        ("a", 0, ROOT),
    ],
)
def test_what_no_log_can_be_at_is_no_checkpoint(origin: Any, size: Any, root: Any) -> None:
    """A caller's mistake, found before it is signed."""
    with pytest.raises(InvalidInput, match=r"use the key's name|pass one from 0|pass the tree's|merkle\.EMPTY_ROOT"):
        Checkpoint(origin, size, root)


def test_signed_checkpoint_is_as_put_together_by_hand_and_opens() -> None:
    """Byte for byte."""
    assert sign_checkpoint(CHECKPOINT, SIGNER) == LOG.note(BODY)
    assert open_checkpoint(LOG.note(BODY), VERIFIER) == CHECKPOINT


def test_witnessed_checkpoint_opens_with_both_keys() -> None:
    """The log's line and the witness's stand beside each other."""
    note = LOG.note(BODY) + WITNESS.line(WITNESS.cosigned(BODY, 1_700_000_000))
    assert open_checkpoint(note, VERIFIER) == CHECKPOINT
    assert Witness.from_text(WITNESS.verifier_text).cosigned_at(note).year == 2023


def test_checkpoint_of_another_log_is_not_signed() -> None:
    """A key signs in its own name only."""
    with pytest.raises(InvalidInput, match="of another log than the key"):
        sign_checkpoint(Checkpoint(STRANGER.name, 12, ROOT), SIGNER)


def test_checkpoint_that_says_another_origin_does_not_open() -> None:
    """Though the key did sign it: it speaks of another log."""
    body = BODY.replace(LOG.name, STRANGER.name)
    with pytest.raises(NoteInvalid, match="its origin is not the name of the key"):
        open_checkpoint(LOG.note(body), VERIFIER)


@pytest.mark.parametrize("hand", [OTHER_KEY, STRANGER, WITNESS], ids=["same name", "stranger", "witness"])
def test_checkpoint_that_the_log_did_not_sign_does_not_open(hand: Any) -> None:
    """Whatever it says of itself."""
    with pytest.raises(NoteInvalid, match="is not signed by"):
        open_checkpoint(hand.note(BODY), VERIFIER)


@pytest.mark.parametrize("changed", [BODY.replace("12", "13"), BODY.replace(ROOT_TEXT, b64encode(bytes(32)).decode())])
def test_changed_checkpoint_does_not_open(changed: str) -> None:
    """Size and root are signed together."""
    signature = LOG.line(LOG.signed(BODY))
    with pytest.raises(NoteInvalid, match="does not hold"):
        open_checkpoint(f"{changed}\n{signature}", VERIFIER)


def test_other_note_of_the_same_key_is_no_checkpoint() -> None:
    """The log's key may sign other texts, which then do not pass for one."""
    with pytest.raises(NoteInvalid, match="this is not a checkpoint"):
        open_checkpoint(LOG.note("inbox-lifecycle/head\nan inbox\n"), VERIFIER)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("10", 10), (str(2**63 - 1), 2**63 - 1)])
def test_decimal_is_read(text: str, number: int) -> None:
    """Up to the largest size there can be."""
    assert read_decimal(text) == number


@pytest.mark.parametrize("text", ["", "00", "01", "-0", "1\n", " 1", "1e3", "²", str(2**63), "9" * 19, "9" * 5000])
def test_what_is_no_decimal_is_none(text: str) -> None:
    """One form for each number, and an end to them."""
    assert read_decimal(text) is None
