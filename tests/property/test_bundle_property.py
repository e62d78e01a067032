"""A bundle holds as it was written, and in no other way: whatever is changed in it is refused, by both verifiers alike.

What is left out is what anybody may leave out: openings, and signatures of others than the log.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle import ProofInvalid, Verifier, verify_bundle
from inbox_lifecycle.domain import Pair, Status, WarmupStatus
from tests.support import mutations
from tests.support.bundling import ADDRESS, INBOX, ODD, OTHER, Log, Story, committed, holds, tell, written
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
    """Unknown lines and fields, huge and negative numbers, other types, endless nesting, the same JSON otherwise."""
    assert [mutated[:2000] for mutated in mutations.misspelt(GOOD) if mutated != GOOD and holds(mutated)] == []


NO_BUNDLES = {
    "empty": b"",
    "a line": b"\n",
    "two lines": b"\n\n",
    "no text": b"\xff",
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "utf-16": GOOD.decode().encode("utf-16"),
    "no text at the end": GOOD + b"\xff\n",
    "NUL": b"\x00",
    "null": b"null\n",
    "a list": b"[]\n",
    "an object": b"{}\n",
    "deep objects": b'{"a":' * 200_000,
    "deep lists": b"[" * 200_000,
    "a long number": b"1" * 10_000 + b"\n",
    "a line more": GOOD + b"\n",
    "a space more": GOOD + b" ",
    "no end": GOOD[:-1],
    "twice": GOOD + GOOD,
    "other line ends": GOOD.replace(b"\n", b"\r\n"),
    "empty lines": GOOD.replace(b"\n", b"\n\n"),
}


@pytest.mark.parametrize("content", NO_BUNDLES.values(), ids=NO_BUNDLES)
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
    """A reason is opened as it was given, by both verifiers; NUL has no place in a text."""
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
    """Another inbox's event, head or checkpoint, or one of before or after: they do not belong together."""
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
    """Signatures of others are passed over, above the log's own and below it; extension lines are signed with it."""
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
