"""A log that lies: what does not belong together is refused although it is in the tree and signed, by both verifiers.

A mutated bundle fails at its hashes. These have good hashes and good signatures, so that every other check is seen to
be worth something.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.support.bundling import ADDRESS, ODD, OTHER, Log, Said, Story, committed, dumped, holds, tell, written
from tests.support.noting import LOG, STRANGER

PENDING = {"status": "pending", "warmup_status": "not_started"}
WARMING = {"status": "warming", "warmup_status": "warming"}


@pytest.fixture
def story() -> Story:
    """An honest history, which holds."""
    told = tell(Log())
    assert holds(told.bundle())
    return told


def _renoted(story: Story, note: str) -> bytes:
    """The story's bundle with another note as its checkpoint, in every place."""
    lines = story.lines()
    good = lines[1]["note"]
    names = {"note", "proof"}
    return written(
        [{name: one.replace(good, note) if name in names else one for name, one in line.items()} for line in lines]
    )


def _edited(story: Story, number: int, **changes: Any) -> bytes:
    """The story's bundle with other fields in one line."""
    lines = story.lines()
    lines[number] |= changes
    return written(lines)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"version": 4},
        {"version": "03"},
        {"hash": b64encode(bytes(32)).decode()},
        {"size": 2},
        {"size": 4},
        {"inbox_id": OTHER},
        {"origin": STRANGER.name},
        {"form": "inbox-lifecycle/head/2"},
        {"more": "x"},
    ],
    ids=lambda changes: str(dict(changes)),
)
def test_a_head_that_says_anything_else_is_refused(story: Story, changes: Said) -> None:
    """Although the log's key signed it."""
    assert holds(story.bundle(head=story.head()))
    assert not holds(story.bundle(head=story.head(**changes)))


@pytest.mark.parametrize("name", ["checkpoint", "head"])
def test_no_note_stands_in_for_another(story: Story, name: str) -> None:
    """A checkpoint is no head and a head no checkpoint, though one key signs both."""
    (note,) = (line["note"] for line in story.lines() if line["type"] == name)
    assert not holds(_edited(story, 1 if name == "head" else 2, note=note))
    assert not holds(_renoted(story, note)) or name == "checkpoint"


ENDS = {
    "none": "",
    "another letter": "x",
    "a space": " ",
    "an empty line": "\n\n",
    "a line of text": "\nx\n",
    "a line without a signature": "\n— x\n",
    "a line without a key's id": "\n— x AAAA\n",
    "a name of no key": "\n— a+b AAAAAAAA\n",
    "a name with a space": "\n— a\u00a0b AAAAAAAA\n",
    "no name": "\n—  AAAAAAAA\n",
    "another dash": "\n- x AAAAAAAA\n",
    "a word more": "\n— x AAAAAAAA x\n",
    "loose base64": "\n— x AAAAAAB\n",
    "a control character": "\n— x\x01 AAAAAAAA\n",
    "two line ends": "\r\n",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_note_that_ends_otherwise_is_refused(story: Story, end: str) -> None:
    """Also where the log's own signature holds: nothing but signatures stands behind a note's last empty line."""
    note = story.lines()[2]["note"].removesuffix("\n")
    assert holds(_edited(story, 2, note=f"{note}\n— x AAAAAAAA\n"))
    assert not holds(_edited(story, 2, note=note + end))


def test_a_note_that_is_too_long_is_refused(story: Story) -> None:
    """Signed as it is."""
    _, _, root, _ = story.log.checkpoint().split("\n", 3)
    for length, good in ((1000, True), (1_000_000, False)):
        note = LOG.note(f"{LOG.name}\n3\n{root}\n{'x' * length}\n")
        assert holds(_renoted(story, note)) == good


def test_a_checkpoint_of_another_log_is_refused(story: Story) -> None:
    """The key signed it, for a log of another name."""
    assert not holds(story.bundle(story.log.checkpoint(origin="example.com/other")))


@pytest.mark.parametrize(
    "size", ["0", "03", "+3", "-3", "3.0", " 3", "3_0", "", "x", "\u0663", str(2**63), str(2**63 - 1), "9" * 5000]
)
def test_a_checkpoint_of_another_size_or_of_none_is_refused(story: Story, size: str) -> None:
    """A size has one form, and a proof is for one size."""
    _, _, root, _ = story.log.checkpoint().split("\n", 3)
    assert holds(_renoted(story, LOG.note(f"{LOG.name}\n3\n{root}\n")))
    assert not holds(_renoted(story, LOG.note(f"{LOG.name}\n{size}\n{root}\n")))


@pytest.mark.parametrize("more", ["\n", "x", "x\n\ny\n", "\tx\n", "x\r\n"])
def test_a_checkpoint_with_malformed_extensions_is_refused(story: Story, more: str) -> None:
    """Lines after the root are full ones."""
    _, _, root, _ = story.log.checkpoint().split("\n", 3)
    assert not holds(_renoted(story, LOG.note(f"{LOG.name}\n3\n{root}\n{more}")))


@pytest.mark.parametrize("root", ["", "AAAA", b64encode(bytes(32)).decode(), b64encode(bytes(33)).decode()])
def test_a_checkpoint_of_another_root_is_refused(story: Story, root: str) -> None:
    """Signed as it is."""
    assert not holds(_renoted(story, LOG.note(f"{LOG.name}\n3\n{root}\n")))


@pytest.mark.parametrize(
    "edits",
    [
        {"e2": {"version": 3}},
        {"e1": {"version": True}},
        {"e3": {"version": "3"}},
        {"e2": {"inbox_id": OTHER}},
        {"e2": {"previous": None}},
        {"e2": {"previous": "00" * 32}},
        {"e1": {"previous": "00" * 32}},
        {"e1": {"from": PENDING}},
        {"e2": {"from": None}},
        {"e2": {"from": WARMING}},
        {"e2": {"to": PENDING}},
        {"e2": {"to": None}},
        {"e3": {"to": {}}},
        {"e3": {"to": {"status": "banned"}}},
        {"e3": {"to": {"status": "asleep", "warmup_status": "banned"}}},
        {"e3": {"to": {"status": "banned", "warmup_status": "pending"}}},
        {"e3": {"to": {"status": [], "warmup_status": "banned"}}},
        {"e3": {"to": {"status": "banned", "warmup_status": "banned", "more": 1}}},
        {"e3": {"to": ["status", "warmup_status"]}},
        {"e3": {"format": "inbox-lifecycle/2"}},
        {"e3": {"more": "x"}},
        {"e3": {"schema": None}},
        {"e3": {"schema": True}},
        {"e3": {"schema": 1.5}},
        {"e3": {"name": 1}},
        {"e3": {"event_id": None}},
        {"e3": {"commitment": 1}},
        {"e3": {"commitment": ODD}},
        {"e3": {"payload": []}},
        {"e3": {"payload": None}},
        {"e3": {"payload": {"a": 1.5}}},
        {"e3": {"payload": {"\u00e9": 1}}},
        {"e3": {"payload": {"a": [{"b": "x\x00y"}]}}},
        {"e3": {"recorded_at": "2026-02-30T05:06:07.000000Z"}},
        {"e3": {"recorded_at": "2026-03-04T05:06:07.000000"}},
        {"e3": {"recorded_at": "2026-03-04T05:06:07Z"}},
        {"e3": {"recorded_at": "2026-03-04T05:06:07.000000+00:00"}},
        {"e3": {"recorded_at": "2026-03-04 05:06:07.000000Z"}},
        {"e3": {"recorded_at": "2026-03-04T05:06:07.00000\u0660Z"}},
        {"e3": {"recorded_at": ""}},
        {"e3": "{}"},
        {"e3": "[]"},
        {"e3": ""},
        {"e3": "null"},
        {"e3": "[" * 200_000},
    ],
    ids=lambda edits: str(dict(edits))[:70],
)
def test_an_entry_that_is_none_or_does_not_follow_is_refused(edits: dict[str, Any]) -> None:
    """Although it is in the tree, and the head names what comes of it."""
    assert not holds(tell(Log(), **edits).bundle())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"version":3', '"version":3.0'),
        ('"version":3', '"version": 3'),
        ('"schema":1', '"schema":100000000000000000000'),
        ('"schema":1', '"schema":9007199254740992'),
        ('"schema":1', '"schema":-0'),
        ('"schema":1', '"schema":NaN'),
        ('"schema":1', '"schema":1,"schema":1'),
        ('"payload":{}', '"payload":' + '{"a":' * 100_000 + "1" + "}" * 100_000),
        ('"payload":{}', '"payload":' + '{"b":' * 600 + "1" + "}" * 600),
        ('"name":"inbox.banned"', '"name":"inbox\\u002ebanned"'),
        ('"name":"inbox.banned"', '"name":"\\ud800"'),
        ("{", "{ "),
        ("}", "}\n"),
    ],
    ids=lambda text: text[:40],
)
def test_an_entry_in_another_form_is_refused(story: Story, old: str, new: str) -> None:
    """Its bytes are in the tree, and they are not the one form that an entry has; or too much of one."""
    told = story.entries[2]
    assert not holds(tell(Log(), e3=told.replace(old, new, 1)).bundle())


@pytest.mark.parametrize("payload", [{"a": -(2**53) + 1}, {"a": [True, None, {"b": ODD}]}, {"a": 2**53 - 1, "b": {}}])
def test_an_entry_of_an_event_unknown_here_is_accepted(payload: Said) -> None:
    """What later versions write down is proven all the same."""
    assert holds(tell(Log(), e3={"name": "inbox.promoted", "schema": 7, "payload": payload}).bundle())


def test_entries_that_stand_in_another_order_in_the_log_are_refused() -> None:
    """The one that follows has to stand behind the one it follows."""
    log, honest = Log(), tell(Log())
    positions = [log.add(honest.entries[version]) for version in (1, 0, 2)]
    story = Story(
        log, honest.inbox_id, honest.entries, [positions[1], positions[0], 2], honest.openings, honest.address
    )
    assert not holds(story.bundle())


@pytest.mark.parametrize("by", [-8, -4, -2, -1, 1, 2, 4, 8, 2**62, 2**63, 2**64])
def test_a_proof_of_another_position_is_refused(by: int) -> None:
    """Also where the way up the tree is the same: a position lies within the tree."""
    log = Log()
    log.add("somebody else's")
    story = tell(log)
    assert holds(story.bundle())
    for number, index in ((3, 1), (4, 2), (5, 3)):
        proof = story.lines()[number]["proof"]
        other = proof.replace(f"index {index}\n", f"index {index + by}\n", 1)
        assert other != proof
        assert not holds(_edited(story, number, proof=other))


@pytest.mark.parametrize("index", ["+1", "01", "1.0", " 1", "1 ", "0x1", "1_0", "\u0661", "", "one", "9" * 5000])
def test_a_proof_of_a_position_in_another_form_is_refused(story: Story, index: str) -> None:
    """A number has one form."""
    proof = story.lines()[4]["proof"]
    assert "\nindex 1\n" in proof
    assert not holds(_edited(story, 4, proof=proof.replace("index 1\n", f"index {index}\n", 1)))


def test_a_bundle_without_events_is_refused(story: Story) -> None:
    """Even if its head says so."""
    header, checkpoint, head, *_ = story.lines()
    for said in (story.head(version=0), story.head(version=0, hash="")):
        assert not holds(written([{**header, "events": 0}, checkpoint, {**head, "note": LOG.note(said)}]))


def test_a_key_of_another_length_opens_nothing() -> None:
    """HMAC takes shorter and longer ones, and the log has committed under one."""
    for key in (b"", b"short", bytes(31), bytes(33), bytes(64)):
        story = tell(Log(), e3={"commitment": committed(key, {"actor": "zoe"})})
        story.openings[2] = {"type": "opening", "version": 3, "key": key.hex(), "context": {"actor": "zoe"}}
        assert not holds(story.bundle())


@pytest.mark.parametrize(
    "context", [{"actor": 1}, {"actor": None}, {"actor": ["zoe"]}, {"actor": True}, {"\u00e9": "x"}]
)
def test_a_context_of_other_things_than_texts_is_refused(context: Said) -> None:
    """Although the entry commits to it."""
    story = tell(Log(), e3={"commitment": committed(bytes(32), context)})
    story.openings[2] = {"type": "opening", "version": 3, "key": "00" * 32, "context": context}
    assert not holds(story.bundle())


@pytest.mark.parametrize("version", [0, -1, 4, 2**53 - 1, 2])
def test_an_opening_of_a_version_that_is_not_there_is_refused(story: Story, version: int) -> None:
    """Nor is one opened twice."""
    story.openings[2]["version"] = version
    assert not holds(story.bundle())


@pytest.mark.parametrize(
    "birth",
    [
        {"name": "inbox.banned"},
        {"payload": {}},
        {"payload": {"provider": "instantly", "address_commitment": None}},
        {"payload": {"provider": "instantly", "address_commitment": ODD}},
    ],
    ids=dumped,
)
def test_an_address_that_the_first_event_does_not_commit_to_is_refused(birth: Said) -> None:
    """The history itself holds without it."""
    story = tell(Log(), e1=birth)
    assert not holds(story.bundle())
    assert holds(written(story.lines()[:-1]))


def test_an_address_as_bytes_that_differ_is_refused(story: Story) -> None:
    """In another case, or with a space around it."""
    for address in (ADDRESS.upper(), f" {ADDRESS}", ""):
        assert not holds(_edited(story, -1, email_address=address))
