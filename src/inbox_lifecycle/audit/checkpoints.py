"""Checkpoints: the size and the root of the tree at one time, as a signed note.

Who keeps a checkpoint can hold the log to it for good: every later tree has to extend it, and every entry it covers has
to be in it. The text has three lines: the log's origin, the size in decimal, the root in base64. Further lines are
extensions, which we never write and only pass over.

Source: C2SP tlog-checkpoint.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass

from inbox_lifecycle.audit.key_text import is_plain, strict_base64
from inbox_lifecycle.audit.merkle import EMPTY_ROOT, SIZE_BOUND, is_hash, is_size
from inbox_lifecycle.audit.notes import Signer, Verifier
from inbox_lifecycle.errors import InvalidInput, NoteInvalid

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
#: Lines that a checkpoint has at least: origin, size, root.
_LINES = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree's head: what the log was at one time.

    Raises:
        InvalidInput: these are not an origin, a size and the root of a tree of that size.
    """

    #: Which log it is: one line of text, the name of the log's key.
    origin: str
    #: How many entries the log has.
    size: int
    #: The root of the tree over them.
    root: bytes

    def __post_init__(self) -> None:
        if not (is_plain(self.origin) and self.origin and "\n" not in self.origin):
            raise InvalidInput("an origin is one line of text without control characters: use the key's name")
        if not is_size(self.size):
            raise InvalidInput("a size is a number of entries: pass one from 0 on")
        if not is_hash(self.root):
            raise InvalidInput("a root has 32 bytes: pass the tree's")
        if not self.size and self.root != EMPTY_ROOT:
            raise InvalidInput("a tree without entries has one root only: pass merkle.EMPTY_ROOT")

    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """The checkpoint of a note's text. The text says nothing yet: see `open_checkpoint`.

    Raises:
        NoteInvalid: it is not a checkpoint in its one form.
    """
    lines = text.split("\n") if is_plain(text) else []
    if len(lines) <= _LINES or lines.pop() or not all(lines):
        raise _malformed("it does not have three full lines or more")
    origin, size, root = lines[0], read_decimal(lines[1]), strict_base64(lines[2])
    if size is None or root is None:
        raise _malformed("its size is not decimal, or its root is not base64")
    try:
        return Checkpoint(origin, size, root)
    except InvalidInput:
        raise _malformed("its root is not one of a tree of its size") from None


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """The checkpoint as a note with the log's signature.

    Nothing is compared with what was signed before: whoever calls this has checked that the tree extends it.

    Raises:
        InvalidInput: the checkpoint is of another log than the key.
    """
    if checkpoint.origin != signer.name:
        raise InvalidInput("the checkpoint is of another log than the key: sign it with the key of its origin's name")
    return signer.sign(checkpoint.body())


def open_checkpoint(note: str, verifier: Verifier) -> Checkpoint:
    """The checkpoint in a note that this log's key signed.

    Raises:
        NoteInvalid: the key did not sign it, or what it signed is not a checkpoint of its log.
    """
    checkpoint = parse_checkpoint(verifier.open(note))
    if checkpoint.origin != verifier.name:
        raise _malformed("its origin is not the name of the key")
    return checkpoint


def read_decimal(text: str) -> int | None:
    """The number of a decimal text without sign and leading zeros, below the bound of sizes; None if it is not one."""
    if not _DECIMAL.fullmatch(text):
        return None
    number = int(text)
    return number if number < SIZE_BOUND else None


def _malformed(why: str) -> NoteInvalid:
    return NoteInvalid(f"this is not a checkpoint of this log: {why}: check which file and which key you passed")
