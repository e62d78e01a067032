"""An issuer of tokens like a Supabase project: real keys, real signatures, and a JWK Set served over HTTP.

Tokens are put together here, bit by bit, so that wrong ones can be made that no library would make.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from inbox_lifecycle.testing.reply import Reply, answer
from inbox_lifecycle.testing.server import Server

USER = "3f2b8c1e-6a57-4d0e-9d1b-5f0c2f6f7a11"
SECRET = "a secret of the project, long enough for SHA-256"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

#: Seconds that a test waits for something that should have happened long ago.
PATIENCE = 30.0


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    """A key on P-256, one for each name."""
    del name
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, one for each name."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def encoded(part: bytes | Mapping[str, Any]) -> str:
    """A part of a token."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """What a Supabase project says of a signed-in user; a claim that is changed to `...` is left out."""
    now = int(time.time())
    said = {
        "iss": "https://project.supabase.co/auth/v1",
        "sub": USER,
        "aud": "authenticated",
        "exp": now + 3600,
        "iat": now - 1,
        "role": "authenticated",
        "aal": "aal1",
        "email": "ana@mail.example.com",
        "is_anonymous": False,
        **changes,
    }
    return {name: value for name, value in said.items() if value is not ...}


def sign(key: PrivateKey | str | bytes, message: bytes) -> bytes:
    """A signature: HMAC by a secret, ECDSA or RSASSA-PKCS1 by a key, each with SHA-256 (RFC 7518, section 3)."""
    if isinstance(key, str | bytes):
        return hmac.digest(key.encode() if isinstance(key, str) else key, message, hashlib.sha256)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    size = (key.curve.key_size + 7) // 8
    return r.to_bytes(size) + s.to_bytes(size)


def token(key: PrivateKey | str | bytes, header: Mapping[str, Any], payload: bytes | Mapping[str, Any]) -> str:
    """A signed token with exactly this header and this payload."""
    body = f"{encoded(header)}.{encoded(payload)}"
    return f"{body}.{encoded(sign(key, body.encode()))}"


def by_secret(secret: str | bytes = SECRET, **changes: Any) -> str:
    """A token as a project signs them with its secret."""
    return token(secret, {"alg": "HS256", "typ": "JWT"}, claims(**changes))


def jwk(name: str, key: PrivateKey, **changes: Any) -> dict[str, Any]:
    """A member of the set, as a Supabase project publishes it; what is changed to `...` is left out."""
    if isinstance(key, rsa.RSAPrivateKey):
        said = {"alg": "RS256", **RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)}
    else:
        said = {"alg": "ES256", **ECAlgorithm.to_jwk(key.public_key(), as_dict=True)}
    said |= {"kid": name, "use": "sig", "key_ops": ["verify"], "ext": True, **changes}
    return {name: value for name, value in said.items() if value is not ...}


class Issuer:
    """Publishes its keys, and counts how often it is asked for them."""

    def __init__(self) -> None:
        self.keys: dict[str, PrivateKey] = {"ec-1": ec_key("ec-1"), "rsa-1": rsa_key("rsa-1")}
        #: Members of the set that are no keys of the issuer's.
        self.further: list[Any] = []
        self.asked = 0
        #: Answers in place of the set, while there is one.
        self.answers: Callable[[], Reply] | None = None
        self._server = Server("127.0.0.1", 0, self._respond)

    @property
    def url(self) -> str:
        """Where the set is."""
        return f"http://127.0.0.1:{self._server.port}/auth/v1/.well-known/jwks.json"

    def token(self, kid: str = "ec-1", **changes: Any) -> str:
        """A token that is signed with one of the keys, published or not."""
        key = self.keys.get(kid) or ec_key(kid)
        alg = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        return token(key, {"alg": alg, "typ": "JWT", "kid": kid}, claims(**changes))

    def published(self) -> Reply:
        """The set."""
        return answer({"keys": [*(jwk(kid, key) for kid, key in self.keys.items()), *self.further]})

    def close(self) -> None:
        """Stop; an error of the server's own is raised."""
        self._server.stop()
        if self._server.errors:
            raise self._server.errors[0]

    def _respond(self, method: str, target: str, headers: object, body: bytes) -> Reply:
        del headers, body
        assert (method, target) == ("GET", "/auth/v1/.well-known/jwks.json")
        self.asked += 1
        return self.published() if self.answers is None else self.answers()


class Holding:
    """Gives an answer once it is let go on."""

    def __init__(self, then: Callable[[], Reply]) -> None:
        self._then = then
        self.reached = threading.Event()
        self.released = threading.Event()

    def __call__(self) -> Reply:
        """Wait, then answer."""
        self.reached.set()
        assert self.released.wait(PATIENCE)
        return self._then()


@contextmanager
def an_issuer() -> Iterator[Issuer]:
    """One that is stopped at the end."""
    issuer = Issuer()
    try:
        yield issuer
    finally:
        issuer.close()
