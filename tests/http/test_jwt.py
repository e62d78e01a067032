"""Tokens of a Supabase project: whom they name, and every way in which one may not hold."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox_lifecycle import InvalidInput
from inbox_lifecycle.http.jwt import LONGEST_TOKEN, SupabaseTokens
from inbox_lifecycle.http.principal import Principal
from tests.support.issuer import (
    SECRET,
    USER,
    Issuer,
    an_issuer,
    by_secret,
    claims,
    ec_key,
    encoded,
    jwk,
    rsa_key,
    token,
)

ISSUER = "https://project.supabase.co/auth/v1"
ANA = Principal(owner_id=USER, actor=f"user:{USER}")
NOW = int(time.time())


def caller(tokens: SupabaseTokens, text: str) -> Principal | None:
    """Who bears the token."""
    return asyncio.run(tokens(text))


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """A project with a key of each kind."""
    with an_issuer() as one:
        yield one


@pytest.fixture(scope="module")
def published(issuer: Issuer) -> SupabaseTokens:
    """Takes what is signed with the published keys; it knows them already."""
    tokens = SupabaseTokens(jwks_url=issuer.url, issuer=ISSUER)
    assert caller(tokens, issuer.token()) == ANA
    return tokens


@pytest.fixture(scope="module")
def secret() -> SupabaseTokens:
    """Takes what is signed with the secret."""
    return SupabaseTokens(secret=SECRET, issuer=ISSUER)


def test_a_token_names_its_user(published: SupabaseTokens, secret: SupabaseTokens, issuer: Issuer) -> None:
    """By each of the three algorithms that a project may sign with."""
    assert caller(secret, by_secret()) == ANA
    assert [caller(published, issuer.token(kid)) for kid in ("ec-1", "rsa-1")] == [ANA, ANA]


FINE: dict[str, dict[str, Any]] = {
    "one audience of several": {"aud": ["other", "authenticated"]},
    "valid since now": {"nbf": NOW - 1},
    "claims nobody knows": {"app_metadata": {"plan": "pro"}, "jti": "j1"},
    "no time of issue": {"iat": ...},
}

WRONG: dict[str, dict[str, Any]] = {
    "expired": {"exp": NOW - 1},
    "no expiry": {"exp": ...},
    "expiry of no kind": {"exp": "soon"},
    "endless expiry": {"exp": float("inf")},
    "expiry that is no number": {"exp": float("nan")},
    "null expiry": {"exp": None},
    "not yet valid": {"nbf": NOW + 86_400},
    "validity of no kind": {"nbf": {}},
    "issued in the future": {"iat": NOW + 86_400},
    "another audience": {"aud": "anon"},
    "other audiences": {"aud": ["anon", "authenticated2"]},
    "no audience": {"aud": ...},
    "empty audience": {"aud": []},
    "audience of no kind": {"aud": {"authenticated": True}},
    "another issuer": {"iss": "https://other.supabase.co/auth/v1"},
    "no issuer": {"iss": ...},
    "issuer of no kind": {"iss": [ISSUER]},
    "anon": {"role": "anon"},
    "service_role": {"role": "service_role"},
    "no role": {"role": ...},
    "role of no kind": {"role": ["authenticated"]},
    "no subject": {"sub": ...},
    "empty subject": {"sub": ""},
    "blank subject": {"sub": " \t"},
    "null subject": {"sub": None},
    "subject of no kind": {"sub": 7},
    "subject with NUL": {"sub": "a\x00b"},
    "subject with half a surrogate": {"sub": "a\ud83db"},
}


@pytest.mark.parametrize("changes", FINE.values(), ids=FINE)
def test_a_token_may_say_more_or_less(secret: SupabaseTokens, changes: dict[str, Any]) -> None:
    """What it has to say it says."""
    assert caller(secret, by_secret(**changes)) == ANA


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_a_token_that_says_something_else_is_refused(
    secret: SupabaseTokens, published: SupabaseTokens, issuer: Issuer, changes: dict[str, Any]
) -> None:
    """Signed as it should be; what it says does not hold here."""
    assert caller(secret, by_secret(**changes)) is None
    assert [caller(published, issuer.token(kid, **changes)) for kid in ("ec-1", "rsa-1")] == [None, None]


def test_an_issuer_that_was_not_named_may_be_any() -> None:
    """The secret is the project's own."""
    assert caller(SupabaseTokens(secret=SECRET), by_secret(iss="elsewhere")) == ANA


def test_clocks_may_differ_by_the_leeway() -> None:
    """Either way, and by no more."""
    lenient = SupabaseTokens(secret=SECRET, leeway=60)
    now = int(time.time())
    assert [caller(lenient, by_secret(exp=now - late)) for late in (30, 90)] == [ANA, None]
    assert [caller(lenient, by_secret(nbf=now + early)) for early in (30, 90)] == [ANA, None]


def test_audience_roles_and_actor_are_the_hosts_to_choose() -> None:
    """All of them at once."""
    tokens = SupabaseTokens(secret=SECRET.encode(), audience="api", roles=("staff", "admin"), actor="member")
    assert caller(tokens, by_secret(aud="api", role="admin")) == Principal(owner_id=USER, actor=f"member:{USER}")
    assert [caller(tokens, by_secret(aud="api")), caller(tokens, by_secret(role="admin"))] == [None, None]


def pem(kid: str) -> bytes:
    """A published key as a file has it."""
    key = rsa_key(kid) if kid.startswith("rsa") else ec_key(kid)
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def der(kid: str) -> bytes:
    """The same, in binary."""
    return rsa_key(kid).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def hmac_by(key: bytes, kid: str, alg: str = "HS256") -> str:
    """A token signed with what everybody may know, as if that were a secret."""
    return token(key, {"alg": alg, "typ": "JWT", "kid": kid}, claims())


def header(**said: Any) -> dict[str, Any]:
    """The header of a token by the first EC key, changed."""
    changed = {"alg": "ES256", "typ": "JWT", "kid": "ec-1", **said}
    return {name: value for name, value in changed.items() if value is not ...}


MALLORY = jwk("ec-1", ec_key("mallory"))

#: Whatever a forger, or an issuer that is not this one, may send; signed where that is possible.
FORGED: dict[str, Callable[[], str]] = {
    "unsigned": lambda: f"{encoded(header(alg='none'))}.{encoded(claims())}.",
    "unsigned, otherwise spelt": lambda: f"{encoded(header(alg='nOnE'))}.{encoded(claims())}.",
    "unsigned, with a signature": lambda: token(ec_key("ec-1"), header(alg="none"), claims()),
    "no algorithm": lambda: token(ec_key("ec-1"), header(alg=...), claims()),
    "algorithm of no kind": lambda: token(ec_key("ec-1"), header(alg=["ES256"]), claims()),
    "the algorithm of the other key": lambda: token(ec_key("ec-1"), header(alg="RS256"), claims()),
    "the other key for the algorithm": lambda: token(rsa_key("rsa-1"), header(kid="rsa-1"), claims()),
    "a longer hash": lambda: token(ec_key("ec-1"), header(alg="ES384"), claims()),
    "PSS": lambda: token(rsa_key("rsa-1"), header(alg="PS256", kid="rsa-1"), claims()),
    "HMAC by the RSA key as PEM": lambda: hmac_by(pem("rsa-1"), "rsa-1"),
    "HMAC by the RSA key as DER": lambda: hmac_by(der("rsa-1"), "rsa-1"),
    "HMAC by the EC key as PEM": lambda: hmac_by(pem("ec-1"), "ec-1"),
    "HMAC by the EC key as JWK": lambda: hmac_by(json.dumps(jwk("ec-1", ec_key("ec-1"))).encode(), "ec-1"),
    "HMAC by the EC key, called ES256": lambda: hmac_by(pem("ec-1"), "ec-1", "ES256"),
    "HMAC by nothing": lambda: hmac_by(b"", "ec-1"),
    "another's key": lambda: token(ec_key("mallory"), header(), claims()),
    "another's key, brought along": lambda: token(ec_key("mallory"), header(jwk=MALLORY), claims()),
    "another's key, to be fetched": lambda: token(ec_key("mallory"), header(jku="http://127.0.0.1:1/"), claims()),
    "an extension nobody knows": lambda: token(ec_key("ec-1"), header(crit=["x"], x=1), claims()),
    "an extension of another standard": lambda: token(ec_key("ec-1"), header(crit=["b64"], b64=True), claims()),
    "an empty list of extensions": lambda: token(ec_key("ec-1"), header(crit=[]), claims()),
    "no key id": lambda: token(ec_key("ec-1"), header(kid=...), claims()),
    "an empty key id": lambda: token(ec_key("ec-1"), header(kid=""), claims()),
    "an unknown key id": lambda: token(ec_key("ec-1"), header(kid="ec-2"), claims()),
    "a key id of no kind": lambda: token(ec_key("ec-1"), header(kid=1), claims()),
    "a key id that is a path": lambda: token(ec_key("ec-1"), header(kid="../../dev/null"), claims()),
    "a payload that is no object": lambda: token(ec_key("ec-1"), header(), b"[]"),
    "a payload that is no JSON": lambda: token(ec_key("ec-1"), header(), b"\xff\xfe"),
    "a payload nested deep": lambda: token(ec_key("ec-1"), header(), b"[" * 5000),
    "a header nested deep": lambda: f"{encoded(b'[' * 5000)}.e30.e30",
    "a huge number": lambda: token(ec_key("ec-1"), header(), b'{"exp":' + b"9" * 5000 + b"}"),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(published: SupabaseTokens, secret: SupabaseTokens, forge: Callable[[], str]) -> None:
    """By both kinds of issuers, whatever its header asks for."""
    forged = forge()
    assert [caller(published, forged), caller(secret, forged)] == [None, None]


def test_a_secret_signs_by_one_algorithm_alone(secret: SupabaseTokens) -> None:
    """What it signed under the name of another one is refused, and so is what another secret signed."""
    for alg in ("HS384", "HS512", "hs256", "ES256", "none"):
        assert caller(secret, token(SECRET, {"alg": alg, "typ": "JWT"}, claims())) is None
    assert caller(secret, by_secret(SECRET[::-1])) is None


def test_what_was_changed_under_way_is_refused(published: SupabaseTokens, issuer: Issuer) -> None:
    """In any of the three parts; cut off, put together from two, or with a part more."""
    parts, others = (issuer.token(sub=sub).split(".") for sub in (USER, "mallory"))
    for place, other in enumerate(others[1:], start=1):
        mixed = list(parts)
        mixed[place] = other
        assert caller(published, ".".join(mixed)) is None
    whole = ".".join(parts)
    for broken in (
        whole[:-1],
        f"{whole}A",
        f"{whole}.",
        f"{whole}.e30",
        ".".join(parts[:2]),
        f"{'.'.join(parts[:2])}.",
    ):
        assert caller(published, broken) is None
    for place in (5, len(parts[0]) + 20, len(whole) - 30):
        letter = "A" if whole[place] != "A" else "B"
        assert caller(published, whole[:place] + letter + whole[place + 1 :]) is None
    assert caller(published, whole) == ANA


def test_a_token_that_is_too_long_is_refused(secret: SupabaseTokens) -> None:
    """Before anything is done with it; one that is as long as it may be holds."""
    sized = {size: by_secret(filler="x" * size) for size in range(5700, 5960)}
    longest = max((text for text in sized.values() if len(text) <= LONGEST_TOKEN), key=len)
    shortest = min((text for text in sized.values() if len(text) > LONGEST_TOKEN), key=len)
    assert LONGEST_TOKEN - 2 <= len(longest) < len(shortest) <= LONGEST_TOKEN + 2
    assert (caller(secret, longest), caller(secret, shortest)) == (ANA, None)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.text(), st.lists(st.binary(max_size=40), min_size=1, max_size=4)))
def test_whatever_is_sent_is_refused_and_is_no_error(sent: str | list[bytes]) -> None:
    """Any text at all, and any bytes in the place of the parts."""
    text = sent if isinstance(sent, str) else ".".join(map(encoded, sent))
    assert caller(SupabaseTokens(secret=SECRET), text) is None


UNFIT: dict[str, dict[str, Any]] = {
    "neither": {},
    "both": {"secret": SECRET, "jwks_url": "https://example.com/jwks.json"},
    "a short secret": {"secret": "x" * 31},
    "an empty secret": {"secret": ""},
    "a public key for a secret": {"secret": pem("rsa-1")},
    "a JWK for a secret": {"secret": json.dumps(jwk("ec-1", ec_key("ec-1")))},
    "plain http": {"jwks_url": "http://project.supabase.co/auth/v1/.well-known/jwks.json"},
    "a host that only begins like this machine": {"jwks_url": "http://127.0.0.1.example.com/jwks.json"},
    "a password": {"jwks_url": "https://user:hunter22@example.com/jwks.json"},
    "a file": {"jwks_url": "file:///etc/passwd"},
    "no host": {"jwks_url": "https:///jwks.json"},
    "no URL": {"jwks_url": "jwks"},
    "a broken URL": {"jwks_url": "https://[::1/jwks.json"},
    "no audience": {"secret": SECRET, "audience": ""},
    "an empty issuer": {"secret": SECRET, "issuer": ""},
    "no actor": {"secret": SECRET, "actor": ""},
    "no role": {"secret": SECRET, "roles": ()},
    "a word for roles": {"secret": SECRET, "roles": "authenticated"},
    "an empty role": {"secret": SECRET, "roles": ("",)},
    "leeway backwards": {"secret": SECRET, "leeway": -1},
    "leeway without end": {"secret": SECRET, "leeway": float("inf")},
    "leeway that is no number": {"secret": SECRET, "leeway": float("nan")},
}


@pytest.mark.parametrize("options", UNFIT.values(), ids=UNFIT)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """Where it is made, not at the first call; what was passed is not repeated."""
    with pytest.raises(InvalidInput) as caught:
        SupabaseTokens(**options)
    assert [word for word in ("hunter22", "BEGIN", "x" * 10) if word in str(caught.value)] == []


@pytest.mark.parametrize("url", ["https://a.example/jwks.json", "http://localhost:54321/jwks", "http://[::1]:1/"])
def test_keys_may_be_published_by_https_or_on_this_machine(url: str) -> None:
    """Where a project runs while it is developed."""
    assert caller(SupabaseTokens(jwks_url=url), by_secret()) is None


def test_no_secret_and_no_token_is_ever_said(secret: SupabaseTokens, caplog: pytest.LogCaptureFixture) -> None:
    """Neither of what holds nor of what does not."""
    caplog.set_level(logging.DEBUG)
    good, bad = by_secret(), by_secret(exp=NOW - 1)
    assert (caller(secret, good), caller(secret, bad)) == (ANA, None)
    said = repr(secret) + repr(vars(secret)) + "".join(record.getMessage() for record in caplog.records)
    assert [word for word in (SECRET, good, bad, good.split(".")[2], USER) if word in said] == []
