"""Signed notes made by hand from the words of the specifications: keys of fixed seeds, signatures, cosignatures.

Nothing here comes from the library, so that what it writes and reads is compared with something else.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519 = 1
COSIGNATURE = 4


@dataclass(frozen=True)
class Hand:
    """Somebody who signs."""

    name: str
    seed: bytes
    kind: int = ED25519

    @property
    def public(self) -> bytes:
        """The public key."""
        return self._private().public_key().public_bytes_raw()

    @property
    def key_id(self) -> bytes:
        """The first bytes of the hash over name and key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def verifier_text(self) -> str:
        """The public key as text."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    @property
    def signer_text(self) -> str:
        """The private key as text."""
        return f"PRIVATE+KEY+{self.name}+{self.key_id.hex()}+{b64encode(bytes([self.kind]) + self.seed).decode()}"

    def signed(self, text: str) -> bytes:
        """What follows the key id in a plain signature."""
        return self._private().sign(text.encode())

    def cosigned(self, text: str, seconds: int) -> bytes:
        """What follows the key id in a cosignature of that time."""
        return seconds.to_bytes(8) + self.signed(f"cosignature/v1\ntime {seconds}\n{text}")

    def line(self, signature: bytes) -> str:
        """A line of a note."""
        return line(self.name, self.key_id + signature)

    def note(self, text: str) -> str:
        """A note with one signature."""
        return f"{text}\n{self.line(self.signed(text))}"

    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def line(name: str, blob: bytes) -> str:
    """A signature line of these parts, whatever they are."""
    return f"— {name} {b64encode(blob).decode()}\n"


#: A log, another key of the same log, somebody else, and two witnesses.
LOG = Hand("example.com/inboxes", bytes(range(32)))
OTHER_KEY = Hand("example.com/inboxes", bytes(range(1, 33)))
STRANGER = Hand("stranger.example", bytes(range(2, 34)))
WITNESS = Hand("witness.example/w1", bytes(range(3, 35)), COSIGNATURE)
OTHER_WITNESS = Hand("witness.example/w2", bytes(range(4, 36)), COSIGNATURE)
