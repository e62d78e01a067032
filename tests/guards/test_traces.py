"""What is left of an erased inbox, byte by byte: nothing in a database, and nothing in what is said of it afterwards.

Every personal text is one that occurs nowhere else, so that a search of whole files and whole tables can find it.
"""

from __future__ import annotations

import logging
import random
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine

from inbox_lifecycle import (
    Inbox,
    Inboxes,
    InboxLifecycleError,
    InboxNotFound,
    Instantly,
    ProviderThrottled,
    TransitionRefused,
    audit_context,
    prepare_sqlite,
)
from inbox_lifecycle.audit.bundles import verify_bundle
from inbox_lifecycle.audit.checkpoints import open_checkpoint
from inbox_lifecycle.audit.notes import Signer
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.store.engine import make_engine
from inbox_lifecycle.testing import Sandbox
from tests.support.databases import TestDatabase
from tests.support.hosts import host_engine

SIGNER = Signer.generate("example.com/log")


@dataclass
class Secrets:
    """Texts and keys that occur once in the world, each with the ways in which it may be written."""

    known: set[tuple[bytes, ...]] = field(default_factory=set)
    lengths: random.Random = field(default_factory=lambda: random.Random(0))

    def text(self, longest: int = 0) -> str:
        """One more, in one piece and of small letters, as every column takes it."""
        made = f"zq{secrets.token_hex(8)}"
        self.known.add((made.encode(),))
        return made + "x" * (self.lengths.randrange(longest) if longest else 0)

    def address(self) -> str:
        """One whose local part and domain are each of them."""
        return f"{self.text()}@{self.text()}.example.com"

    def learn_keys(self, database: TestDatabase, inbox: Inbox) -> None:
        """The keys of the commitments, as bytes and as digits."""
        keys = database.execute("select context_key from {s}inbox_events where inbox_id = ?", (inbox.id,))
        keys += database.execute("select address_key from {s}inboxes where id = ?", (inbox.id,))
        for (key,) in keys:
            self.known.add((bytes(key), bytes(key).hex().encode()))

    def found_in(self, *places: bytes) -> set[tuple[bytes, ...]]:
        """Those that stand there, in one way or another."""
        return {ways for ways in self.known if any(way in place for way in ways for place in places)}


def some_id(chance: random.Random) -> UUID:
    """An id that stands anywhere among the others."""
    return UUID(int=chance.getrandbits(128), version=4)


def files(database: TestDatabase) -> list[bytes]:
    """All that SQLite keeps on disk: the file, its log, and the log's index."""
    return [path.read_bytes() for path in sorted(Path(database.path).parent.glob(f"{Path(database.path).name}*"))]


def tables(database: TestDatabase) -> list[bytes]:
    """Every row of every table of ours, as text."""
    names = database.execute("select table_name from information_schema.tables where table_schema = 'inbox_lifecycle'")
    return [
        "\n".join(row for (row,) in database.execute(f"select t::text from {{s}}{name} t")).encode()  # noqa: S608 - ours
        for (name,) in names
    ]


def kept(database: TestDatabase) -> list[bytes]:
    """All that the database keeps and shows."""
    return files(database) if database.kind == "sqlite" else tables(database)


@dataclass
class Scene:
    """An inbox that was moved and asked about many times, each time by somebody else and for another reason."""

    database: TestDatabase
    inboxes: Inboxes
    sandbox: Sandbox
    secrets: Secrets = field(default_factory=Secrets)
    address: str = ""
    owner: str = ""

    def live(self, rounds: int = 4, meanwhile: Callable[[], object] = bool) -> Inbox:
        """Its life so far; something else happens in between."""
        self.address, self.owner = self.secrets.address(), self.secrets.text()
        inbox = self.inboxes.operator(actor=self.secrets.text()).adopt(
            email_address=self.address,
            owner_id=self.owner,
            inbox_id=some_id(self.secrets.lengths),
            provider_ref=self.secrets.text(),
            status="pending",
            warmup_status="not_started",
            reason=self.secrets.text(longest=200),
        )
        for _ in range(rounds):
            meanwhile()
            self.sandbox.fail_next("throttle")
            with self._somebody(), pytest.raises(ProviderThrottled):
                self._retry(inbox)
            with self._somebody():
                self._retry(inbox)
                self.inboxes.operator(actor=self.secrets.text()).correct(
                    inbox.id,
                    status="pending",
                    warmup_status="not_started",
                    reason=self.secrets.text(longest=2000),
                    idempotency_key=self.secrets.text(),
                )
        with self._somebody():
            self._retry(inbox)
        self.secrets.learn_keys(self.database, inbox)
        return inbox

    def erase(self, inbox: Inbox) -> Inbox:
        """Erase it."""
        return self.inboxes.operator(actor="olga").erase(inbox.id, reason="asked to")

    def _retry(self, inbox: Inbox) -> Inbox:
        return self.inboxes.retry_warmup(inbox.id, owner_id=self.owner, idempotency_key=self.secrets.text())

    def _somebody(self) -> audit_context:
        say = self.secrets.text
        return audit_context(actor=say(), reason=say(600), correlation_id=say(200), causation_id=say(200))


@pytest.fixture
def scene(database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox) -> Iterator[Scene]:
    """A stage for it, on SQLite and again on PostgreSQL."""
    with Inboxes(database.url, provider, signer=SIGNER) as inboxes:
        yield Scene(database, inboxes, provider_sandbox)


def test_nothing_personal_is_left_in_the_database(scene: Scene) -> None:
    """Whatever can be blanked was there before, in so many bytes, and is nowhere after."""
    inbox = scene.live()
    assert scene.secrets.found_in(*kept(scene.database)) == scene.secrets.known
    scene.erase(inbox)
    assert scene.secrets.found_in(*kept(scene.database)) == set()
    assert scene.inboxes.operator(actor="vera").verify().findings == []


PAST = datetime(2020, 1, 1, tzinfo=UTC)
_ATTEMPT = """
insert into inbox_attempts
    (inbox_id, id, kind, seen_version, seen_status, seen_warmup_status, opened_at, lease_until, to_disable, reason)
values (?, ?, 'retry', 1, 'pending', 'not_started', '2020-01-01T00:00:00.000000Z', '2020-01-01T00:00:00.000000Z', 0, ?)
"""


class Crowd:
    """Other inboxes, written in one transaction: their rows come to lie before, after and between those of the one."""

    def __init__(self, database: TestDatabase, seed: int) -> None:
        self._database = database
        self._random = random.Random(seed)
        self._count = 0

    def grow(self, count: int) -> None:
        """More of them, with histories."""
        with (
            host_engine(self._database) as engine,
            Inboxes(self._database.url) as inboxes,
            engine.begin() as connection,
        ):
            operator = inboxes.within(connection).operator(actor="olga")
            for _ in range(count):
                self._count += 1
                born = operator.adopt(
                    email_address=f"crowd{self._count}@mail.example.com",
                    owner_id="o" * self._random.randint(1, 40),
                    inbox_id=some_id(self._random),
                    provider="instantly",
                    status="pending",
                    warmup_status="not_started",
                )
                for status in ("warming", "active")[: self._random.randint(0, 2)]:
                    operator.correct(
                        born.id, status=status, warmup_status=status, reason="r" * self._random.randint(1, 600)
                    )
                for _ in range(self._random.randint(0, 4)):
                    connection.exec_driver_sql(_ATTEMPT, (born.id, new_id(PAST), "r" * self._random.randint(1, 300)))


@pytest.mark.parametrize("seed", [4, 13, 18])
def test_nothing_personal_is_left_in_a_file_whose_pages_were_divided(
    sqlite_database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox, seed: int
) -> None:
    """Rows that come in between move others from page to page, and such a move may leave a copy behind.

    With these seeds it does: overwriting what is deleted finds the rows, and only rewriting the file the copies.
    """
    crowd = Crowd(sqlite_database, seed)
    crowd.grow(60)
    with Inboxes(sqlite_database.url, provider) as inboxes:
        scenes = [
            Scene(sqlite_database, inboxes, provider_sandbox, Secrets(lengths=random.Random(f"{seed} {number}")))
            for number in range(4)
        ]
        erased = [scene.live(rounds=8, meanwhile=lambda: crowd.grow(12)) for scene in scenes]
        crowd.grow(80)
        for scene, inbox in zip(scenes, erased, strict=True):
            assert scene.secrets.found_in(*files(sqlite_database)) == scene.secrets.known
            scene.erase(inbox)
            assert scene.secrets.found_in(*files(sqlite_database)) == set()
        assert inboxes.operator(actor="vera").verify().findings == []


def test_copies_that_lay_in_free_space_before_are_gone_as_well(
    sqlite_database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """Somebody who does not overwrite what is deleted has worked on the file: the row itself is not all there is."""
    with Inboxes(sqlite_database.url, provider) as inboxes:
        scene = Scene(sqlite_database, inboxes, provider_sandbox)
        inbox = scene.live()
        with closing(sqlite3.connect(sqlite_database.path)) as careless:
            careless.execute("pragma secure_delete = off")
            careless.execute("create table notes as select * from inbox_attempts")
            careless.execute("delete from notes")
            careless.execute("drop table notes")
            careless.commit()
        scene.erase(inbox)
        assert scene.secrets.found_in(*files(sqlite_database)) == set()


def test_reader_who_keeps_the_log_busy_does_not_keep_the_inbox_from_being_erased(
    sqlite_database: TestDatabase, provider: Instantly, provider_sandbox: Sandbox
) -> None:
    """Who reads sees what was, and the log is cut off when that is over: at the next erasure, or by whoever is last."""
    with Inboxes(sqlite_database.url, provider) as inboxes:
        scene = Scene(sqlite_database, inboxes, provider_sandbox)
        inbox = scene.live()
        with closing(sqlite3.connect(sqlite_database.path, isolation_level=None)) as reader:
            reader.execute("begin")
            reader.execute("select count(*) from inboxes").fetchall()
            assert scene.erase(inbox).email_address is None
            seen = reader.execute("select email_address from inboxes where id = ?", (inbox.id,)).fetchone()
            assert seen == (scene.address,)
            assert scene.secrets.found_in(*files(sqlite_database)) != set()
            reader.execute("rollback")
        assert inboxes.operator(actor="vera").verify().findings == []
    assert scene.secrets.found_in(*files(sqlite_database)) == set()


ENGINES: dict[str, Callable[[str], Engine]] = {
    "ours": make_engine,
    "prepared": lambda url: prepare_sqlite(create_engine(url)),
}


@pytest.mark.parametrize("make", ENGINES.values(), ids=ENGINES.keys())
def test_every_connection_overwrites_what_it_deletes(
    sqlite_database: TestDatabase, make: Callable[[str], Engine]
) -> None:
    """That of an engine of ours, and of a host's engine that we prepared."""
    engine = make(sqlite_database.url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("pragma secure_delete").scalar() == 1
    engine.dispose()


def words_of(error: BaseException | None) -> Iterator[str]:
    """All that an error says, and all that a traceback would show behind it."""
    while error is not None:
        yield f"{error} {error!r} {error.args!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__


def test_nothing_personal_is_said_of_an_erased_inbox(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Not by what can be read, with its repr and its bytes; not by what is refused; not in a log."""
    caplog.set_level(logging.DEBUG)
    inbox = scene.live()
    caplog.clear()
    operator = scene.inboxes.operator(actor="vera")
    said: list[Any] = [scene.erase(inbox), operator.get(inbox.id), operator.find(), operator.verify().as_dict()]
    history, attempts = list(operator.history(inbox.id)), list(operator.attempts(inbox.id))
    said += [*history, *attempts, *(event.context.as_dict() for event in history), *(a.detail for a in attempts)]
    said += [attempt.context.as_dict() for attempt in attempts]
    calls: list[tuple[type[InboxLifecycleError], Callable[[], object]]] = [
        (TransitionRefused, lambda: scene.erase(inbox)),
        (InboxNotFound, lambda: scene.inboxes.get(inbox.id, owner_id="somebody")),
        (InboxNotFound, lambda: operator.retry_warmup(inbox.id)),
        (TransitionRefused, lambda: operator.graduate(inbox.id)),
    ]
    for refused, call in calls:
        with pytest.raises(refused) as raised:
            call()
        said += words_of(raised.value)
    said += [record.getMessage() for record in caplog.records] + [caplog.text]
    places = [repr(words).encode() for words in said] + [event.entry for event in history]
    assert len(history) == len(attempts) + 2 == 11
    assert scene.secrets.found_in(*places) == set()


FORMS = ("jsonl", "csv", "cloudevents")


def test_what_is_exported_fed_travelled_to_and_proven_afterwards_tells_nothing(scene: Scene) -> None:
    """All of it works as before, and the last event alone opens who did it."""
    inbox = scene.live()
    operator = scene.inboxes.operator(actor="vera")
    sealed = operator.checkpoint()
    gone = scene.erase(inbox)
    bundle = operator.prove(inbox.id).text()
    said: list[object] = [bundle, operator.why(inbox.id), operator.diff(inbox.id, 1, gone.version)]
    said += [operator.as_of(inbox.id, version=version) for version in range(1, gone.version + 1)]
    said += [(fed, fed.event.context.as_dict()) for fed in operator.feed().items]
    said += ["".join(operator.export(what, form=form)) for what in ("history", "attempts", "feed") for form in FORMS]
    said += list(operator.checkpoints())
    assert scene.secrets.found_in(*(repr(words).encode() for words in said)) == set()
    proven = verify_bundle(bundle, SIGNER.verifier)
    assert (proven.version, proven.email_address) == (gone.version, None)
    assert proven.contexts == {gone.version: {"actor": "olga", "reason": "asked to"}}
    assert operator.as_of(inbox.id, version=2).pair != operator.as_of(inbox.id, version=3).pair
    kept_elsewhere = open_checkpoint(sealed.note, SIGNER.verifier)
    assert operator.verify(against=[kept_elsewhere], verifier=SIGNER.verifier).findings == []
