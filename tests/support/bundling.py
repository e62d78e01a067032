"""Bundles made by hand, by a log that signs whatever it is told to, and both verifiers asked about one.

A mutated bundle fails at its hashes already. What the verifiers think of a log that lies is seen only where the lie is
in the tree and signed: so this log takes any entry, and signs any head. Nothing here comes from the library but the
verifier that is asked; the other one is the script for auditors.
"""

from __future__ import annotations

import hmac
import importlib.util
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import rfc8785

from inbox_lifecycle import ProofInvalid, Verifier, verify_bundle
from tests.support.noting import LOG, Hand
from tests.support.rfc_merkle import leaf, mth, path

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_bundle.py"

INBOX = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b10"
OTHER = "0197e9a4-8f4a-7c3e-9d6b-2f1c5a7e4b11"
#: What ends lines somewhere, what JSON escapes or a shell minds, what a terminal obeys, what is more than two bytes.
ODD = "\u2028\u2029\u0085 \"quoted\" 'so' \\u0000 \\ / \n\r\t\b\f \x1b[31m \x7f \ufeff \u200f \ufffd é 🙂 </b> =1+1"
ADDRESS = "ana@mail.example.com"

Said = dict[str, Any]

_PENDING = {"status": "pending", "warmup_status": "not_started"}
_WARMING = {"status": "warming", "warmup_status": "warming"}
_BANNED = {"status": "banned", "warmup_status": "banned"}
_STORY = (("inbox.registered", _PENDING), ("inbox.warmup_started", _WARMING), ("inbox.banned", _BANNED))


def dumped(value: Any) -> str:
    """RFC 8785."""
    return rfc8785.dumps(value).decode()


def committed(key: bytes, content: Mapping[str, Any]) -> str:
    """The commitment to some content."""
    return hmac.new(key, dumped(dict(content)).encode(), sha256).hexdigest()


@dataclass
class Log:
    """A log that writes down and signs whatever it is told to."""

    hand: Hand = LOG
    entries: list[bytes] = field(default_factory=list)

    def add(self, entry: str) -> int:
        """Write an entry down; its position."""
        self.entries.append(entry.encode())
        return len(self.entries) - 1

    def checkpoint(self, size: int | None = None, *, origin: str | None = None, extension: str = "") -> str:
        """The signed tree over the first entries, or over all."""
        known = self.entries[:size]
        root = b64encode(mth(known)).decode()
        return self.hand.note(f"{origin or self.hand.name}\n{len(known)}\n{root}\n{extension}")

    def proof(self, position: int, note: str) -> str:
        """The inclusion proof of an entry in the tree of a checkpoint."""
        size = int(note.split("\n")[1])
        known = self.entries[:size]
        hashes = [b64encode(one).decode() for one in path(position, known)] if position < size else []
        return "\n".join(["c2sp.org/tlog-proof@v1", f"index {position}", *hashes, "", note])


@dataclass
class Story:
    """An inbox's history in a log, and how to tell it in a bundle."""

    log: Log
    inbox_id: str
    entries: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    openings: list[Said] = field(default_factory=list)
    address: Said = field(default_factory=dict)

    def head(self, **changes: Any) -> str:
        """The text of the head statement, or of another one."""
        said = {
            "form": "inbox-lifecycle/head/1",
            "origin": self.log.hand.name,
            "inbox_id": self.inbox_id,
            "version": len(self.entries),
            "hash": b64encode(leaf(self.entries[-1].encode())).decode(),
            "size": len(self.log.entries),
        }
        return "".join(f"{one}\n" for one in (said | changes).values())

    def lines(self, note: str | None = None, head: str | None = None) -> list[Said]:
        """The lines of the bundle, of this checkpoint and with this text as its head."""
        checkpoint = note or self.log.checkpoint()
        events = [
            {"type": "event", "entry": entry, "proof": self.log.proof(position, checkpoint)}
            for entry, position in zip(self.entries, self.positions, strict=True)
        ]
        return [
            {"type": "bundle", "format": "inbox-lifecycle/bundle/1", "inbox_id": self.inbox_id, "events": len(events)},
            {"type": "checkpoint", "note": checkpoint},
            {"type": "head", "note": self.log.hand.note(head or self.head())},
            *events,
            *self.openings,
            self.address,
        ]

    def bundle(self, note: str | None = None, head: str | None = None) -> bytes:
        """The bundle."""
        return written(self.lines(note, head))


def written(lines: Sequence[Said]) -> bytes:
    """The lines as a file."""
    return "".join(f"{dumped(line)}\n" for line in lines).encode()


def tell(log: Log, inbox_id: str = INBOX, **edits: Mapping[str, Any] | str) -> Story:
    """Write an inbox's history into a log; `e2={...}` changes fields of the second entry, `e2="..."` all of it."""
    story = Story(log, inbox_id)
    key = sha256(f"address of {inbox_id}".encode()).digest()
    story.address = {"type": "address", "key": key.hex(), "email_address": ADDRESS}
    birth = {"provider": "instantly", "address_commitment": committed(key, {"email_address": ADDRESS})}
    left, previous = None, None
    for version, (name, reached) in enumerate(_STORY, 1):
        opening = _opening(inbox_id, version)
        said = {
            "commitment": committed(bytes.fromhex(opening["key"]), opening["context"]),
            "event_id": sha256(f"{inbox_id} {version}".encode()).hexdigest(),
            "format": "inbox-lifecycle/1",
            "from": left,
            "inbox_id": inbox_id,
            "name": name,
            "payload": {} if left else birth,
            "previous": previous,
            "recorded_at": f"2026-03-04T05:06:0{version}.000000Z",
            "schema": 1,
            "to": reached,
            "version": version,
        }
        edit = edits.get(f"e{version}", {})
        text = edit if isinstance(edit, str) else dumped(said | dict(edit))
        story.positions.append(log.add(text))
        story.entries.append(text)
        story.openings.append(opening)
        left, previous = reached, leaf(text.encode()).hex()
    return story


def _opening(inbox_id: str, version: int) -> Said:
    key = sha256(f"event {version} of {inbox_id}".encode()).digest()
    context = {"actor": "olga", "reason": ODD} if version > 1 else {"owner_id": "acme"}
    return {"type": "opening", "version": version, "key": key.hex(), "context": context}


def holds(bundle: bytes, key: str = LOG.verifier_text) -> bool:
    """Whether it holds: both verifiers are asked, and have to say the same.

    Whatever else the library raises than its own error about proofs is a failure of the test.
    """
    by_library, by_script = _held_by_library(bundle, key), _held_by_script(bundle, key)
    assert by_library == by_script, bundle
    return by_library


def _held_by_library(bundle: bytes, key: str) -> bool:
    try:
        verify_bundle(bundle.decode(errors="surrogateescape"), _verifier(key))
    except ProofInvalid:
        return False
    return True


def _held_by_script(bundle: bytes, key: str) -> bool:
    try:
        script().verify(bundle.decode(), _script_key(key))
    except Exception:  # noqa: BLE001 - the script, too, takes whatever it stumbles over for a no
        return False
    return True


@cache
def script() -> ModuleType:
    """The script for auditors, as a module."""
    spec = importlib.util.spec_from_file_location("verify_bundle_script", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def _verifier(key: str) -> Verifier:
    return Verifier.from_text(key)


@cache
def _script_key(key: str) -> Any:
    return script().read_key(key)
