"""Signed notes: text that says by whom it was signed, as transparency logs write it.

A note is a text, an empty line, and one line for each signature: an em dash, the key's name, and base64 of a four-byte
key id and the signature. Name and id together say whose key it is and of which algorithm; signatures of keys that the
reader does not know are passed over, which lets witnesses add theirs. The text is never to be looked at before a
signature of a known key has held, so reading a note and verifying it are one call here. Keys of logs are Ed25519 (type
0x01); witnesses sign the text together with the time they saw it (type 0x04).

Sources: C2SP signed-note and tlog-cosignature; RFC 8032 (Ed25519); the text forms of keys are those of Go's
golang.org/x/mod/sumdb/note, which the field's tools read and write.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, NoReturn, Self, final

from inbox_lifecycle.audit.key_text import (
    KEY_LENGTH,
    ed25519_module,
    is_key_name,
    is_plain,
    is_raw_key,
    read_key_file,
    read_key_text,
    strict_base64,
)
from inbox_lifecycle.errors import InvalidInput, NoteInvalid

#: Where a signing key is looked for when no file is named.
KEY_VARIABLE = "INBOX_LIFECYCLE_SIGNING_KEY"
#: Bytes of the longest note that is read or signed.
NOTE_BOUND = 1_000_000
#: Signature lines of a note; readers must take 16 at least.
SIGNATURES_BOUND = 100

_ED25519 = b"\x01"
_COSIGNATURE = b"\x04"
_PRIVATE = "PRIVATE+KEY+"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MALFORMED_VERIFIER = "this is not a verifier key: pass the whole text, name+id+base64, as its owner published it"
_MALFORMED_SIGNER = "this is not a signing key: pass the whole text that `inbox-lifecycle key generate` wrote"


@dataclass(frozen=True, slots=True, repr=False)
class _PublicKey:
    """A name and a public key: together they are who signed."""

    name: str
    #: The 32 bytes of RFC 8032.
    public_key: bytes

    _type: ClassVar[bytes]

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise InvalidInput("a key's name has no spaces, plus or control characters: use one like example.com/log")
        if not is_raw_key(self.public_key):
            raise InvalidInput("an Ed25519 public key has 32 bytes: pass its raw form")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The key in its usual text form: `name+id+base64`, the id in hexadecimal.

        Raises:
            InvalidInput: it is not such a text, the id is not the one of the key, or the key has another use.
        """
        read = read_key_text(text, "", cls._type)
        if read is None:
            raise InvalidInput(_MALFORMED_VERIFIER)
        name, key_id, public_key = read
        key = cls(name, public_key)
        if key.key_id.hex() != key_id:
            raise InvalidInput("the id in this verifier key is not the one of its key: have it sent again")
        return key

    @property
    def key_id(self) -> bytes:
        """The four bytes that tell keys of one name apart; short on purpose, since they only say which key to try."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._type + self.public_key).digest()[:4]

    @property
    def text(self) -> str:
        """The key in its usual text form, to be published."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(self._type + self.public_key).decode()}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def _signatures(self, parsed: _Note) -> list[bytes]:
        """The signatures that say they are by this key; at least one."""
        wanted = (self.name, self.key_id)
        found = [signature for name, key_id, signature in parsed.signatures if (name, key_id) == wanted]
        if not found:
            raise NoteInvalid(f"the note is not signed by {self.name}: check whose key this is before trusting it")
        return found

    def _verify(self, signature: bytes, message: bytes) -> None:
        from cryptography.exceptions import InvalidSignature

        key = ed25519_module().Ed25519PublicKey.from_public_bytes(self.public_key)
        try:
            key.verify(signature, message)
        except InvalidSignature:
            raise NoteInvalid(f"the signature by {self.name} does not hold: do not trust what the note says") from None


@final
@dataclass(frozen=True, slots=True, repr=False)
class Verifier(_PublicKey):
    """A log's public key, to open notes with."""

    _type: ClassVar[bytes] = _ED25519

    def open(self, note: str) -> str:
        """The note's text, if this key signed it; nothing of a note that it did not sign.

        Signatures by other keys are passed over. Each one that says it is by this key has to hold.

        Args:
            note: the whole note, with line ends as they were written.

        Raises:
            NoteInvalid: the note is malformed, this key did not sign it, or a signature by it does not hold.
        """
        ed25519_module()
        parsed = _parse(note)
        for signature in self._signatures(parsed):
            self._verify(signature, parsed.text.encode())
        return parsed.text


@final
@dataclass(frozen=True, slots=True, repr=False)
class Witness(_PublicKey):
    """A witness's public key: it signs checkpoints it found consistent with all it had seen before, and when."""

    _type: ClassVar[bytes] = _COSIGNATURE

    def cosigned_at(self, note: str) -> datetime:
        """When this witness cosigned the checkpoint, as it says (C2SP cosignature/v1); the newest time, if it has more.

        A cosignature speaks of the checkpoint in the note; open that with the log's own key as well.

        Raises:
            NoteInvalid: the note is malformed, this witness did not cosign it, or a cosignature by it does not hold.
        """
        ed25519_module()
        parsed = _parse(note)
        return max(self._cosigned_at(signature, parsed.text) for signature in self._signatures(parsed))

    def _cosigned_at(self, signature: bytes, text: str) -> datetime:
        seconds = int.from_bytes(signature[:8])
        self._verify(signature[8:], f"cosignature/v1\ntime {seconds}\n{text}".encode())
        try:
            return _EPOCH + timedelta(seconds=seconds)
        except OverflowError:
            raise NoteInvalid(f"the cosignature by {self.name} has an impossible time: do not trust it") from None


@final
class Signer:
    """A log's private key. It comes from a file or the environment, never from the database it signs for."""

    __slots__ = ("_key", "_verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        """Sign in this name; see `generate` and the `from_` methods for ways to a key.

        Raises:
            InvalidInput: the name or the seed has another form, or the extra `audit` is not installed.
        """
        if not is_raw_key(seed):
            raise InvalidInput("the seed of an Ed25519 key has 32 bytes: pass its raw form")
        self._key = ed25519_module().Ed25519PrivateKey.from_private_bytes(seed)
        self._verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> Self:
        """A new key.

        Args:
            name: who signs; for a log its origin, best a URL without a scheme, such as `example.com/inboxes`.

        Raises:
            InvalidInput: the name has spaces, plus or control characters, or the extra `audit` is not installed.
        """
        return cls(name, secrets.token_bytes(KEY_LENGTH))

    @classmethod
    def from_text(cls, private_key_text: str) -> Self:
        """The key of a text that `text` gave.

        Raises:
            InvalidInput: it is not such a text, or the extra `audit` is not installed.
        """
        read = read_key_text(private_key_text, _PRIVATE, _ED25519)
        if read is None:
            raise InvalidInput(_MALFORMED_SIGNER)
        name, key_id, seed = read
        signer = cls(name, seed)
        if signer.verifier.key_id.hex() != key_id:
            raise InvalidInput("the id in this signing key is not the one of its key: take it from the backup again")
        return signer

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """The key in a file that only its owner can read.

        Raises:
            InvalidInput: there is no such file, others can read it, or it does not hold a signing key.
        """
        return cls.from_text(read_key_file(path))

    @classmethod
    def from_environment(cls, variable: str = KEY_VARIABLE) -> Self:
        """The key in an environment variable.

        Raises:
            InvalidInput: the variable is not set, or does not hold a signing key.
        """
        text = os.environ.get(variable)
        if not text:
            raise InvalidInput(f"there is no signing key: set {variable} to what `inbox-lifecycle key generate` wrote")
        return cls.from_text(text)

    @property
    def name(self) -> str:
        """Who signs."""
        return self._verifier.name

    @property
    def verifier(self) -> Verifier:
        """The public key that belongs to it."""
        return self._verifier

    @property
    def text(self) -> str:
        """The private key as text, to be kept secret: whoever has it can sign in this name."""
        seed = b64encode(_ED25519 + self._key.private_bytes_raw()).decode()
        return f"{_PRIVATE}{self.name}+{self._verifier.key_id.hex()}+{seed}"

    def sign(self, text: str) -> str:
        """The note of this text with one signature. The same text always gives the same note.

        Raises:
            InvalidInput: the text does not end in a newline, has control characters or lone surrogates, or is too long.
        """
        if not (is_plain(text) and text.endswith("\n")):
            raise InvalidInput("a note's text ends in a newline and has no control characters: pass such a text")
        signature = b64encode(self._verifier.key_id + self._key.sign(text.encode())).decode()
        note = f"{text}\n— {self.name} {signature}\n"
        if len(note.encode()) > NOTE_BOUND:
            raise InvalidInput(f"a note has at most {NOTE_BOUND} bytes: pass a shorter text")
        return note

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    def __reduce__(self) -> NoReturn:
        message = "a signing key is not handed over: read it again where it is needed"
        raise TypeError(message)


@dataclass(frozen=True, slots=True)
class _Note:
    """A note that is well formed; its text is not to be trusted before a signature has held."""

    text: str
    #: Name, key id and what follows the id, of each signature line.
    signatures: list[tuple[str, bytes, bytes]]


def _parse(note: str) -> _Note:
    if not is_plain(note) or len(note.encode()) > NOTE_BOUND:
        raise _malformed("it is too long, or it is not UTF-8 text without control characters")
    text, separator, signed = note.rpartition("\n\n")
    if not (separator and signed.endswith("\n")):
        raise _malformed("its text and its signatures do not stand apart by an empty line")
    lines = signed.split("\n")[:-1]
    if len(lines) > SIGNATURES_BOUND:
        raise _malformed("it has too many signatures")
    return _Note(text + "\n", [_signature(line) for line in lines])


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    decoded = strict_base64(encoded)
    # Four bytes say whose signature it is, and then there must be one.
    if dash != "—" or not is_key_name(name) or decoded is None or len(decoded) <= 4:  # noqa: PLR2004 - as said above
        raise _malformed("a line after its last empty one is not a signature")
    return name, decoded[:4], decoded[4:]


def _malformed(why: str) -> NoteInvalid:
    return NoteInvalid(f"this is not a signed note: {why}: pass the whole note as it was written")
