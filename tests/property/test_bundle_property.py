"""A bundle holds as it was written, and in no other way: whatever is changed in it is refused, by both verifiers alike.

Mutations of a good bundle fail at its hashes. What the rest of the checks are worth is seen with a log that lies: there
the lie is in the tree and signed.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle import ProofInvalid, Verifier, verify_bundle
from inbox_lifecycle.domain import Pair, Status, WarmupStatus
from tests.support import mutations
from tests.support.bundling import ADDRESS, INBOX, ODD, OTHER, Log, Story, committed, dumped, holds, tell, written
from tests.support.noting import LOG, OTHER_KEY, OTHER_WITNESS, STRANGER, WITNESS

#: What a note may be signed with besides the log's key.
COSIGNERS = (WITNESS, OTHER_WITNESS, STRANGER, OTHER_KEY)


def _story() -> Story:
    """A history between others."""
    log = Log()
    log.add("somebody else's")
    story = tell(log)
    tell(log, OTHER)
    return story


STORY = _story()
GOOD = STORY.bundle()


def test_a_good_bundle_proves_its_history() -> None:
    """Version, pair and time are those of the last event, and what was opened is there, odd texts included."""
    proven = verify_bundle(GOOD.decode(), Verifier.from_text(LOG.verifier_text))
    assert (proven.origin, proven.inbox_id, proven.tree_size) == (LOG.name, INBOX, 7)
    assert (proven.version, proven.pair) == (3, Pair(Status.BANNED, WarmupStatus.BANNED))
    assert proven.recorded_at == "2026-03-04T05:06:03.000000Z"
    assert [entry.name for entry in proven.entries] == ["inbox.registered", "inbox.warmup_started", "inbox.banned"]
    assert proven.contexts[2] == {"actor": "olga", "reason": ODD}
    assert proven.email_address == ADDRESS
    assert holds(GOOD)


def test_every_changed_byte_is_refused() -> None:
    """Wherever it stands: in an entry, a proof, a note, a head, an opening, or between them."""
    assert [mutated for mutated in mutations.changed_bytes(GOOD) if holds(mutated)] == []


def test_every_part_of_a_bundle_is_refused_unless_only_openings_are_missing() -> None:
    """A file that was cut off somewhere is no bundle; one that ends after its last event is one without openings."""
    left = [part for part in mutations.cuts(GOOD) if holds(part)]
    assert left == [part for part in mutations.cuts(GOOD) if mutations.is_redaction(part, GOOD)]
    assert len(left) == 4


def test_lines_left_out_doubled_or_changed_about_are_refused() -> None:
    """First, middle or last event, header, checkpoint, head: only an opening or the address may be left out."""
    left = [mutated for mutated in mutations.rearranged(GOOD) if holds(mutated)]
    assert left == [mutated for mutated in mutations.rearranged(GOOD) if mutations.is_redaction(mutated, GOOD)]
    assert len(left) == 4


def test_every_other_spelling_field_and_value_is_refused() -> None:
    """Unknown lines and fields, huge and negative numbers, other types, nesting without end, the same JSON otherwise."""
    assert [mutated[:2000] for mutated in mutations.misspelt(GOOD) if mutated != GOOD and holds(mutated)] == []


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\n\n", b"\xff", b"\xef\xbb\xbf" + GOOD, GOOD.decode().encode("utf-16"), GOOD + b"\xff\n", b"\x00"]
    + [b"null\n", b"[]\n", b"{}\n", b"{" * 200_000, b"[" * 200_000, b"1" * 10_000 + b"\n"]
    + [GOOD + b"\n", GOOD + b" ", GOOD[:-1], GOOD + GOOD, GOOD.replace(b"\n", b"\r\n"), GOOD.replace(b"\n", b"\n\n")],
    ids=lambda content: repr(content[:12]),
)
def test_what_is_no_bundle_is_refused(content: bytes) -> None:
    """Empty, not UTF-8, not JSON, not one line a part, or with anything around it."""
    assert not holds(content)


@pytest.mark.parametrize("text", [None, 1, GOOD, [], "\ud800"], ids=lambda text: type(text).__name__)
def test_what_is_no_text_is_refused(text: Any) -> None:
    """Bytes too: whoever reads the file says how."""
    with pytest.raises(ProofInvalid):
        verify_bundle(text, Verifier.from_text(LOG.verifier_text))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_edit_is_refused(data: st.DataObject) -> None:
    """Some bytes taken out, and others put in, somewhere."""
    begin = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.one_of(st.integers(begin, min(begin + 8, len(GOOD))), st.integers(begin, len(GOOD))))
    put = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from(GOOD.splitlines(keepends=True)), st.just(b"")))
    mutated = GOOD[:begin] + put + GOOD[end:]
    assert holds(mutated) == (mutated == GOOD or mutations.is_redaction(mutated, GOOD))


@given(st.one_of(st.binary(), st.text().map(str.encode), st.lists(st.sampled_from(GOOD.splitlines(keepends=True)))))
@settings(max_examples=200, deadline=None)
def test_anything_at_all_is_refused(content: bytes | list[bytes]) -> None:
    """And with no other error than the one that says so."""
    mutated = content if isinstance(content, bytes) else b"".join(content)
    assert holds(mutated) == (mutated == GOOD or mutations.is_redaction(mutated, GOOD))


@given(st.dictionaries(st.sampled_from(("actor", "reason", "correlation_id")), st.text(st.characters(codec="utf-8"))))
@settings(max_examples=100, deadline=None)
def test_any_text_survives(context: dict[str, str]) -> None:
    """Whatever somebody gives as a reason is opened as it was given, to both verifiers; NUL has no place in a text."""
    key = bytes(32)
    story = tell(Log(), e3={"commitment": committed(key, context)})
    story.openings[2] = {"type": "opening", "version": 3, "key": key.hex(), "context": context}
    bundle = story.bundle()
    assert holds(bundle) == all("\x00" not in text for text in context.values())
    if holds(bundle):
        proven = verify_bundle(bundle.decode(), Verifier.from_text(LOG.verifier_text))
        assert proven.contexts[3] == context


def test_a_bundle_of_another_key_is_refused() -> None:
    """All of it signed anew, by another key of the same name or by somebody else; and it holds under that key."""
    for hand in (OTHER_KEY, STRANGER):
        bundle = tell(Log(hand)).bundle()
        assert not holds(bundle)
        assert holds(bundle, hand.verifier_text)
        assert not holds(GOOD, hand.verifier_text)


def test_parts_of_other_bundles_are_refused() -> None:
    """Another inbox's event, head or checkpoint, or one of before or after: what does not belong together is no proof."""
    log = Log()
    story = tell(log)
    small = story.bundle()
    other = tell(log, OTHER)
    whole, others = story.bundle(), other.bundle()
    assert all(map(holds, (small, whole, others)))
    for bundle in (small, others):
        for place, line in enumerate(bundle.splitlines(keepends=True)):
            lines = whole.splitlines(keepends=True)
            if lines[place] != line:
                lines[place] = line
                assert not holds(b"".join(lines))
    mixed = [*small.splitlines(keepends=True)[:3], *whole.splitlines(keepends=True)[3:]]
    assert not holds(b"".join(mixed))


def test_an_older_checkpoint_proves_no_newer_entries() -> None:
    """Not the last event, and not the ones it covers together with it."""
    log = Log()
    story = tell(log)
    for size in range(1, 3):
        assert not holds(story.bundle(log.checkpoint(size)))
        assert not holds(story.bundle(log.checkpoint(size), story.head(size=size)))


def test_a_checkpoint_with_cosignatures_and_extensions_is_accepted() -> None:
    """Signatures of others are passed over, above the log's own and below it, and extension lines are signed with it."""
    story = tell(Log())
    for note in (story.log.checkpoint(), story.log.checkpoint(extension="extension one\nand two\n")):
        text, _, signature = note.rpartition("\n\n")
        others = [one.line(one.cosigned(f"{text}\n", 1_700_000_000)) for one in COSIGNERS]
        assert holds(story.bundle(f"{text}\n\n{signature}{''.join(others)}"))
        assert holds(story.bundle(f"{text}\n\n{''.join(others)}{signature}"))
        assert not holds(story.bundle(f"{text}\n\n{''.join(others)}"))
        assert holds(story.bundle(f"{text}\n\n{others[0] * 99}{signature}"))
        assert not holds(story.bundle(f"{text}\n\n{others[0] * 100}{signature}"))


def test_a_head_signed_by_others_too_is_accepted() -> None:
    """As any note is."""
    lines = STORY.lines()
    text = lines[2]["note"].rpartition("\n\n")[0]
    lines[2]["note"] += STRANGER.line(STRANGER.signed(f"{text}\n"))
    assert holds(written(lines))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": 4},
        {"version": "03"},
        {"hash": b64encode(bytes(32)).decode()},
        {"size": 3},
        {"size": 8},
        {"inbox_id": OTHER},
        {"origin": STRANGER.name},
        {"form": "inbox-lifecycle/head/2"},
        {"more": "x"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_a_head_that_says_anything_else_is_refused(changes: dict[str, Any]) -> None:
    """Although the log's key signed it."""
    assert holds(STORY.bundle(head=STORY.head()))
    assert not holds(STORY.bundle(head=STORY.head(**changes)))


def test_no_note_stands_in_for_another() -> None:
    """A checkpoint is no head and a head no checkpoint, though one key signs both."""
    lines = STORY.lines()
    for name in ("checkpoint", "head"):
        note = next(line["note"] for line in lines if line["type"] == name)
        both = [{**line, "note": note} if line["type"] in ("checkpoint", "head") else line for line in lines]
        assert not holds(written(both))


def test_a_checkpoint_of_another_log_is_refused() -> None:
    """The key signed it, for a log of another name."""
    assert not holds(STORY.bundle(STORY.log.checkpoint(origin="example.com/other")))


@pytest.mark.parametrize("size", ["07", "+7", "-7", "7.0", " 7", "7_0", "", "x", "٧", str(2**63), "9" * 5000])
def test_a_checkpoint_whose_size_is_no_number_is_refused(size: str) -> None:
    """Signed as it is."""
    _, _, root, _ = STORY.log.checkpoint().split("\n", 3)
    note = LOG.note(f"{LOG.name}\n{size}\n{root}\n")
    lines = STORY.lines()
    for line in lines:
        line["note" if "note" in line else "proof"] = line.get("note", "").replace("", "")
    good = STORY.log.checkpoint()
    text = "".join(f"{dumped(line)}\n" for line in STORY.lines())
    assert not holds(text.replace(json.dumps(good, ensure_ascii=False)[1:-1], json.dumps(note)[1:-1]).encode())


def _lied(**edits: Any) -> bytes:
    return tell(Log(), **edits).bundle()
