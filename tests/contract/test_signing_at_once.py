"""Signers at once, and beside writers and sealers: what they sign belongs together, and nobody hears of a conflict."""

from __future__ import annotations

from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import psycopg
import pytest

from inbox_lifecycle import Checkpoint, Signer, StoreUnavailable, open_checkpoint
from inbox_lifecycle.audit import merkle
from inbox_lifecycle.audit.signing import sign
from tests.fix_face import MakeFace
from tests.support.aftermath import eventually
from tests.support.contract import together
from tests.support.databases import TestDatabase
from tests.support.driving import driven
from tests.support.faces import AnyFace
from tests.support.feeding import lead_on, led
from tests.support.locks import waiters
from tests.support.noting import LOG
from tests.support.steps import Clock, terms
from tests.support.store import Store

SIGNER = Signer.from_text(LOG.signer_text)


@pytest.fixture
def face(make: MakeFace) -> AnyFace:
    """A facade that signs."""
    return make(signer=SIGNER)


@pytest.fixture
def operator(face: AnyFace) -> AnyFace:
    """An operator who signs."""
    return face.operator()


def opened(note: str) -> Checkpoint:
    """The checkpoint in a note."""
    return open_checkpoint(note, SIGNER.verifier)


def leaves(database: TestDatabase) -> list[bytes]:
    """The leaves of the tree, by raw SQL."""
    return [bytes(row[0]) for row in database.execute("select leaf_hash from {s}inbox_feed order by position")]


def test_signers_at_once_sign_trees_that_extend_each_other(
    make: MakeFace, face: AnyFace, database: TestDatabase
) -> None:
    """Four facades sign again and again while a fifth writes: every call succeeds, and one size has one note."""
    operators = [make(signer=SIGNER).operator() for _ in range(4)]
    inbox = led(face, "ana")

    def sign_on(operator: AnyFace) -> list[str]:
        return [operator.checkpoint().note for _ in range(10)]

    signed = together(*(partial(sign_on, operator) for operator in operators), partial(lead_on, face, inbox, 10))
    notes = {note for found in signed[:4] if isinstance(found, list) for note in found}
    assert [found for found in signed if isinstance(found, Exception)] == []
    stored = face.operator().checkpoints()
    assert set(stored) == notes
    known = leaves(database)
    by_size = [opened(note) for note in stored]
    assert by_size == [Checkpoint(LOG.name, one.size, merkle.root(known[: one.size])) for one in by_size]
    assert sorted({one.size for one in by_size}) == [one.size for one in by_size]


def test_signers_of_one_new_event_all_get_its_checkpoint(make: MakeFace, face: AnyFace) -> None:
    """Nobody is told of a conflict, since they all say the same."""
    operators = [make(signer=SIGNER).operator() for _ in range(6)]
    inbox = led(face, "ana")
    for _ in range(5):
        inbox = lead_on(face, inbox)
        face.operator().seal()
        signed = together(*(operator.checkpoint for operator in operators))
        assert signed == [face.operator().checkpoint()] * 6


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_the_very_first_positions_are_waited_for(face: AnyFace, store: Store, database: TestDatabase) -> None:
    """Somebody else is giving them at this moment: that is not the same as no event at all."""
    led(face, "ana", 2)
    other = psycopg.connect(database.url)
    other.execute("select from inbox_lifecycle.inbox_feed_head for update")
    assert driven(store, sign(terms(), SIGNER), {"Sleep": other.close}).size == 2


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_first_positions_that_never_come_are_not_waited_for_forever(
    face: AnyFace, store: Store, database: TestDatabase
) -> None:
    """The error says to try again, and nothing was signed."""
    led(face, "ana")
    clock = Clock()
    with psycopg.connect(database.url) as other:
        other.execute("select from inbox_lifecycle.inbox_feed_head for update")
        with pytest.raises(StoreUnavailable, match="first events wait"):
            driven(store, sign(terms(clock), SIGNER), {"Sleep": lambda: setattr(clock, "seconds", 11.0)})
    assert face.operator().checkpoints() == []


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_another_signer_stores_at_this_moment_is_no_conflict(
    face: AnyFace, operator: AnyFace, database: TestDatabase
) -> None:
    """The one that comes second waits for the first one's commit, and has said the same."""
    led(face, "ana")
    operator.seal()
    root = merkle.root(leaves(database))
    note = LOG.note(f"{LOG.name}\n1\n{b64encode(root).decode()}\n")
    with psycopg.connect(database.url) as first, ThreadPoolExecutor(1) as pool:
        first.execute(
            "insert into inbox_lifecycle.inbox_checkpoints values (%s, 1, %s, %s, now())", (LOG.name, root, note)
        )
        second = pool.submit(operator.checkpoint)
        eventually(lambda: waiters(database) == 1)
        first.commit()
        assert second.result().note == note
    assert operator.checkpoints() == [note]
