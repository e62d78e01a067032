"""Verification of the feed: positions dense and in order, the tree over them, and what was signed of it.

The whole tree is built anew from the positions, with a few kilobytes of state, and held against the stored nodes as
they become complete, and against every checkpoint as the walk comes by its size. The size is fixed at the beginning, so
that what is sealed meanwhile is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from inbox_lifecycle.audit import merkle
from inbox_lifecycle.audit.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from inbox_lifecycle.audit.checks import Finding
from inbox_lifecycle.audit.notes import Verifier
from inbox_lifecycle.audit.tree import HEIGHT, joined
from inbox_lifecycle.errors import NoteInvalid
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.store.feed import FAN_OUT, LEVELS, Extent, FeedExtent, TreeHashes, Unsealed
from inbox_lifecycle.store.session import Row
from inbox_lifecycle.store.verification_feed import (
    CheckpointsToVerify,
    FeedHead,
    FeedToVerify,
    QueueToVerify,
    StoredCheckpoint,
    StoredPosition,
    StoredWait,
    StrayNodes,
    sound_leaf,
    stored_position,
)

#: Positions per page.
ROWS = 2048
#: Before every position and every size there can be, and after every size.
FIRST, LAST = -(2**63), 2**63 - 1

_STORED, _GIVEN = "the stored checkpoint", "the given checkpoint"


@dataclass(slots=True)
class FeedReport:
    """What was looked at, and what was found."""

    positions: int = 0
    checkpoints: int = 0
    unsealed: int = 0
    findings: list[Finding] = field(default_factory=list)


class Tower:
    """The tree over what was appended: at each level the hashes that are not yet complete, at most 256."""

    def __init__(self) -> None:
        self.size = 0
        self._levels: list[list[bytes]] = [[] for _ in range(LEVELS.stop)]

    def append(self, leaf_hash: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Take the next leaf; level, number and hash of each node that is complete by it."""
        self.size += 1
        one, width = leaf_hash, 1
        for level, hashes in enumerate(self._levels):
            hashes.append(one)
            if len(hashes) < FAN_OUT or level + 1 == LEVELS.stop:
                return
            one, width = merkle.root(hashes), width * FAN_OUT
            hashes.clear()
            yield level + 1, self.size // width - 1, one

    def extend(self, leaf_hashes: Sequence[bytes]) -> Iterator[tuple[int, int, bytes]]:
        """Take the next leaves; what each completes, as `append` gives it."""
        begin = 0
        while begin < len(leaf_hashes):
            lowest = self._levels[0]
            # All but the one that may complete a node.
            end = min(begin + FAN_OUT - 1 - len(lowest), len(leaf_hashes) - 1)
            lowest += leaf_hashes[begin:end]
            self.size += end - begin
            yield from self.append(leaf_hashes[end])
            begin = end + 1

    def root(self) -> bytes:
        """The root."""
        pieces = [(level * HEIGHT, one) for level, hashes in reversed(list(enumerate(self._levels))) for one in hashes]
        return joined(pieces)


class FeedWalk:
    """A walk over the feed from its beginning, told everything that was read."""

    def __init__(self, extent: Extent, report: FeedReport) -> None:
        self._extent = extent
        self._report = report
        self._tower = Tower()
        #: Whether all leaves so far were there: behind a hole no root can be right, and one finding says so.
        self._whole = True
        self._next = 0
        self._complete: dict[int, dict[int, bytes]] = {level: {} for level in LEVELS}

    @property
    def size(self) -> int:
        """Positions taken so far."""
        return self._tower.size

    @property
    def reached(self) -> int:
        """The position after the last one: the size of a feed without holes."""
        return self._next

    def take_all(self, rows: Sequence[Row]) -> bool:
        """Take the next positions if nothing at all is wrong with them; otherwise none, for `take` to say what is."""
        leaf_hashes = [leaf for position, row in enumerate(rows, self._next) if (leaf := sound_leaf(row, position))]
        if len(leaf_hashes) < len(rows):
            return False
        for level, number, one in self._tower.extend(leaf_hashes):
            self._complete[level][number] = one
        self._next += len(rows)
        self._report.positions += len(rows)
        return True

    def take(self, row: StoredPosition) -> None:
        """Check the next position and add it to the tree."""
        if row.position != self._next:
            self._whole = False
            self._find(row, f"position {self._next}", f"position {row.position}")
        self._next = row.position + 1
        leaf_hash = row.leaf_hash
        if not merkle.is_hash(leaf_hash):
            self._whole, leaf_hash = False, merkle.EMPTY_ROOT
            self._find(row, f"{merkle.HASH_LENGTH} bytes of a hash", f"{len(row.leaf_hash)}")
        elif row.event_hash is None:
            self._find(row, "an event", "none of this inbox and version")
        elif row.event_hash != row.leaf_hash:
            self._find(row, f"the event's hash {row.event_hash.hex()}", row.leaf_hash.hex())
        if row.version > 1 and (row.previous is None or row.previous > row.position):
            where = "nowhere" if row.previous is None else f"at position {row.previous}"
            self._find(row, f"version {row.version - 1} before it", where)
        for level, number, one in self._tower.append(leaf_hash):
            self._complete[level][number] = one
        self._report.positions += 1

    def completed(self) -> Iterator[tuple[int, int, dict[int, bytes]]]:
        """Nodes completed since the last look that should be stored, by level: from which number, to which hash."""
        for level, nodes in self._complete.items():
            due = {number: one for number, one in nodes.items() if number < self._extent.complete(level)}
            if due and self._whole:
                yield level, min(due), due
            nodes.clear()

    def compare(self, level: int, expected: dict[int, bytes], stored: Sequence[bytes]) -> None:
        """Hold stored nodes against the tree; they are as many as expected, or some are missing."""
        if len(stored) != len(expected):
            first = min(expected)
            said = f"{len(expected)} nodes of level {level} from {first} on"
            self._add("tree", said, f"{len(stored)}", first * FAN_OUT**level)
            return
        for (number, one), other in zip(expected.items(), stored, strict=True):
            if one != other:
                self._add("tree", f"node {number} of level {level}: {one.hex()}", other.hex(), number * FAN_OUT**level)

    def meet(self, checkpoint: Checkpoint, source: str) -> None:
        """Hold a checkpoint of the size that the walk has reached against the tree."""
        root = self._tower.root()
        if not self._whole:
            self._add("checkpoint", f"{source} of size {checkpoint.size}: every leaf before it", "not every one")
        elif root != checkpoint.root:
            expected = f"{source} of size {checkpoint.size}: root {checkpoint.root.hex()}"
            self._add("checkpoint", expected, f"root {root.hex()}")

    def miss(self, checkpoint: Checkpoint, source: str) -> None:
        """A checkpoint of a size that the feed does not have."""
        expected = f"{source} of size {checkpoint.size}: as many positions"
        self._add("checkpoint", expected, f"{self._next}")

    def _find(self, row: StoredPosition, expected: str, found: str) -> None:
        finding = Finding(
            kind="feed",
            inbox_id=row.inbox_id,
            version=row.version,
            position=row.position,
            expected=expected,
            found=found,
        )
        self._report.findings.append(finding)

    def _add(self, kind: str, expected: str, found: str, position: int | None = None) -> None:
        self._report.findings.append(Finding(kind=kind, position=position, expected=expected, found=found))


def verify_feed(*, against: Sequence[Checkpoint] = (), verifier: Verifier | None = None) -> Flow[FeedReport]:
    """Verify the feed, the tree and the checkpoints.

    Args:
        against: checkpoints kept elsewhere, opened with the log's key.
        verifier: the log's key, to check the signatures of stored checkpoints as well.
    """
    report = FeedReport()
    # Before the first page: what is sealed meanwhile is left out.
    extent = yield from again(FeedExtent())
    walk, given = FeedWalk(extent, report), sorted(against, key=lambda checkpoint: checkpoint.size)
    begin, following, end = FIRST, FIRST, False
    while not end:
        rows = yield from again(FeedToVerify(begin=following, size=extent.size, limit=ROWS))
        end = len(rows) < ROWS
        following = rows[-1][0] + 1 if rows else following
        due = yield from _due(report, begin, max(following, 0), given, verifier)
        if due or not walk.take_all(rows):
            for row in map(stored_position, rows):
                walk.take(row)
                while due and due[0][0].size <= walk.reached:
                    walk.meet(*due.popleft())
        yield from _compare_nodes(walk)
        begin = walk.reached
    yield from _beyond(report, walk, extent, given, verifier)
    yield from _verify_queue(report)
    report.unsealed = yield from again(Unsealed())
    return report


Due = deque[tuple[Checkpoint, str]]


def _due(report: FeedReport, begin: int, end: int, given: Sequence[Checkpoint], verifier: Verifier | None) -> Flow[Due]:
    """The checkpoints of sizes after `begin` and up to `end`, in order of size."""
    due = [(checkpoint, _GIVEN) for checkpoint in given if begin < checkpoint.size <= end]
    after, origin, full = begin, "", True
    while full:
        statement = CheckpointsToVerify(begin=begin, after=after, after_origin=origin, until=end, limit=ROWS)
        page = yield from again(statement)
        for stored in page:
            report.checkpoints += 1
            checkpoint = _read(report, stored, verifier)
            if checkpoint is not None:
                due.append((checkpoint, _STORED))
            after, origin = stored.size, stored.origin
        full = len(page) == ROWS
    # The tree of size 0 is every log's.
    return deque(sorted((one for one in due if one[0].size), key=lambda one: one[0].size))


def _read(report: FeedReport, stored: StoredCheckpoint, verifier: Verifier | None) -> Checkpoint | None:
    """What the stored note says, once it says what its row says and, where the key is known, its signature holds."""
    named = f"the stored checkpoint of size {stored.size}"
    text = stored.note.rpartition("\n\n")[0] + "\n"
    try:
        ours = verifier is not None and verifier.name == stored.origin
        checkpoint = open_checkpoint(stored.note, verifier) if verifier and ours else parse_checkpoint(text)
    except NoteInvalid as error:
        report.findings.append(Finding(kind="checkpoint", expected=f"{named}: a note that holds", found=str(error)))
        return None
    if (checkpoint.origin, checkpoint.size, checkpoint.root) != (stored.origin, stored.size, stored.root):
        found = f"one of {checkpoint.origin} and size {checkpoint.size}, root {checkpoint.root.hex()}"
        report.findings.append(Finding(kind="checkpoint", expected=f"{named}: a note that says so", found=found))
        return None
    return checkpoint


def _compare_nodes(walk: FeedWalk) -> Flow[None]:
    for level, first, expected in list(walk.completed()):
        stored = yield from again(TreeHashes(level=level, begin=first, end=first + len(expected)))
        walk.compare(level, expected, stored)


def _beyond(
    report: FeedReport, walk: FeedWalk, extent: Extent, given: Sequence[Checkpoint], verifier: Verifier | None
) -> Flow[None]:
    """What speaks of more positions than there are."""
    for level in LEVELS:
        complete = walk.size // FAN_OUT**level
        if extent.complete(level) > complete:
            expected = f"{complete} nodes of level {level}, as the feed has {walk.size} positions"
            found = str(extent.complete(level))
            position = complete * FAN_OUT**level
            report.findings.append(Finding(kind="tree", position=position, expected=expected, found=found))
    stray = yield from again(StrayNodes())
    if stray:
        expected = f"no nodes beside levels {LEVELS.start} to {LEVELS.stop - 1} from number 0 on"
        report.findings.append(Finding(kind="tree", expected=expected, found=str(stray)))
    yield from _check_head(report)
    due = yield from _due(report, walk.reached, LAST, given, verifier)
    # After the checkpoints: one that was signed meanwhile is of a size that the feed has by now. A given one is older.
    now = yield from again(FeedExtent())
    for checkpoint, source in due:
        if source == _GIVEN or checkpoint.size > now.size:
            walk.miss(checkpoint, source)


def _check_head(report: FeedReport) -> Flow[None]:
    head = yield from again(FeedHead())
    if head is not None and head.next_position != head.size:
        expected, found = f"{head.size} as the next position", f"{head.next_position}"
        report.findings.append(Finding(kind="feed", position=head.size, expected=expected, found=found))


def _verify_queue(report: FeedReport) -> Flow[None]:
    begin, full = FIRST, True
    while full:
        page = yield from again(QueueToVerify(begin=begin, limit=ROWS))
        report.findings += [finding for wait in page for finding in _check_wait(wait)]
        begin = page[-1].seq + 1 if page else begin
        full = len(page) == ROWS


def _check_wait(wait: StoredWait) -> Iterator[Finding]:
    if not wait.is_event:
        found = "none of this inbox, version and hash"
        yield Finding(kind="queue", inbox_id=wait.inbox_id, version=wait.version, expected="an event", found=found)
    if wait.position is not None:
        expected, found = "an event without a position", f"position {wait.position}"
        yield Finding(kind="queue", inbox_id=wait.inbox_id, version=wait.version, expected=expected, found=found)
