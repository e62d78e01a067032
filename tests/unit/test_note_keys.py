"""Keys of notes as text: what was published is read, and a slip of the hand is found before anything is signed."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from inbox_lifecycle.audit.notes import Signer, Verifier, Witness
from inbox_lifecycle.errors import InvalidInput
from tests.support.noting import LOG, STRANGER, WITNESS


def _mangled(text: str) -> list[str]:
    """Every part of the text, and the text with every one of its characters changed."""
    parts = [text[begin:end] for begin in range(len(text)) for end in range(begin + 1, len(text) + 1)]
    parts.remove(text)
    return parts + [text[:place] + chr(ord(text[place]) + 1) + text[place + 1 :] for place in range(len(text))]


@pytest.mark.parametrize("kind", [Verifier, Witness, Signer])
def test_mangled_key_is_refused(kind: type[Verifier | Witness | Signer]) -> None:
    """The id in the text vouches for name and key, so that a slip of the hand is found."""
    texts = {Verifier: LOG.verifier_text, Witness: WITNESS.verifier_text, Signer: LOG.signer_text}
    kind.from_text(texts[kind])
    for text in _mangled(texts[kind]):
        with pytest.raises(InvalidInput):
            kind.from_text(text)


def _key_text(kind: int, key: bytes, name: str = "a") -> str:
    return f"{name}+00000000+{b64encode(bytes([kind]) + key).decode()}"


@pytest.mark.parametrize("kind", [Verifier, Witness, Signer])
@pytest.mark.parametrize(
    "text",
    [
        None,
        b"",
        7,
        "",
        "++",
        STRANGER.verifier_text.replace("+", " "),
        _key_text(2, bytes(32)),
        _key_text(6, bytes(1312)),
        _key_text(1, bytes(31)),
        _key_text(1, bytes(33)),
        _key_text(4, bytes(33)),
        _key_text(1, bytes(32), "a b"),
        _key_text(1, bytes(32), ""),
        _key_text(1, bytes(32)) + "=",
        "PRIVATE+KEY+",
        f"PRIVATE+KEY+{_key_text(4, bytes(32))}",
    ],
    ids=range(16),
)
def test_what_is_no_key_is_refused(kind: type[Verifier | Witness | Signer], text: Any) -> None:
    """A caller's mistake; the message never repeats what was passed."""
    with pytest.raises(InvalidInput, match=r"^this is not a (verifier|signing) key: pass the whole text"):
        kind.from_text(text)


def test_key_is_of_one_use_only() -> None:
    """A witness's key opens no log, a log's key cosigns nothing, and a private key is no public one."""
    for kind, text in ((Verifier, WITNESS.verifier_text), (Witness, LOG.verifier_text), (Verifier, LOG.signer_text)):
        with pytest.raises(InvalidInput, match="not a verifier key"):
            kind.from_text(text)
    with pytest.raises(InvalidInput, match="not a signing key"):
        Signer.from_text(LOG.verifier_text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\tb", "a\N{NO-BREAK SPACE}b", "\ud800", "a\0", None])
def test_name_that_no_note_can_hold_is_refused(name: Any) -> None:
    """Before a key is made that could sign nothing."""
    with pytest.raises(InvalidInput, match=r"use one like example\.com/log"):
        Signer.generate(name)
    with pytest.raises(InvalidInput, match=r"use one like example\.com/log"):
        Verifier(name, bytes(32))


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33), "x" * 32, None])
def test_raw_key_of_another_form_is_refused(key: Any) -> None:
    """As it came out of some other tool, perhaps; and so is a private one."""
    with pytest.raises(InvalidInput, match="public key has 32 bytes"):
        Verifier("a", key)
    with pytest.raises(InvalidInput, match="seed of an Ed25519 key has 32 bytes"):
        Signer("a", key)
