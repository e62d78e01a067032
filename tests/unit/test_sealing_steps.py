"""What sealing does step by step: round after round until nothing is left, its limit is reached, or it has no turn."""

from __future__ import annotations

from inbox_lifecycle.audit.sealing import BATCH, Sealed, feed_page, seal
from inbox_lifecycle.errors import SchemaMismatch, StoreMisconfigured, StoreUnavailable
from inbox_lifecycle.records import FeedPage
from inbox_lifecycle.store.feed import Batch, Extent
from tests.support.steps import Played, play

SIZE = Extent(100, (0, 0, 0, 0, 0))
REST = ["feed_extent", "unsealed"]


def limits(played: Played) -> list[int]:
    """Limits of the rounds."""
    return [played.statement(number).limit for number, name in enumerate(played.names) if name == "seal_batch"]


def test_sealing_goes_on_while_rounds_are_full() -> None:
    """A round that takes more than asked for, as events go together, counts as full."""
    batches = (Batch(BATCH, had_turn=True), Batch(BATCH + 7, had_turn=True), Batch(5, had_turn=True))
    played = play(seal(), *batches, SIZE, 3)
    assert (played.names, limits(played)) == (["seal_batch"] * 3 + REST, [BATCH] * 3)
    assert played.value == Sealed(events=2 * BATCH + 12, size=100, unsealed=3)


def test_sealing_asks_for_no_more_than_its_limit_leaves() -> None:
    """The last round is a smaller one."""
    batches = (Batch(BATCH, had_turn=True), Batch(501, had_turn=True))
    played = play(seal(limit=BATCH + 500), *batches, SIZE, 0)
    assert (played.names, limits(played)) == (["seal_batch"] * 2 + REST, [BATCH, 500])
    assert played.value.events == BATCH + 501


def test_sealing_without_the_turn_stops_and_tells_what_waits() -> None:
    """Another process is at it."""
    played = play(seal(), Batch(0, had_turn=False), SIZE, 9)
    assert played.value == Sealed(events=0, size=100, unsealed=9)


def test_a_page_seals_one_round_at_most() -> None:
    """A reader does not wait until a backlog of millions is through."""
    played = play(feed_page(after=None, limit=7), Batch(BATCH, had_turn=True), SIZE, (), 3)
    assert (played.names, limits(played)) == (["seal_batch", "feed_extent", "feed_page", "unsealed"], [BATCH])
    assert (played.statement(2).after, played.statement(2).limit) == (-1, 7)
    assert played.value == FeedPage((), None, 3)


def test_a_page_is_read_where_nothing_may_be_written() -> None:
    """A role without the right, and a server that is read-only."""
    for refused in ([StoreMisconfigured("no right")], [StoreUnavailable("25006")] * 2):
        played = play(feed_page(after=4, limit=7), *refused, (), 3)
        assert played.names[-2:] == ["feed_page", "unsealed"]
        assert played.value == FeedPage((), 4, 3)


def test_a_page_of_a_database_without_the_feed_is_refused() -> None:
    """As is anything else that reading could not mend."""
    played = play(feed_page(after=4, limit=7), SchemaMismatch(None, "1.0002"))
    assert isinstance(played.error, SchemaMismatch)
