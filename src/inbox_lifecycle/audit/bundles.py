"""Bundles: everything that it takes to check one inbox's history offline, in one file of JSON lines.

    {"type": "bundle", "format": ..., "inbox_id": ..., "events": ...}
    {"type": "checkpoint", "note": ...}               the signed size and root of the tree (C2SP tlog-checkpoint)
    {"type": "head", "note": ...}                     signed: this inbox, its last version and hash, the tree's size
    {"type": "event", "entry": ..., "proof": ...}     for each version: the entry's bytes as text, and its inclusion
                                                      proof (C2SP tlog-proof), which holds the same checkpoint
    {"type": "opening", "version": ..., "key": ..., "context": ...}      who and why, with the key of the commitment
    {"type": "address", "key": ..., "email_address": ...}                likewise the address

A bundle has one form, to the byte: these lines in this order, each in its RFC 8785 form (so keys are in fact sorted),
openings by version. Whoever passes a bundle on may leave openings out, and nothing else.

An inclusion proof shows that an entry is in the log, and none that there is no further one: that the bundle ends where
the history ended is the head's word, signed, so that whoever left out an event has signed a lie.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from inbox_lifecycle.audit.checkpoints import Checkpoint, open_checkpoint
from inbox_lifecycle.audit.key_text import is_plain
from inbox_lifecycle.audit.merkle import verify_inclusion
from inbox_lifecycle.audit.notes import Signer, Verifier
from inbox_lifecycle.audit.tlog_proof import parse_proof
from inbox_lifecycle.canonical import canonical
from inbox_lifecycle.codec import (
    Entry,
    UnreadableEntry,
    address_commitment,
    commitment,
    decode_entry,
    decode_event,
    leaf_hash,
)
from inbox_lifecycle.domain import InboxAdopted, InboxRegistered, Pair
from inbox_lifecycle.errors import MalformedText, ProofInvalid

#: The form of a bundle; a reader that does not know it must not guess.
FORMAT = "inbox-lifecycle/bundle/1"
#: The first line of a head statement, which no checkpoint can have: their second line is a number.
HEAD = "inbox-lifecycle/head/1"
#: Bytes of the longest bundle that is read.
BUNDLE_BOUND = 1 << 30

_HEXADECIMAL = re.compile(r"[0-9a-f]{64}")


class _Header(msgspec.Struct, tag="bundle", forbid_unknown_fields=True, frozen=True, kw_only=True):
    format: str
    inbox_id: str
    events: int


class _Note(msgspec.Struct, tag="checkpoint", forbid_unknown_fields=True, frozen=True):
    note: str


class _Head(msgspec.Struct, tag="head", forbid_unknown_fields=True, frozen=True):
    note: str


class ProvenEntry(msgspec.Struct, tag="event", forbid_unknown_fields=True, frozen=True):
    """An entry's bytes as text, and its inclusion proof."""

    entry: str
    proof: str


class Opening(msgspec.Struct, tag="opening", forbid_unknown_fields=True, frozen=True):
    """Who and why, with the key that opens the entry's commitment to it, in hexadecimal."""

    version: int
    key: str
    context: dict[str, str]


class AddressOpening(msgspec.Struct, tag="address", forbid_unknown_fields=True, frozen=True):
    """The address, with the key that opens the birth's commitment to it, in hexadecimal."""

    key: str
    email_address: str


_Line = _Header | _Note | _Head | ProvenEntry | Opening | AddressOpening
_LINES = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle's parts; `text()` is the file."""

    inbox_id: str
    #: The note of the checkpoint.
    checkpoint: str
    #: The note of the head statement.
    head: str
    events: tuple[ProvenEntry, ...] = field(repr=False)
    openings: tuple[Opening, ...] = field(default=(), repr=False)
    address: AddressOpening | None = field(default=None, repr=False)

    def text(self) -> str:
        """The file."""
        return "".join(f"{canonical(msgspec.to_builtins(line)).decode()}\n" for line in self._lines())

    def _lines(self) -> Iterator[_Line]:
        yield _Header(format=FORMAT, inbox_id=self.inbox_id, events=len(self.events))
        yield _Note(self.checkpoint)
        yield _Head(self.head)
        yield from self.events
        yield from self.openings
        if self.address is not None:
            yield self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a bundle proved."""

    #: The log, by the name of its key.
    origin: str
    #: The size of the tree in which everything was found.
    tree_size: int
    inbox_id: str
    #: How many events, which is the version of the last.
    version: int
    #: The pair that the last event reached.
    pair: Pair
    #: The time of the last event, as entries write it.
    recorded_at: str
    #: The entries, in order.
    entries: tuple[Entry, ...] = field(repr=False)
    #: Who and why, by version, where the bundle opened it.
    contexts: Mapping[int, Mapping[str, str]] = field(repr=False)
    #: None where the bundle does not open it.
    email_address: str | None = field(repr=False)


def sign_head(signer: Signer, *, inbox_id: str, version: int, head_hash: bytes, tree_size: int) -> str:
    """The head statement: in the tree of this size, the inbox's last event is this one."""
    return signer.sign(_head_text(signer.name, inbox_id, version, head_hash, tree_size))


def parse_bundle(text: str) -> Bundle:
    """The parts of a bundle. It proves nothing yet: see `verify_bundle`.

    Raises:
        ProofInvalid: it is not of that form.
    """
    if not is_plain(text) or len(text) > BUNDLE_BOUND:
        raise _invalid("it is too long, or it is not UTF-8 text without control characters")
    # By newlines alone: texts in entries may hold other characters that end lines elsewhere.
    lines = [_read_line(line) for line in text.removesuffix("\n").split("\n")]
    header, checkpoint, head = _only(lines, _Header), _only(lines, _Note), _only(lines, _Head)
    if header.format != FORMAT:
        raise _invalid(f"its format is not {FORMAT}")
    events = tuple(line for line in lines if isinstance(line, ProvenEntry))
    addresses = [line for line in lines if isinstance(line, AddressOpening)]
    if header.events != len(events) or len(addresses) > 1:
        raise _invalid("it has more or fewer lines than it says")
    bundle = Bundle(
        inbox_id=header.inbox_id,
        checkpoint=checkpoint.note,
        head=head.note,
        events=events,
        openings=tuple(line for line in lines if isinstance(line, Opening)),
        address=addresses[0] if addresses else None,
    )
    if not _is_in_its_form(bundle, text):
        raise _invalid("its lines are not in their one form and order")
    return bundle


def verify_bundle(text: str, verifier: Verifier) -> Proven:
    """What a bundle proves, under a log's public key.

    The checkpoint and the head statement are signed by the key. Every entry is in the checkpoint's tree, at the
    position its proof says. The entries are one inbox's, from its first version on without a gap; each holds the hash
    of the one before it and begins where that one ended. The head names the last of them. Openings open commitments.

    Args:
        text: the file.
        verifier: the log's public key, had from its owner by a way that the bundle did not come by.

    Raises:
        NoteInvalid: the key did not sign the checkpoint or the head.
        ProofInvalid: anything else does not hold.
    """
    bundle = parse_bundle(text)
    checkpoint = open_checkpoint(bundle.checkpoint, verifier)
    entries = [_included(event, checkpoint, bundle.checkpoint) for event in bundle.events]
    _check_chain(bundle.inbox_id, entries)
    last = entries[-1].entry
    head = _head_text(verifier.name, bundle.inbox_id, last.version, entries[-1].hash, checkpoint.size)
    if verifier.open(bundle.head) != head:
        raise _invalid("its signed head is of another version, hash or tree")
    _check_openings(bundle, [entry.entry for entry in entries])
    return Proven(
        origin=checkpoint.origin,
        tree_size=checkpoint.size,
        inbox_id=bundle.inbox_id,
        version=last.version,
        pair=last.reached.pair(),
        recorded_at=last.recorded_at,
        entries=tuple(entry.entry for entry in entries),
        contexts={opening.version: opening.context for opening in bundle.openings},
        email_address=bundle.address.email_address if bundle.address else None,
    )


@dataclass(frozen=True, slots=True)
class _Included:
    entry: Entry
    hash: bytes
    position: int


def _included(event: ProvenEntry, checkpoint: Checkpoint, note: str) -> _Included:
    raw = event.entry.encode()
    proof = parse_proof(event.proof)
    if proof.checkpoint != note:
        raise _invalid("a proof is for another checkpoint")
    if proof.extra is not None:
        raise _invalid("a proof has extra data, which nobody signed")
    verify_inclusion(proof.index, checkpoint.size, leaf_hash(raw), proof.hashes, checkpoint.root)
    try:
        entry = decode_entry(raw)
    except (UnreadableEntry, RecursionError) as error:
        raise _invalid(str(error) if isinstance(error, UnreadableEntry) else "it is nested too deep") from None
    return _Included(entry, leaf_hash(raw), proof.index)


def _check_chain(inbox_id: str, entries: Sequence[_Included]) -> None:
    if not entries:
        raise _invalid("it has no events")
    previous: _Included | None = None
    for number, included in enumerate(entries, 1):
        entry = included.entry
        if (entry.inbox_id, entry.version) != (inbox_id, number):
            raise _invalid(f"where version {number} of the inbox should be there is another")
        before = (None, None) if previous is None else (previous.hash.hex(), previous.entry.reached)
        if (entry.previous, entry.left) != before:
            raise _invalid(f"version {number} does not follow the one before it")
        if previous is not None and previous.position >= included.position:
            raise _invalid(f"version {number} stands before the one it follows")
        previous = included


def _check_openings(bundle: Bundle, entries: Sequence[Entry]) -> None:
    versions = [opening.version for opening in bundle.openings]
    if versions != sorted(set(versions)):
        raise _invalid("its openings are not in order of version, or one is there twice")
    for opening in bundle.openings:
        if not 1 <= opening.version <= len(entries):
            raise _invalid("an opening is of a version that is not there")
        _check_opened(entries[opening.version - 1].commitment, opening.key, opening.context)
    if bundle.address is not None:
        _check_address(bundle.address, entries[0])


def _check_opened(committed: str, key: str, context: dict[str, str]) -> None:
    try:
        opened = commitment(_key(key), canonical(context))
    except (MalformedText, TypeError):
        opened = ""
    if not _same(opened, committed):
        raise _invalid("a context does not open the commitment of its entry")


def _check_address(opening: AddressOpening, birth: Entry) -> None:
    try:
        event = decode_event(birth.name, birth.schema, birth.payload)
        opened = address_commitment(_key(opening.key), opening.email_address)
    except (UnreadableEntry, MalformedText):
        event, opened = None, ""
    committed = event.address_commitment if isinstance(event, InboxRegistered | InboxAdopted) else None
    if committed is None or not _same(opened, committed):
        raise _invalid("the address does not open the birth's commitment")


def _same(opened: str, committed: str) -> bool:
    # As bytes: what an entry holds may be any text.
    return hmac.compare_digest(opened.encode(), committed.encode())


def _key(text: str) -> bytes:
    # In full length: HMAC takes a key and the same with zeros behind it for one (RFC 2104, section 2).
    if not _HEXADECIMAL.fullmatch(text):
        raise _invalid("the key of an opening is not 32 bytes in hexadecimal")
    return bytes.fromhex(text)


def _head_text(origin: str, inbox_id: str, version: int, head_hash: bytes, tree_size: int) -> str:
    return f"{HEAD}\n{origin}\n{inbox_id}\n{version}\n{b64encode(head_hash).decode()}\n{tree_size}\n"


def _read_line(line: str) -> _Line:
    try:
        read: _Line = _LINES.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _invalid("a line is not one of a bundle's") from None
    return read


def _is_in_its_form(bundle: Bundle, text: str) -> bool:
    try:
        return bundle.text() == text
    except (ValueError, TypeError):
        # Texts with NUL, integers that lose their exactness, keys that are not ASCII: they have no such form.
        return False


def _only(lines: Sequence[_Line], kind: type[Any]) -> Any:
    found = [line for line in lines if isinstance(line, kind)]
    if len(found) != 1:
        raise _invalid("a part is missing, or there twice")
    return found[0]


def _invalid(why: str) -> ProofInvalid:
    return ProofInvalid(f"the bundle does not prove what it says: {why}: do not trust it")
