"""API keys: made for an owner, shown once, looked up by their token, listed without it, and refused once revoked."""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox_lifecycle import ApiKey, ApiKeyNotFound, InvalidInput, MalformedText, NewApiKey, StoreError
from inbox_lifecycle.ids import new_id
from inbox_lifecycle.lifecycle import api_keys
from inbox_lifecycle.lifecycle.api_keys import read_token
from inbox_lifecycle.store.api_keys import FindApiKey, InsertApiKey, RevokeApiKey
from tests.fix_face import MakeFace
from tests.support.contract import OWNER, STRANGER, UNKEEPABLE, UNKNOWN_ID, crosswise
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace
from tests.support.steps import NOW
from tests.support.store import Store

pytestmark = pytest.mark.pairwise

PAST = "2020-01-01T00:00:00.000000Z"
NOWHERE = {"sqlite": "sqlite:////nowhere/at/all.db", "postgresql": "postgresql://nobody@/none?host=/nowhere"}


@pytest.fixture
def made(face: AnyFace) -> NewApiKey:
    """A key of the owner's."""
    new: NewApiKey = face.operator().create_api_key(owner_id=OWNER, label="nightly job")
    return new


def changed(token: str, place: int) -> str:
    """The token with another character there."""
    return token[:place] + ("a" if token[place] != "a" else "b") + token[place + 1 :]


def test_a_key_is_found_by_its_token(face: AnyFace, made: NewApiKey) -> None:
    """It says whose it is, and no two are alike."""
    key: ApiKey = face.api_key_of(made.token)
    assert key == made.key
    assert (key.owner_id, key.label, key.created_by) == (OWNER, "nightly job", "olga")
    assert (key.expires_at, key.revoked_at, key.revoked_by) == (None, None, None)
    other = face.operator().create_api_key(owner_id=STRANGER)
    assert face.api_key_of(other.token).owner_id == STRANGER
    assert len({made.token, other.token, made.key.prefix, other.key.prefix}) == 4


def test_a_token_is_one_word_that_begins_with_its_prefix(made: NewApiKey) -> None:
    """Selected by a double click, found by whoever searches for leaks, and 256 bits of it are secret."""
    assert re.fullmatch(rf"ilk_{made.key.prefix}_[a-z2-7]{{52}}", made.token)
    assert re.fullmatch("[a-z2-7]{12}", made.key.prefix)


def test_only_a_hash_is_stored(made: NewApiKey, database: TestDatabase) -> None:
    """Whoever reads the database cannot call with what they find there."""
    (row,) = database.execute("select * from {s}inbox_api_keys")
    secret = made.token.rpartition("_")[2]
    assert hashlib.sha256(made.token.encode()).digest() in [bytes(v) if isinstance(v, memoryview) else v for v in row]
    assert [value for value in row if secret in str(value)] == []


@pytest.mark.parametrize("named_by", ["id", "prefix"])
def test_a_revoked_key_is_refused_at_once_and_stays_as_it_was(face: AnyFace, made: NewApiKey, named_by: str) -> None:
    """By its id or by its prefix; who was first to revoke it is on record."""
    assert face.api_key_of(made.token) == made.key
    revoked = face.operator("rita").revoke_api_key(getattr(made.key, named_by))
    assert face.api_key_of(made.token) is None
    assert (revoked.id, revoked.revoked_by, revoked.revoked_at >= made.key.created_at) == (made.key.id, "rita", True)
    assert face.operator("otto").revoke_api_key(made.key.prefix) == revoked


def test_revoking_one_key_leaves_the_others(face: AnyFace, made: NewApiKey) -> None:
    """Those of the same owner as well."""
    other = face.operator().create_api_key(owner_id=OWNER)
    face.operator().revoke_api_key(made.key.id)
    assert face.api_key_of(other.token) == other.key


@crosswise
def test_revoking_what_is_no_key_says_so(face: AnyFace, made: NewApiKey) -> None:
    """Whatever is named, be it a whole token."""
    for key in (UNKNOWN_ID, "a" * 12, "", "no such key", made.key.prefix.upper(), "a\x00b", "\ud83d", made.token):
        with pytest.raises(ApiKeyNotFound):
            face.operator().revoke_api_key(key)
    assert face.api_key_of(made.token) == made.key


def test_a_key_holds_until_the_databases_clock_says_it_has_expired(make: MakeFace, database: TestDatabase) -> None:
    """However wrong the clock of a process is, of the one that makes it or of the one that asks."""
    late = make(clock=lambda: datetime(2199, 1, 1, tzinfo=UTC))
    new = late.operator().create_api_key(owner_id=OWNER, expires_in=timedelta(hours=1))
    assert new.key.expires_at - new.key.created_at == timedelta(hours=1)
    assert late.api_key_of(new.token) == new.key
    database.execute("update {s}inbox_api_keys set expires_at = ?", (PAST,))
    early = make(clock=lambda: datetime(2001, 1, 1, tzinfo=UTC))
    assert (late.api_key_of(new.token), early.api_key_of(new.token)) == (None, None)


def test_a_token_with_one_other_character_is_refused(face: AnyFace, made: NewApiKey) -> None:
    """In the prefix, at either end of the secret, and in the scheme."""
    for place in (0, 4, 15, 17, 40, -2):
        assert face.api_key_of(changed(made.token, place % len(made.token))) is None
    other = face.operator().create_api_key(owner_id=OWNER)
    mixed = made.token.rpartition("_")[0] + "_" + other.token.rpartition("_")[2]
    assert (face.api_key_of(mixed), face.api_key_of(made.token)) == (None, made.key)


MALFORMED = {
    "nothing": "",
    "a word": "ilk",
    "too short": f"ilk_{'a' * 12}_{'a' * 51}",
    "too long": f"ilk_{'a' * 12}_{'a' * 53}",
    "oversized": "a" * 1_000_000,
    "capitals": f"ILK_{'A' * 12}_{'A' * 52}",
    "another scheme": f"ilx_{'a' * 12}_{'a' * 52}",
    "a newline": f"ilk_{'a' * 12}_{'a' * 51}\n",
    "NUL": f"ilk_{'a' * 11}\x00_{'a' * 52}",
    "a surrogate": f"ilk_{'a' * 12}_{'a' * 51}\ud83d",
    "SQL": "ilk_' or 1=1 --_" + "a" * 52,
    "letters of another script": f"ilk_{'а' * 12}_{'a' * 52}",  # noqa: RUF001 - they look alike, which is the point
}


@crosswise
def test_what_cannot_be_a_token_is_refused_without_asking_the_database(make: MakeFace, database: TestDatabase) -> None:
    """No database is there to be asked; for what has the form of a token, that is said, and not that it is refused."""
    face = make(NOWHERE[database.kind])
    assert [name for name, token in MALFORMED.items() if face.api_key_of(token) is not None] == []
    with pytest.raises(StoreError):
        face.api_key_of(f"ilk_{'a' * 12}_{'a' * 52}")


def test_keys_are_listed_oldest_first(face: AnyFace) -> None:
    """An owner's, or everybody's; those that were revoked too."""
    operator = face.operator()
    keys = [operator.create_api_key(owner_id=owner).key for owner in (OWNER, STRANGER, OWNER)]
    keys[0] = operator.revoke_api_key(keys[0].id)
    assert operator.api_keys() == keys
    assert operator.api_keys(owner_id=OWNER) == [keys[0], keys[2]]
    assert operator.api_keys(owner_id="nobody") == []


@crosswise
def test_a_long_list_comes_page_by_page(face: AnyFace, made: NewApiKey, database: TestDatabase) -> None:
    """Each key once, across the border of a page."""
    rows = [(new_id(NOW), f"{number:012}", OWNER, PAST) for number in range(api_keys.PAGE + 3)]
    insert = (
        "insert into {s}inbox_api_keys (id, prefix, hash, owner_id, label, created_by, created_at)"
        " select ?, ?, hash, ?, '', 'olga', ? from {s}inbox_api_keys limit 1"
    )
    with database.connect() as connection:
        statement = insert.replace("{s}", database.prefix)
        connection.cursor().executemany(statement if database.kind == "sqlite" else statement.replace("?", "%s"), rows)
    listed = [key.id for key in face.operator().api_keys(owner_id=OWNER)]
    assert listed == sorted([*(row[0] for row in rows), made.key.id])


WRONG: dict[str, dict[str, Any]] = {
    "no owner": {"owner_id": ""},
    "an owner that cannot be kept": {"owner_id": UNKEEPABLE[0]},
    "a label that cannot be kept": {"label": UNKEEPABLE[1]},
    "a label too long": {"label": "x" * 201},
    "no time": {"expires_in": timedelta()},
    "a time gone by": {"expires_in": timedelta(days=-1)},
    "less than a second": {"expires_in": timedelta(milliseconds=999)},
    "more than a hundred years": {"expires_in": timedelta(days=36_526)},
    "more than all time": {"expires_in": timedelta.max},
}


@crosswise
def test_a_key_that_makes_no_sense_is_refused(face: AnyFace, database: TestDatabase) -> None:
    """And none is made; an empty label, a second and a hundred years are fine."""
    operator = face.operator()
    for wrong in WRONG.values():
        with pytest.raises(InvalidInput):
            operator.create_api_key(**{"owner_id": OWNER, **wrong})
    assert database.count("inbox_api_keys") == 0
    with pytest.raises(MalformedText):
        operator.api_keys(owner_id=UNKEEPABLE[0])
    for life in (timedelta(seconds=1), timedelta(days=36_525)):
        key = operator.create_api_key(owner_id=OWNER, expires_in=life, label="x" * 200).key
        assert key.expires_at - key.created_at == life


def inserting(**changes: Any) -> InsertApiKey:
    """The statement that puts a key on record."""
    given: dict[str, Any] = {"id": UNKNOWN_ID, "prefix": "a" * 12, "hash": bytes(range(32)), "owner_id": OWNER}
    given |= {"label": "", "created_by": "olga", "lifetime": None}
    return InsertApiKey(**{**given, **changes})


def test_making_a_key_twice_after_a_lost_acknowledgement_makes_one(store: Store, database: TestDatabase) -> None:
    """The second run finds what the first one did, and what became of it meanwhile."""
    first = store.run(inserting())
    assert store.run(inserting()) == first
    revoked = store.run(RevokeApiKey(key=UNKNOWN_ID, by_prefix=False, revoked_by="rita"))
    assert store.run(inserting()) == revoked
    assert database.count("inbox_api_keys") == 1


@crosswise
def test_no_token_and_no_hash_is_ever_said(
    face: AnyFace, made: NewApiKey, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """In a repr, an error or a log record, of a use that goes well or fails."""
    caplog.set_level(logging.DEBUG)
    presented = read_token(made.token)
    assert presented is not None
    stored = store.run(FindApiKey(prefix=made.key.prefix))
    said = [repr(value) for value in (made, made.key, presented, stored, inserting(hash=presented.hash))]
    face.api_key_of(made.token)
    face.api_key_of(changed(made.token, 30))
    face.operator().revoke_api_key(made.key.id)
    face.api_key_of(made.token)
    with pytest.raises(ApiKeyNotFound) as caught:
        face.operator().revoke_api_key(made.token)
    said += [repr(caught.value), *(record.getMessage() for record in caplog.records)]
    secrets = (made.token, made.token[20:40], repr(presented.hash), presented.hash.hex())
    assert [secret for secret in secrets for text in said if secret in text] == []
