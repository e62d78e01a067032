"""API keys: tokens drawn, held against what is stored, listed and revoked.

A token is `ilk_<prefix>_<secret>`: letters and digits of RFC 4648's base32 in small, so that the whole is one word, and
easily found where it has leaked. The prefix is public, and names the key. The secret is 32 random bytes. What is stored
is SHA-256 of the whole token: a slow hash makes up for secrets that can be guessed, and nobody guesses 256 random bits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b32encode
from dataclasses import dataclass, field
from typing import Final

from inbox_lifecycle.errors import ApiKeyNotFound, MalformedId
from inbox_lifecycle.flow import Flow, again
from inbox_lifecycle.ids import new_id, read_id
from inbox_lifecycle.records import ApiKey, NewApiKey
from inbox_lifecycle.store.api_keys import ApiKeysPage, FindApiKey, InsertApiKey, RevokeApiKey
from inbox_lifecycle.terms import Terms

#: Keys per page of a list.
PAGE = 500

_PREFIX_LENGTH: Final = 12
_SECRET_BYTES: Final = 32

_PREFIX = re.compile(rf"[a-z2-7]{{{_PREFIX_LENGTH}}}")
_TOKEN = re.compile(rf"ilk_({_PREFIX.pattern})_[a-z2-7]{{52}}")
#: Characters of every token.
TOKEN_LENGTH: Final = len("ilk__") + _PREFIX_LENGTH + 52

# What a token of no key is held against, so that it takes the same time as one of a key. No token has this hash.
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Presented:
    """A token that has the form of ours, as far as the rest of the library sees it."""

    prefix: str
    hash: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a new key is to be."""

    owner_id: str
    label: str
    #: Seconds; None until it is revoked.
    lifetime: float | None
    created_by: str


def read_token(token: object) -> Presented | None:
    """What was presented; None where it cannot be a token of ours, which costs no more than measuring it."""
    if not isinstance(token, str) or len(token) != TOKEN_LENGTH:
        return None
    read = _TOKEN.fullmatch(token)
    return None if read is None else _presented(read[1], token)


def api_key_of(presented: Presented) -> Flow[ApiKey | None]:
    """The key, if the token is its own and it neither was revoked nor has expired.

    Every no is the same no, reached by the same steps: one look, and one comparison in constant time.
    """
    stored = yield from again(FindApiKey(prefix=presented.prefix))
    same = hmac.compare_digest(presented.hash, _NO_HASH if stored is None else stored.hash)
    return stored.key if stored is not None and same and stored.holds else None


def create_api_key(terms: Terms, order: Order) -> Flow[NewApiKey]:
    """A key with its token; as both are made here, the statement can be run again when its answer is lost."""
    prefix = _base32(_SECRET_BYTES)[:_PREFIX_LENGTH]
    token = f"ilk_{prefix}_{_base32(_SECRET_BYTES)}"
    key = yield from again(
        InsertApiKey(
            id=new_id(terms.clock()),
            prefix=prefix,
            hash=_presented(prefix, token).hash,
            owner_id=order.owner_id,
            label=order.label,
            created_by=order.created_by,
            lifetime=order.lifetime,
        )
    )
    return NewApiKey(key=key, token=token)


def api_keys_page(*, owner_id: str | None, after: str) -> Flow[tuple[ApiKey, ...]]:
    """The next keys of an owner or of all."""
    return (yield from again(ApiKeysPage(owner_id=owner_id, after=after, limit=PAGE)))


def revoke_api_key(key: str, *, revoked_by: str) -> Flow[ApiKey]:
    """The key, refused from now on.

    Raises:
        ApiKeyNotFound: there is no such key.
    """
    by_prefix = _PREFIX.fullmatch(key) is not None
    name = key if by_prefix else _id_of(key)
    revoked = yield from again(RevokeApiKey(key=name, by_prefix=by_prefix, revoked_by=revoked_by))
    if revoked is None:
        raise ApiKeyNotFound
    return revoked


def _id_of(key: str) -> str:
    try:
        return read_id("key", key)
    except MalformedId:
        raise ApiKeyNotFound from None


def _presented(prefix: str, token: str) -> Presented:
    return Presented(prefix, hashlib.sha256(token.encode()).digest())


def _base32(size: int) -> str:
    return b32encode(secrets.token_bytes(size)).decode().rstrip("=").lower()
