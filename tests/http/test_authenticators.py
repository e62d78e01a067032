"""Who calls: by API keys, over either facade, and by one authenticator after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from inbox_lifecycle import AuthenticationUnavailable, Inboxes, InvalidInput, StoreError
from inbox_lifecycle.http.authentication import ApiKeys, first_of
from inbox_lifecycle.http.hooks import Authenticate
from inbox_lifecycle.http.jwt import SupabaseTokens
from inbox_lifecycle.http.principal import Principal
from tests.fix_face import MakeFace
from tests.support.contract import OWNER, crosswise
from tests.support.databases import TestDatabase
from tests.support.faces import AnyFace, AwaitedFace
from tests.support.issuer import SECRET, USER, an_issuer, by_secret

NOWHERE = "postgresql://nobody@/none?host=/nowhere"
ANA = Principal(owner_id=USER, actor=f"user:{USER}")


def ask(face: AnyFace, authenticate: Any, token: str) -> Principal | None:
    """Who calls, asked on the loop that the facade lives on, or on one of its own."""
    run = face.loop.wait if isinstance(face, AwaitedFace) else asyncio.run
    answer: Principal | None = run(authenticate(token))
    return answer


def test_an_api_key_names_its_owner(face: AnyFace) -> None:
    """And what acts is on record by the key's prefix; a revoked key names nobody from then on."""
    made = face.operator().create_api_key(owner_id=OWNER)
    keys = ApiKeys(face.target)
    assert ask(face, keys, made.token) == Principal(owner_id=OWNER, actor=f"api-key:{made.key.prefix}")
    assert ask(face, keys, made.token[:-1] + ("a" if made.token[-1] != "a" else "q")) is None
    assert [ask(face, keys, text) for text in ("", "no token", by_secret())] == [None] * 3
    face.operator().revoke_api_key(made.key.id)
    assert ask(face, keys, made.token) is None


@crosswise
def test_a_database_that_cannot_be_asked_is_no_unknown_caller(make: MakeFace, database: TestDatabase) -> None:
    """A client is not told to throw its key away."""
    del database
    face = make(NOWHERE)
    with pytest.raises(StoreError):
        ask(face, ApiKeys(face.target), f"ilk_{'a' * 12}_{'a' * 52}")


@crosswise
def test_callers_of_both_kinds_are_known_in_any_order(face: AnyFace) -> None:
    """As a host has users with sessions and jobs with keys."""
    made = face.operator().create_api_key(owner_id=OWNER)
    keys, tokens = ApiKeys(face.target), SupabaseTokens(secret=SECRET)
    for both in (first_of(keys, tokens), first_of(tokens, keys)):
        owners = [getattr(ask(face, both, text), "owner_id", None) for text in (made.token, by_secret(), "neither")]
        assert owners == [OWNER, USER, None]


def known_as(name: str) -> Authenticate:
    """A host's own authenticator, which knows one token and is not async."""

    def authenticate(token: str) -> Principal | None:
        # It may wait for as long as it likes, as no event loop runs in its thread.
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return Principal(owner_id=name, actor=name) if token == name else None

    return authenticate


def wait(answer: Awaitable[Principal | None] | Principal | None) -> Principal | None:
    """What is awaited."""
    assert isinstance(answer, Awaitable)

    async def awaited() -> Principal | None:
        return await answer

    return asyncio.run(awaited())


def test_a_hosts_own_authenticator_is_asked_in_a_thread() -> None:
    """The first one that knows the caller says who it is."""
    both = first_of(known_as("ana"), known_as("bea"), known_as("ana"))
    assert [getattr(wait(both(name)), "owner_id", None) for name in ("ana", "bea", "cleo")] == ["ana", "bea", None]


def test_one_that_cannot_tell_does_not_keep_the_others_from_it() -> None:
    """Its error is raised only where nobody knows the caller, who may be one of those it would have known."""
    with an_issuer() as issuer:
        url, text = issuer.url, issuer.token()
    with Inboxes(NOWHERE) as gone:
        several = first_of(ApiKeys(gone), SupabaseTokens(jwks_url=url), known_as("ana"), SupabaseTokens(secret=SECRET))
        assert [wait(several(known)) for known in ("ana", by_secret())] == [Principal("ana", "ana"), ANA]
        assert wait(several("nobody")) is None
        with pytest.raises(AuthenticationUnavailable):
            wait(several(text))
        with pytest.raises(StoreError):
            wait(several(f"ilk_{'a' * 12}_{'a' * 52}"))


def test_somebody_has_to_be_asked() -> None:
    """No authenticator at all is a slip."""
    with pytest.raises(InvalidInput):
        first_of()
