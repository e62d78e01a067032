"""Check a bundle of inbox-lifecycle offline: python verify_bundle.py BUNDLE PUBKEY.

PUBKEY is the log's public key, as text or as a file: have it from the log's owner, by another way than the bundle came.
Ends with 0 and prints what is proven, or with 1. Needs Python 3.11 and `cryptography`, nothing of inbox-lifecycle.
"""

import hashlib
import hmac
import json
import re
import sys
from base64 import b64decode, b64encode
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Key = tuple[str, bytes, Ed25519PublicKey]  # name, id, key
FIELDS = "commitment event_id format from inbox_id name payload previous recorded_at schema to version"
STATES = {"status": "pending warming active banned", "warmup_status": "not_started warming active banned"}


def demand(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def unbase64(text: str) -> bytes:
    raw = b64decode(text, validate=True)
    demand(b64encode(raw).decode() == text, "base64 is not in its one form")
    return raw


def canonical(value: object) -> str:  # RFC 8785, for values that are plain
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def is_plain(value: Any) -> bool:  # ASCII keys, no NUL in texts, integers that are exact everywhere, no floats
    if isinstance(value, dict):
        return all(key.isascii() and is_plain(one) for key, one in value.items())
    if isinstance(value, list):
        return all(map(is_plain, value))
    exact = isinstance(value, int) and abs(value) < 2**53
    return "\0" not in value if isinstance(value, str) else value is None or exact


def read_key(given: str) -> Key:  # C2SP signed-note: name, id in hexadecimal, base64 of 0x01 and the Ed25519 key
    text = given if "+" in given and not Path(given).exists() else Path(given).read_text("utf-8")
    name, key_id, encoded = text.strip().split("+", 2)
    blob = unbase64(encoded)
    expected = hashlib.sha256(f"{name}\n".encode() + blob).digest()[:4]
    demand(key_id == expected.hex() and blob[:1] == b"\1", "PUBKEY is no public key of a log")
    return name, expected, Ed25519PublicKey.from_public_bytes(blob[1:])


def open_note(note: str, key: Key) -> str:  # C2SP signed-note: the text, once the key's signature (RFC 8032) has held
    text, gap, signed = note.rpartition("\n\n")
    demand(gap and signed.endswith("\n") and not re.search(r"[\x00-\x09\x0b-\x1f]", note), "a note is malformed")
    lines, ours = signed[:-1].split("\n"), 0
    for dash, name, encoded in (line.split(" ") for line in lines):
        blob = unbase64(encoded)
        demand(dash == "—" and re.fullmatch(r"[^+\s]+", name) and len(blob) > 4, "a signature is malformed")
        if (name, blob[:4]) == key[:2]:  # those of other keys, such as witnesses', are passed over
            key[2].verify(blob[4:], f"{text}\n".encode())
            ours += 1
    short = len(lines) <= 100 and len(note.encode()) <= 1_000_000
    demand(ours and short, "a note is not signed by this key, or is too long")
    return f"{text}\n"


def locate(proof: str, leaf: bytes, note: str, size: int, root: bytes) -> int:  # C2SP tlog-proof: where the leaf stands
    above, _, checkpoint = proof.partition("\n\n")
    form, told, *path = above.split("\n")
    fn, sn, r = int(told.removeprefix("index ")), size - 1, leaf  # RFC 9162, section 2.1.3.2, in its own names
    expected = ("c2sp.org/tlog-proof@v1", f"index {fn}", note)
    demand((form, told, checkpoint) == expected and 0 <= fn <= sn, "a proof is malformed, or for another tree")
    for p in map(unbase64, path):
        demand(sn and len(p) == 32, "a proof is too long")
        r = hashlib.sha256(b"\1" + (p + r if fn & 1 or fn == sn else r + p)).digest()
        while fn == sn and not fn & 1:
            fn, sn = fn >> 1, sn >> 1
        fn, sn = fn >> 1, sn >> 1
    demand(not sn and r == root, "an entry is not in the signed tree")
    return int(told.removeprefix("index "))


def read_entry(text: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(text)
    demand(is_plain(entry) and canonical(entry) == text and " ".join(entry) == FIELDS, "an entry is malformed")
    texts = {type(entry[name]) for name in ("commitment", "event_id", "inbox_id", "name", "recorded_at")} == {str}
    others = [type(entry[name]) for name in ("payload", "schema", "version")] == [dict, int, int]
    demand(texts and others and entry["format"] == "inbox-lifecycle/1", "an entry is of a form that is unknown here")
    to, told = entry["to"], entry["recorded_at"]
    demand(to.keys() == STATES.keys() and all(to[name] in STATES[name].split() for name in to), "a state is none")
    demand(datetime.fromisoformat(told[:26]).isoformat(timespec="microseconds") + "Z" == told, "a time is none")
    return entry


def check_opening(opening: dict[str, Any], content: dict[str, Any], committed: str) -> None:
    key = bytes.fromhex(opening["key"])
    whole = len(key) == 32 and key.hex() == opening["key"] and all(isinstance(one, str) for one in content.values())
    opened = hmac.digest(key, canonical(content).encode(), "sha256").hex()  # RFC 2104
    demand(whole and opened == committed, "an opening does not open what its entry commits to")


def verify(bundle: str, key: Key) -> dict[str, Any]:
    header, checkpoint, head, *rest = map(json.loads, bundle.removesuffix("\n").split("\n"))
    events, openings, addresses = ([one for one in rest if one["type"] == of] for of in ("event", "opening", "address"))
    inbox, note = header["inbox_id"], checkpoint["note"]
    # A bundle has one form, to the byte: written again from the fields that are read here, it is the same.
    lines = [{"type": "bundle", "format": "inbox-lifecycle/bundle/1", "inbox_id": inbox, "events": len(events)}]
    lines += [{"type": "checkpoint", "note": note}, {"type": "head", "note": head["note"]}]
    lines += [{"type": "event", "entry": one["entry"], "proof": one["proof"]} for one in events]
    lines += [{"type": "opening"} | {name: one[name] for name in ("version", "key", "context")} for one in openings]
    lines += [{"type": "address", "key": one["key"], "email_address": one["email_address"]} for one in addresses[:1]]
    demand(is_plain(lines) and "".join(f"{canonical(one)}\n" for one in lines) == bundle, "it is not in its one form")
    origin, told, root, *extensions, end = open_note(note, key).split("\n")  # C2SP tlog-checkpoint
    size, entries, leaf = int(told), [], b""
    before: tuple[Any, Any, int] = (None, None, -1)
    demand((origin, f"{size}", end) == (key[0], told, "") and all(extensions) and size < 2**63, "it is no checkpoint")
    for version, event in enumerate(events, 1):
        leaf = hashlib.sha256(b"\0" + event["entry"].encode()).digest()  # RFC 6962, section 2.1
        place = locate(event["proof"], leaf, note, size, unbase64(root))
        entry = read_entry(event["entry"])
        follows = (entry["previous"], entry["from"]) == before[:2] and place > before[2]
        known = (entry["inbox_id"], entry["version"]) == (inbox, version)
        demand(known and follows, f"version {version} is missing, or does not follow the one before it")
        before = (leaf.hex(), entry["to"], place)
        entries.append(entry)
    said = f"inbox-lifecycle/head/1\n{origin}\n{inbox}\n{len(entries)}\n{b64encode(leaf).decode()}\n{size}\n"
    demand(entries and open_note(head["note"], key) == said, "the signed head is of another version or tree")
    versions = [opening["version"] for opening in openings]
    there = all(type(one) is int and 1 <= one <= len(entries) for one in versions)
    demand(there and versions == sorted({*versions}), "openings are not in order, or of versions that are not there")
    for one in openings:
        check_opening(one, one["context"], entries[one["version"] - 1]["commitment"])
    for one in addresses:
        demand(entries[0]["name"] in ("inbox.registered", "inbox.adopted"), "the first event holds no address")
        check_opening(one, {"email_address": one["email_address"]}, entries[0]["payload"]["address_commitment"])
    return {"log": origin, "tree_size": size, "entries": entries, "openings": openings, "address": addresses}


if __name__ == "__main__":
    try:
        proven = verify(Path(sys.argv[1]).read_bytes().decode(), read_key(sys.argv[2]))
    except Exception as error:  # noqa: BLE001 - whatever it stumbles over, nothing is proven
        sys.exit(f"NOT PROVEN, do not trust it: {type(error).__name__}: {error}")
    print(json.dumps(proven, indent=2), "PROVEN under this one key, up to this version; not that it is true.", sep="\n")
