"""The public keys of whoever issues tokens: fetched from where they are published (RFC 7517), and kept for a while.

A key that is known is used for ten minutes without asking again. After that, or when a token names a key that is not
known, the set is fetched anew; never more than once in half a minute, whatever tokens come, as anybody can send tokens
that name keys nobody knows. All who need it wait for one fetch, on whichever event loop it runs. While fetching fails,
the keys known last go on being used, for a day; a key that is gone from a set that was fetched is gone at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from inbox_lifecycle.drivers.forks import renew_after_fork
from inbox_lifecycle.errors import AuthenticationUnavailable, InvalidInput

logger = logging.getLogger("inbox_lifecycle")

#: Seconds for which keys are used without asking again; the edge of a Supabase project keeps them as long.
FRESH_FOR: Final = 600.0
#: Seconds for which keys are used while asking again fails.
KEPT_FOR: Final = 86_400.0
#: Seconds between the beginnings of two fetches, where there are keys to go on with and where there are none.
PAUSE: Final = 30.0
PAUSE_WITHOUT_KEYS: Final = 5.0
#: Seconds that a fetch may take, and bytes that it may bring; a set of ten keys has about 5,000.
PATIENCE: Final = 5.0
LARGEST_SET: Final = 256 * 1024

#: RFC 7518, section 3.3.
_SHORTEST_RSA: Final = 2048

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}

#: By key id and algorithm.
Keys = Mapping[tuple[str, str], jwt.PyJWK]
MakeClient = Callable[[], httpx.AsyncClient]


@dataclass(frozen=True, slots=True)
class _Fetched:
    keys: Keys
    at: float


class NoKeySet(Exception):
    """What came is not to be used; the text is ours."""


class PublishedKeys:
    """The keys behind a URL."""

    def __init__(
        self, url: str, *, make_client: MakeClient, clock: Callable[[], float], patience: float = PATIENCE
    ) -> None:
        """Fetch them from there when they are first needed.

        Args:
            url: where they are published.
            make_client: makes the client of each fetch.
            clock: counts seconds.
            patience: seconds that a fetch may take.

        Raises:
            InvalidInput: it is no https URL; http is good for this machine alone.
        """
        self._url = _read_url(url)
        self._make_client = make_client
        self._clock = clock
        self._patience = patience
        self._fetched: _Fetched | None = None
        self._asked_at = -math.inf
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Leave a fetch that is under way to the process it runs in."""
        self._mutex = threading.Lock()
        self._under_way: Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def find(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        """The key of that id, if it is one for that algorithm; None where there is none.

        Raises:
            AuthenticationUnavailable: no keys are known, and none could be fetched.
        """
        key = self._known(kid, algorithm)
        if key is not None and self._age() < FRESH_FOR:
            return key
        await self._refresh()
        if self._age() >= KEPT_FOR:
            raise AuthenticationUnavailable(max(1.0, float(math.ceil(self._pause_left()))))
        return self._known(kid, algorithm)

    def _known(self, kid: str, algorithm: str) -> jwt.PyJWK | None:
        return None if self._fetched is None else self._fetched.keys.get((kid, algorithm))

    def _age(self) -> float:
        return math.inf if self._fetched is None else self._clock() - self._fetched.at

    def _pause_left(self) -> float:
        pause = PAUSE if self._age() < KEPT_FOR else PAUSE_WITHOUT_KEYS
        return self._asked_at + pause - self._clock()

    async def _refresh(self) -> None:
        with self._mutex:
            if self._under_way is None:
                if self._pause_left() > 0:
                    return
                self._under_way = self._begin()
            under_way = self._under_way
        try:
            await asyncio.wait_for(asyncio.wrap_future(under_way), 2 * self._patience)
        except TimeoutError:
            # The event loop that it ran on has stopped.
            self._under_way = None

    def _begin(self) -> Future[None]:
        self._asked_at = self._clock()
        done: Future[None] = Future()
        # One who stops waiting for it cannot cancel it for the others.
        done.set_running_or_notify_cancel()
        self._task = asyncio.get_running_loop().create_task(self._fetch())
        self._task.add_done_callback(partial(self._end, done))
        return done

    def _end(self, done: Future[None], task: asyncio.Task[None]) -> None:
        with self._mutex:
            self._under_way = self._task = None
        bug = None if task.cancelled() else task.exception()
        if bug is None:
            done.set_result(None)
        else:
            done.set_exception(bug)

    async def _fetch(self) -> None:
        try:
            keys = read_keys(await self._answer())
        except (NoKeySet, httpx.HTTPError, OSError, TimeoutError) as failure:
            why = str(failure) if isinstance(failure, NoKeySet) else type(failure).__name__
            logger.warning("the keys that tokens are checked with could not be fetched: %s", why)
            return
        self._fetched = _Fetched(keys, self._clock())

    async def _answer(self) -> bytes:
        async with (
            asyncio.timeout(self._patience),
            self._make_client() as client,
            client.stream("GET", self._url, headers=_HEADERS, timeout=None, follow_redirects=False) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise NoKeySet(f"status {response.status_code}")
            body = bytearray()
            # As it comes: an answer that is packed against our will is not unpacked, as it could be of any size then.
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST_SET:
                    raise NoKeySet("an answer too large")
            return bytes(body)


def read_keys(body: bytes) -> Keys:
    """The keys of a JWK Set that are for checking signatures by ES256 or RS256; others are left out.

    Raises:
        NoKeySet: it is no JWK Set.
    """
    members = _read_members(body)
    try:
        found = list(jwt.PyJWKSet(members))
    except (jwt.PyJWTError, ValueError, TypeError):
        # There is none, or none of a kind that anybody knows: no token can be signed by any of them.
        found = []
    return {(str(key.key_id), key.algorithm_name): key for key in found if _is_usable(key)}


def _read_members(body: bytes) -> list[Any]:
    try:
        members = json.loads(body)["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        members = None
    if not isinstance(members, list):
        raise NoKeySet("no JWK Set")
    return members


def own_client() -> httpx.AsyncClient:
    """A client for one fetch, which reads no proxies from the environment."""
    return httpx.AsyncClient(trust_env=False)


def _is_usable(key: jwt.PyJWK) -> bool:
    """Whether it has an id and is a public key for signatures, of the type that its algorithm takes."""
    if not (isinstance(key.key_id, str) and key.key_id) or key.public_key_use not in (None, "sig"):
        return False
    material: Any = key.key
    match key.algorithm_name:
        case "ES256":
            return isinstance(material, EllipticCurvePublicKey) and isinstance(material.curve, SECP256R1)
        case "RS256":
            return isinstance(material, RSAPublicKey) and material.key_size >= _SHORTEST_RSA
        case _:
            return False


def _read_url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, TypeError):
        url = httpx.URL("")
    if not url.host or url.userinfo or not (url.scheme == "https" or (url.scheme == "http" and _is_here(url.host))):
        raise InvalidInput(
            "jwks_url is an https URL without a password, such as"
            " https://PROJECT.supabase.co/auth/v1/.well-known/jwks.json; http is good for this machine alone"
        )
    return str(url)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
