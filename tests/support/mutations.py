"""Everything that can be done to a bundle, one thing at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.support.bundling import Said

#: Values that are none, or not these: numbers at and past borders, other types, things to stumble over.
_ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    2**53,
    2**63,
    -(2**63),
    10**400,
    1.0,
    1e300,
    "",
    "x",
    "1",
    "\u2028",
    [],
    [1],
    {},
    {"a": 1},
)
#: Words that are JSON for some readers only, or deep, or end too early: put in place of a whole value.
_ODD_TEXTS = ("NaN", "Infinity", "-0", "1e2", "01", "[" * 100_000, '{"a":' * 100_000, '"\\ud800"', '"\x01"', "'x'", "")


def changed_bytes(bundle: bytes) -> Iterator[bytes]:
    """Each byte with its lowest bit changed, and each letter in the other case."""
    for place, byte in enumerate(bundle):
        for other in {byte ^ 1, byte ^ 0x20 if chr(byte).isalpha() else byte ^ 1}:
            yield bundle[:place] + bytes([other]) + bundle[place + 1 :]


def cuts(bundle: bytes) -> Iterator[bytes]:
    """Every part that begins or ends with it."""
    for place in range(len(bundle)):
        yield bundle[:place]
        yield bundle[place + 1 :]


def rearranged(bundle: bytes) -> Iterator[bytes]:
    """Each line left out, doubled, doubled at the end, and changed with each other."""
    lines = bundle.splitlines(keepends=True)
    for place, line in enumerate(lines):
        rest = [*lines[:place], *lines[place + 1 :]]
        yield b"".join(rest)
        yield b"".join([*lines[:place], line, *lines[place:]])
        yield b"".join([*lines, line])
        for other in range(place + 1, len(lines)):
            swapped = list(lines)
            swapped[place], swapped[other] = swapped[other], swapped[place]
            yield b"".join(swapped)


def misspelt(bundle: bytes) -> Iterator[bytes]:
    """The same JSON written otherwise, and JSON with fields too many, too few, twice, or of other values and kinds."""
    lines: list[Said] = [json.loads(line) for line in bundle.splitlines()]
    texts = bundle.decode().removesuffix("\n").split("\n")
    for number, line in enumerate(lines):
        for text in _spellings(texts[number], line):
            yield "".join(f"{one}\n" for one in [*texts[:number], text, *texts[number + 1 :]]).encode()
        for other in _edits(line):
            yield "".join(f"{_dumped(one)}\n" for one in [*lines[:number], other, *lines[number + 1 :]]).encode()


def _spellings(text: str, line: Said) -> Iterator[str]:
    yield f" {text}"
    yield f"{text} "
    yield f"{text}\r"
    yield f"\ufeff{text}"
    yield json.dumps(line)
    yield _dumped(dict(reversed(line.items())), sort_keys=False)
    yield f"{text[:-1]},{text[1:]}"
    yield f"[{text}]"
    yield json.dumps(text)
    for name in line:
        for odd in _ODD_TEXTS:
            yield text.replace(f'"{name}":{_dumped(line[name])}', f'"{name}":{odd}')


def _edits(line: Said) -> Iterator[Said]:
    yield {**line, "more": "x"}
    yield {**line, "": None}
    for name in line:
        yield {key: one for key, one in line.items() if key != name}
        for odd in _ODD_VALUES:
            if odd is not line[name] and (odd != line[name] or type(odd) is not type(line[name])):
                yield {**line, name: odd}
        for kind in ("bundle", "checkpoint", "head", "event", "opening", "address", "unknown"):
            if kind != line["type"]:
                yield {**line, "type": kind}
    for name in ("note", "entry", "proof"):
        for other in _text_edits(line.get(name, "")):
            yield {**line, name: other}
    if "context" in line:
        yield {**line, "context": {}}
        yield {**line, "context": {**line["context"], "actor": "zoe"}}
        yield {**line, "context": {**line["context"], "unknown": "x"}}
        yield {**line, "context": dict.fromkeys(line["context"])}
    if "key" in line:
        # HMAC has these for the same key, or decoders for the same bytes.
        yield {**line, "key": f"{line['key']}00"}
        yield {**line, "key": line["key"].upper()}
        yield {**line, "key": f"{line['key'][:2]} {line['key'][2:]}"}


def _text_edits(text: str) -> Iterator[str]:
    """Each line of a text left out, doubled, with a space, empty; and lines put in."""
    lines = text.split("\n") if text else []
    for place, line in enumerate(lines):
        before, after = lines[:place], lines[place + 1 :]
        for other in ([], [line, line], [f" {line}"], [f"{line} "], ["", line], ["extra eA==", line], [f"{line}\r"]):
            changed = "\n".join([*before, *other, *after])
            # A note that is signed twice by the same key is signed.
            if changed != text and not (line.startswith("—") and other == [line, line]):
                yield changed


def _dumped(value: Any, *, sort_keys: bool = True) -> str:
    # The form of RFC 8785, also for what has none.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort_keys)


def is_redaction(bundle: bytes, whole: bytes) -> bool:
    """Whether it is the whole bundle with some openings, or the address, left out: which anybody may do."""
    lines, rest = bundle.split(b"\n"), iter(whole.split(b"\n"))
    kept = all(line in rest for line in lines)
    return bundle.endswith(b"\n") and kept and _proven(lines) == _proven(whole.split(b"\n"))


def _proven(lines: list[bytes]) -> list[bytes]:
    return [line for line in lines if not line.endswith(b'"type":"address"}') and b'"type":"opening"' not in line]
