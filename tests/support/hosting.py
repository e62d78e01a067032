"""A host as the HTTP tests have it: its tokens, its campaigns, its application, served on loopback."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from inbox_lifecycle import Inbox
from inbox_lifecycle.http import CampaignNotLaunchable, Principal, create_router
from tests.support.contract import OWNER, STRANGER
from tests.support.faces import AnyFace
from tests.support.serving import Application, Web

#: Nothing here speaks TLS, and reading the certificates takes longer than a whole test.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

#: A token of the owner of the tests' inboxes, and one of somebody else.
TOKEN = f"pk_live_{secrets.token_hex(12)}"
STRANGERS_TOKEN = f"pk_live_{secrets.token_hex(12)}"

DRAFT = "3f6a2d10-8c4e-4b7f-a1d2-5e9c0b7f6a31"
RUNNING = "a9b8c7d6-1e2f-4a3b-8c4d-5e6f7a8b9c0d"
EMPTY = "0c1d2e3f-4a5b-4c6d-8e7f-9a0b1c2d3e4f"
BROKEN = "b4a5c6d7-e8f9-4012-9345-6789abcdef01"


@dataclass
class Host:
    """What a host knows."""

    callers: dict[str, Principal] = field(
        default_factory=lambda: {
            TOKEN: Principal(owner_id=OWNER, actor="ana"),
            STRANGERS_TOKEN: Principal(owner_id=STRANGER, actor="mallory"),
        }
    )
    #: The senders of the draft, which belongs to the owner.
    senders: Sequence[str] = ()
    #: Campaigns that it was asked for.
    asked: list[str] = field(default_factory=list)
    #: Whose its campaigns are.
    all_campaigns_of: str = OWNER
    #: What looking up a token ends in, instead of an answer.
    failure: Exception | None = None

    async def authenticate(self, token: str) -> Principal | None:
        """Whose token this is."""
        if self.failure is not None:
            raise self.failure
        return self.callers.get(token)

    def senders_of(self, campaign_id: str, caller: Principal) -> Sequence[str] | None:
        """The senders of a campaign; a plain function, as one that asks a database would be."""
        self.asked.append(campaign_id)
        if caller.owner_id != self.all_campaigns_of or campaign_id not in {DRAFT, RUNNING, EMPTY, BROKEN}:
            return None
        if campaign_id == RUNNING:
            raise CampaignNotLaunchable("Campaign is not a draft")
        if campaign_id == BROKEN:
            raise KeyError("zx-host-secret")
        return self.senders if campaign_id == DRAFT else ()

    def application(self, face: AnyFace, **options: Any) -> FastAPI:
        """Its application, with the router under `/api`."""
        app = FastAPI()
        chosen = {"authenticate": self.authenticate, "senders_of": self.senders_of, **options}
        app.include_router(create_router(face.target, **chosen), prefix="/api")
        return app


@dataclass(frozen=True)
class Site:
    """A served application, and the ways to ask it."""

    url: str
    client: httpx.Client = field(repr=False)

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = TOKEN,
        headers: Mapping[str, str | bytes] | Sequence[tuple[str, str | bytes]] = (),
        **options: Any,
    ) -> httpx.Response:
        """The answer to a request, with the owner's token unless told."""
        said = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        if token is not None:
            said.append(("Authorization", f"Bearer {token}"))
        encoded = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in said]
        return self.client.request(method, path, headers=encoded, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """The answer to a GET."""
        return self.ask("GET", path, **options)

    def retry(self, inbox: Inbox | str, **options: Any) -> httpx.Response:
        """The answer to a retry."""
        inbox_id = inbox if isinstance(inbox, str) else inbox.id
        return self.ask("PATCH", f"/api/email/accounts/{inbox_id}/retry-warmup", **options)

    def launch(self, campaign_id: str, **options: Any) -> httpx.Response:
        """The answer to a launch."""
        return self.ask("POST", f"/api/campaigns/{campaign_id}/launch", **options)


@contextmanager
def site_of(web: Web, application: Application) -> Iterator[Site]:
    """The application, served."""
    with web.serving(application) as url, httpx.Client(base_url=url, timeout=30, verify=NO_TLS) as client:
        yield Site(url, client)
