"""Published keys: kept for a while, fetched anew, asked for sparingly, and gone on with while they cannot be had."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from inbox_lifecycle import AuthenticationUnavailable
from inbox_lifecycle.http.jwks import (
    FRESH_FOR,
    KEPT_FOR,
    LARGEST_SET,
    PAUSE,
    PAUSE_WITHOUT_KEYS,
    PublishedKeys,
    own_client,
)
from inbox_lifecycle.http.jwt import SupabaseTokens
from inbox_lifecycle.http.principal import Principal
from inbox_lifecycle.testing.reply import Cut, Reply, answer
from tests.support.issuer import PATIENCE, SECRET, USER, Holding, Issuer, an_issuer, claims, ec_key, jwk, rsa_key, token

ANA = Principal(owner_id=USER, actor=f"user:{USER}")


class Clock:
    """Counts the seconds that the test tells it to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """A project with a key of each kind."""
    with an_issuer() as one:
        yield one


@pytest.fixture
def clock() -> Clock:
    """The clock by which keys are kept."""
    return Clock()


@pytest.fixture
def tokens(issuer: Issuer, clock: Clock) -> SupabaseTokens:
    """Takes what is signed with the published keys, and has not asked for them yet."""
    return SupabaseTokens(jwks_url=issuer.url, clock=clock)


def caller(tokens: SupabaseTokens, text: str) -> Principal | None:
    """Who bears the token."""
    return asyncio.run(tokens(text))


def flood(tokens: SupabaseTokens, issuer: Issuer, count: int = 200) -> list[object]:
    """What so many tokens at once lead to, each of which names a key that nobody knows."""

    async def send() -> list[object]:
        sent = [tokens(issuer.token(f"unknown-{number}")) for number in range(count)]
        return list(await asyncio.gather(*sent, return_exceptions=True))

    return asyncio.run(send())


def broken() -> Reply:
    """No answer that anything could be read from."""
    return Reply(500, b"")


def test_keys_are_kept_for_a_while(tokens: SupabaseTokens, issuer: Issuer, clock: Clock) -> None:
    """They are fetched when they are first needed, and again when they are ten minutes old."""
    assert issuer.asked == 0
    assert [caller(tokens, issuer.token(kid)) for kid in ("ec-1", "rsa-1", "ec-1")] == [ANA] * 3
    clock.now += FRESH_FOR - 1
    assert (caller(tokens, issuer.token()), issuer.asked) == (ANA, 1)
    clock.now += 1
    assert (caller(tokens, issuer.token()), issuer.asked) == (ANA, 2)


def test_a_key_that_is_new_is_fetched_at_once(tokens: SupabaseTokens, issuer: Issuer, clock: Clock) -> None:
    """After a rotation both hold, until the old one is published no more."""
    old = issuer.token("ec-1")
    assert caller(tokens, old) == ANA
    issuer.keys["ec-2"] = ec_key("ec-2")
    clock.now += PAUSE
    assert [caller(tokens, issuer.token("ec-2")), caller(tokens, old), issuer.asked] == [ANA, ANA, 2]
    del issuer.keys["ec-1"]
    clock.now += FRESH_FOR
    assert [caller(tokens, old), caller(tokens, issuer.token("ec-2"))] == [None, ANA]


def test_a_flood_of_unknown_keys_makes_one_fetch(tokens: SupabaseTokens, issuer: Issuer, clock: Clock) -> None:
    """At the beginning, and in every half minute; those who are known are served meanwhile."""
    for fetches in (1, 2, 3):
        assert flood(tokens, issuer) == [None] * 200
        assert flood(tokens, issuer) == [None] * 200
        clock.now += PAUSE - 1
        assert flood(tokens, issuer, 3) == [None] * 3
        assert (caller(tokens, issuer.token()), issuer.asked) == (ANA, fetches)
        clock.now += 1


def test_known_keys_are_used_while_none_can_be_fetched(
    tokens: SupabaseTokens, issuer: Issuer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """For a day, with a try in every half minute; then nobody can tell any more, until they can be fetched again."""
    assert caller(tokens, issuer.token()) == ANA
    issuer.answers = broken
    for tries in (2, 3):
        clock.now += FRESH_FOR
        assert [caller(tokens, issuer.token()) for _ in range(3)] == [ANA] * 3
        assert (caller(tokens, issuer.token("ec-2")), issuer.asked) == (None, tries)
    assert "the keys that tokens are checked with could not be fetched: status 500" in caplog.messages
    clock.now += KEPT_FOR - 2 * FRESH_FOR - 1
    assert caller(tokens, issuer.token()) == ANA
    clock.now += PAUSE
    with pytest.raises(AuthenticationUnavailable):
        caller(tokens, issuer.token())
    issuer.answers = None
    clock.now += PAUSE
    assert caller(tokens, issuer.token()) == ANA


def test_without_any_key_nobody_can_tell_who_calls(tokens: SupabaseTokens, issuer: Issuer, clock: Clock) -> None:
    """It is said so, and when to come again; a flood meanwhile makes one fetch, and what is no token stays none."""
    issuer.answers = broken
    for fetches in (1, 2):
        failures = flood(tokens, issuer)
        assert {type(failure) for failure in failures} == {AuthenticationUnavailable}
        assert {getattr(failure, "retry_after", None) for failure in failures} == {PAUSE_WITHOUT_KEYS}
        clock.now += PAUSE_WITHOUT_KEYS / 2
        with pytest.raises(AuthenticationUnavailable) as caught:
            caller(tokens, issuer.token())
        assert (caught.value.retry_after, issuer.asked) == (3.0, fetches)
        assert caller(tokens, "no token") is None
        clock.now += PAUSE_WITHOUT_KEYS / 2
    issuer.answers = None
    assert caller(tokens, issuer.token()) == ANA


def test_a_token_that_names_no_key_makes_no_fetch(tokens: SupabaseTokens, issuer: Issuer) -> None:
    """It is refused whatever the keys are; as is one by an algorithm that no published key is for."""
    for said in ({"alg": "ES256"}, {"alg": "ES256", "kid": ""}, {"alg": "HS256", "kid": "ec-1"}):
        assert caller(tokens, token(ec_key("ec-1"), said, claims())) is None
    assert issuer.asked == 0


def test_an_issuer_that_is_not_there_is_as_one_that_fails(clock: Clock) -> None:
    """Nobody listens."""
    with an_issuer() as issuer:
        url, text = issuer.url, issuer.token()
    with pytest.raises(AuthenticationUnavailable) as caught:
        caller(SupabaseTokens(jwks_url=url, clock=clock), text)
    assert url not in str(caught.value)


#: What is no JWK Set, each from an issuer whose keys were known before.
ANSWERS: dict[str, Callable[[Issuer], Reply]] = {
    "not found": lambda _: answer({"error": "no such project"}, 404),
    "another place": lambda issuer: Reply(302, issuer.published().body, {"Location": issuer.url}),
    "no content": lambda _: Reply(200, b""),
    "no JSON": lambda _: Reply(200, b"<html>down for maintenance</html>"),
    "no object": lambda _: answer([]),
    "no keys": lambda _: answer({"error": "x"}),
    "keys of no kind": lambda _: answer({"keys": {"ec-1": jwk("ec-1", ec_key("ec-1"))}}),
    "nested deep": lambda _: Reply(200, b"[" * 100_000),
    "cut off": lambda issuer: Reply(200, issuer.published().body, cut=Cut.MID_BODY),
    "hung up": lambda _: Reply(200, b"", cut=Cut.BEFORE_ANSWER),
    "too large": lambda _: answer({"keys": [], "filler": "x" * LARGEST_SET}),
    "compressed": lambda issuer: Reply(200, gzip.compress(issuer.published().body), {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("reply", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_cannot_be_used_is_none(
    tokens: SupabaseTokens, issuer: Issuer, clock: Clock, reply: Callable[[Issuer], Reply]
) -> None:
    """Keys that are known are gone on with, and their issuer is asked again."""
    assert caller(tokens, issuer.token()) == ANA
    issuer.answers = lambda: reply(issuer)
    clock.now += FRESH_FOR
    assert (caller(tokens, issuer.token()), issuer.asked) == (ANA, 2)
    issuer.answers = None
    clock.now += PAUSE
    assert (caller(tokens, issuer.token()), issuer.asked) == (ANA, 3)


def test_a_set_without_keys_revokes_them_all(tokens: SupabaseTokens, issuer: Issuer, clock: Clock) -> None:
    """It is an answer; a project that signs with its secret alone publishes none."""
    assert caller(tokens, issuer.token()) == ANA
    issuer.answers = lambda: answer({"keys": []})
    clock.now += FRESH_FOR
    assert (caller(tokens, issuer.token()), issuer.asked) == (None, 2)


WEAK = rsa_key("weak", 1024)
LONG = ec.generate_private_key(ec.SECP384R1())
K1 = ec_key("k-1")
OCT = {
    "kty": "oct",
    "kid": "k-1",
    "alg": "HS256",
    "k": "YSBzZWNyZXQgb2YgdGhlIHByb2plY3QsIGxvbmcgZW5vdWdoIGZvciBTSEEtMjU2",
}

#: Members of a set that check no token here, and what is signed with each.
UNFIT: dict[str, tuple[Any, tuple[Any, str]]] = {
    "for encryption": (jwk("k-1", K1, use="enc"), (K1, "ES256")),
    "without an id": (jwk("k-1", K1, kid=...), (K1, "ES256")),
    "with an id of no kind": (jwk("k-1", K1, kid=1), (K1, "ES256")),
    "of the other algorithm": (jwk("k-1", K1, alg="RS256"), (K1, "RS256")),
    "of a longer hash": (jwk("k-1", K1, alg="ES384"), (K1, "ES256")),
    "on another curve": (jwk("k-1", LONG, alg="ES256"), (LONG, "ES256")),
    "too short": (jwk("k-1", WEAK), (WEAK, "RS256")),
    "private": (jwk("k-1", K1, d=ECAlgorithm.to_jwk(K1, as_dict=True)["d"]), (K1, "ES256")),
    "a secret": (OCT, (SECRET, "HS256")),
    "a secret that is called a public key": ({**OCT, "alg": "ES256"}, (SECRET, "ES256")),
    "no object": ("k-1", (K1, "ES256")),
    "half a key": (jwk("k-1", K1, y=...), (K1, "ES256")),
    "a point off the curve": (jwk("k-1", K1, y=jwk("", ec_key("k-2"))["y"]), (K1, "ES256")),
    "of no letters": (jwk("k-1", K1, x=7), (K1, "ES256")),
}


@pytest.mark.parametrize(("member", "signed"), UNFIT.values(), ids=UNFIT)
def test_a_key_that_is_not_for_this_is_left_out(
    tokens: SupabaseTokens, issuer: Issuer, member: Any, signed: tuple[Any, str]
) -> None:
    """And the others of its set are used."""
    key, algorithm = signed
    issuer.further = [member]
    texts = [token(key, {"alg": algorithm, "typ": "JWT", "kid": kid}, claims()) for kid in ("k-1", "1")]
    assert [caller(tokens, text) for text in (*texts, issuer.token())] == [None, None, ANA]


def test_a_key_that_names_no_algorithm_and_no_use_is_used(tokens: SupabaseTokens, issuer: Issuer) -> None:
    """Both are optional (RFC 7517, section 4); its type decides."""
    issuer.further = [
        jwk("k-1", K1, alg=..., use=..., key_ops=...),
        jwk("k-3", rsa_key("rsa-1"), alg=..., use=..., key_ops=...),
    ]
    by_curve = token(K1, {"alg": "ES256", "kid": "k-1"}, claims())
    by_rsa = token(rsa_key("rsa-1"), {"alg": "RS256", "kid": "k-3"}, claims())
    assert [caller(tokens, by_curve), caller(tokens, by_rsa)] == [ANA, ANA]


def test_threads_with_loops_of_their_own_share_one_fetch(tokens: SupabaseTokens, issuer: Issuer) -> None:
    """As of a host that is not async, whose first requests come all at once."""
    issuer.answers = holding = Holding(issuer.published)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(caller, tokens, issuer.token()) for _ in range(8)]
        assert holding.reached.wait(PATIENCE)
        holding.released.set()
        assert [answered.result(PATIENCE) for answered in asked] == [ANA] * 8
    assert issuer.asked == 1


def test_who_stops_waiting_does_not_stop_the_fetch(tokens: SupabaseTokens, issuer: Issuer) -> None:
    """A client that hangs up, again and again, can neither keep others from the keys nor have them fetched twice."""
    issuer.answers = holding = Holding(issuer.published)

    async def hang_up_and_stay() -> Principal | None:
        first = asyncio.ensure_future(tokens(issuer.token()))
        await asyncio.to_thread(holding.reached.wait, PATIENCE)
        second = asyncio.ensure_future(tokens(issuer.token()))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        holding.released.set()
        return await second

    assert (asyncio.run(hang_up_and_stay()), issuer.asked) == (ANA, 1)


def test_an_issuer_that_does_not_answer_is_not_waited_for(issuer: Issuer, clock: Clock) -> None:
    """Beyond the time that a fetch may take."""
    issuer.answers = holding = Holding(issuer.published)
    keys = PublishedKeys(issuer.url, make_client=own_client, clock=clock, patience=0.1)
    with pytest.raises(AuthenticationUnavailable):
        asyncio.run(keys.find("ec-1", "ES256"))
    holding.released.set()


def test_a_host_may_bring_its_own_client(issuer: Issuer, clock: Clock) -> None:
    """For a proxy or certificates; it is closed after each fetch."""
    made: list[httpx.AsyncClient] = []

    def make_client() -> httpx.AsyncClient:
        made.append(httpx.AsyncClient(headers={"X-Of": "the host"}))
        return made[-1]

    tokens = SupabaseTokens(jwks_url=issuer.url, make_client=make_client, clock=clock)
    assert caller(tokens, issuer.token()) == ANA
    assert [client.is_closed for client in made] == [True]
