"""JSON Web Tokens (RFC 7519) as a Supabase project issues them to its signed-in users.

Which algorithm a token may use is said here and by the key, never by the token (RFC 8725, section 3.1). A shared secret
takes HS256 and nothing else; published keys take ES256 and RS256, each the one that the key is for. So a public key is
never taken for a secret. Nothing in a header is obeyed but the key's id: no key and no URL is taken from a token.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import jwt

from inbox_lifecycle.canonical import check_text
from inbox_lifecycle.errors import InvalidInput, MalformedText
from inbox_lifecycle.http.jwks import MakeClient, PublishedKeys, own_client
from inbox_lifecycle.http.principal import Principal

#: Characters of a token at most; those of a Supabase project have about 1,000.
LONGEST_TOKEN: Final = 8192
#: Bytes of a secret at least: as many as the hash has (RFC 7518, section 3.2).
SHORTEST_SECRET: Final = 32

_PUBLISHED: Final = ("ES256", "RS256")
_LONGEST_LEEWAY: Final = 300.0

# Whatever a token can make its reader raise. Releases of PyJWT differ in what they wrap.
_MALFORMED = (jwt.PyJWTError, ValueError, TypeError, ArithmeticError, RecursionError)


class SupabaseTokens:
    """Callers who are signed in to a Supabase project; the owner is the user, by the token's `sub`.

    A token is checked for its signature, `exp`, `aud` and `role`, for `iss` where one is given, and for `nbf` and `iat`
    where it has them. It holds until it expires: signing out at Supabase revokes no token that was issued. Who signed
    in anonymously is a user as well.

    A project that moves from its secret to signing keys has tokens of both kinds for a while:
    `first_of(SupabaseTokens(jwks_url=...), SupabaseTokens(secret=...))`.
    """

    def __init__(
        self,
        *,
        secret: str | bytes | None = None,
        jwks_url: str | None = None,
        audience: str = "authenticated",
        issuer: str | None = None,
        roles: Sequence[str] = ("authenticated",),
        leeway: float = 0.0,
        actor: str = "user",
        make_client: MakeClient = own_client,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take tokens that were signed with the secret, or with one of the published keys.

        Args:
            secret: the project's JWT secret, of 32 bytes or more, for HS256.
            jwks_url: where its signing keys are published, `https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json`,
                for ES256 and RS256.
            audience: the `aud` that a token must have, alone or among others.
            issuer: the `iss` that it must have, `https://PROJECT.supabase.co/auth/v1`; whatever it is unless said.
            roles: the `role` that it must have is one of these. Tokens of the roles `anon` and `service_role` are no
                user's.
            leeway: seconds by which clocks may differ, at most 300.
            actor: the user is on record as this word, a colon and the user's id.
            make_client: makes the client of each fetch of the keys, for a proxy or certificates of the host's; it is
                closed afterwards.
            clock: counts seconds, for how long published keys are kept.

        Raises:
            InvalidInput: there is not exactly one of `secret` and `jwks_url`, or one of these cannot be.
        """
        if (secret is None) == (jwks_url is None):
            raise InvalidInput("pass secret=... or jwks_url=..., one of them: first_of(...) takes tokens of both kinds")
        self._secret = None if secret is None else _read_secret(secret)
        self._published = None if jwks_url is None else PublishedKeys(jwks_url, make_client=make_client, clock=clock)
        self._audience = _read_word("audience", audience)
        self._issuer = None if issuer is None else _read_word("issuer", issuer)
        self._roles = _read_roles(roles)
        self._leeway = _read_leeway(leeway)
        self._actor = _read_word("actor", actor)

    async def __call__(self, token: str) -> Principal | None:
        """Who bears this token; None where it does not hold, for whatever reason.

        Raises:
            AuthenticationUnavailable: the published keys are not known and could not be fetched.
        """
        header = _read_header(token)
        key = None if header is None else await self._key_for(header)
        claims = None if key is None else self._claims(token, key)
        return None if claims is None else self._principal(claims)

    async def _key_for(self, header: Mapping[str, Any]) -> jwt.PyJWK | None:
        algorithm, kid = header.get("alg"), header.get("kid")
        if self._secret is not None:
            return self._secret if algorithm == self._secret.algorithm_name else None
        if self._published is None or algorithm not in _PUBLISHED or not (isinstance(kid, str) and kid):
            return None
        return await self._published.find(kid, algorithm)

    def _claims(self, token: str, key: jwt.PyJWK) -> Mapping[str, Any] | None:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway,
                options={"require": ["exp", "sub", "aud"]},
            )
        except _MALFORMED:
            return None

    def _principal(self, claims: Mapping[str, Any]) -> Principal | None:
        subject, role = claims.get("sub"), claims.get("role")
        if role not in self._roles or not (isinstance(subject, str) and subject.strip()):
            return None
        try:
            user = check_text("sub", subject)
        except MalformedText:
            return None
        return Principal(owner_id=user, actor=f"{self._actor}:{user}")


def _read_header(token: str) -> Mapping[str, Any] | None:
    """The header, not to be trusted; None where the token cannot be one of ours."""
    if len(token) > LONGEST_TOKEN:
        return None
    try:
        header = jwt.get_unverified_header(token)
    except _MALFORMED:
        return None
    # Extensions that a reader has to understand (RFC 7515, section 4.1.11): there is none that we do.
    return None if "crit" in header else header


def _read_secret(secret: str | bytes) -> jwt.PyJWK:
    raw = secret.encode() if isinstance(secret, str) else bytes(secret)
    if len(raw) < SHORTEST_SECRET:
        raise InvalidInput(f"a secret for HS256 has {SHORTEST_SECRET} bytes or more: pass the project's JWT secret")
    try:
        key = jwt.PyJWK({"kty": "oct", "k": urlsafe_b64encode(raw).rstrip(b"=").decode()}, "HS256")
        key.Algorithm.prepare_key(key.key)
    except jwt.PyJWTError:
        raise InvalidInput("this secret is a public key or a certificate, which everybody may know") from None
    return key


def _read_roles(roles: Sequence[str]) -> tuple[str, ...]:
    if isinstance(roles, str) or not roles:
        raise InvalidInput('roles are some words, such as ("authenticated",): pass a tuple of them')
    return tuple(_read_word("role", role) for role in roles)


def _read_leeway(leeway: float) -> float:
    if not 0 <= leeway <= _LONGEST_LEEWAY:
        raise InvalidInput(f"leeway is from 0 to {_LONGEST_LEEWAY:g} seconds: set the clocks that differ by more")
    return leeway


def _read_word(name: str, word: str) -> str:
    if not word:
        raise InvalidInput(f"{name} is empty: leave it out, or pass a text")
    return check_text(name, word)
