"""The parameters of the routes: what each may be, as it is documented and as it is read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path, Query, Request

from inbox_lifecycle.address import read_domain
from inbox_lifecycle.errors import InvalidInput, MalformedText
from inbox_lifecycle.http.gateway import Search
from inbox_lifecycle.http.models import StatusWord, WarmupStatusWord

#: Accounts, events or attempts of one page at most.
LARGEST_PAGE = 1000
#: Events or attempts of a page unless told.
USUAL_PAGE = 100
#: The largest version there can be.
_LARGEST_VERSION = 2**31 - 1

# What every provider that we know has in its paths.
_CAMPAIGN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$"

# Visible ASCII, bare or as a Structured Field string (draft-ietf-httpapi-idempotency-key-header; RFC 8941, section
# 3.3.3). What begins with a quote is such a string, so that a key cannot be said in two ways that mean two things.
_BARE_KEY = r"[!#-~][!-~]{0,254}"
_QUOTED_KEY = r'"(?:[!#-\[\]-~]|\\["\\]){1,255}"'
_KEY = re.compile(f"{_BARE_KEY}|{_QUOTED_KEY}")

# The marks of pages are opaque to clients; what they look like is documented for those who check before they send.
_DAY = (
    r"(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))|[1-9][0-9](?:0[48]|[2468][048]|[13579][26])-02-29)"
)
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[1-9a-f][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
_MARK = rf"^{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{{6}}Z~{_UUID}$"
_DOMAIN = r"^(?:[A-Za-z0-9]{1,30}\.){1,4}[A-Za-z]{2,30}$"


def _like(**schema: Any) -> dict[str, Any]:
    """What a text looks like, for the document alone: what it must be is checked by the library, in its own words."""
    return schema


AccountId = Annotated[str, Path(alias="id", description="The account's id.", json_schema_extra=_like(format="uuid"))]


def read_campaign_id(
    campaign_id: Annotated[
        str,
        Path(
            alias="id",
            description="The campaign's id, as the provider knows it.",
            json_schema_extra=_like(pattern=_CAMPAIGN),
        ),
    ],
) -> str:
    """A campaign's id, before anybody is asked for the campaign.

    Raises:
        InvalidInput: it can be none.
    """
    if not re.fullmatch(_CAMPAIGN, campaign_id):
        raise InvalidInput("a campaign's id has letters, digits, hyphens and underscores, up to 128")
    return campaign_id


def read_idempotency_key(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Up to 255 visible ASCII characters, bare or in quotes. A request that comes again with its "
            "key is answered with the success that the first one had.",
            json_schema_extra=_like(pattern=f"^(?:{_BARE_KEY}|{_QUOTED_KEY})$"),
        ),
    ] = None,
) -> str | None:
    """The key, without quotes; None where there is none.

    Raises:
        MalformedText: it is none, or there are two.
    """
    if idempotency_key is None:
        return None
    if len(request.headers.getlist("Idempotency-Key")) > 1 or not _KEY.fullmatch(idempotency_key):
        raise MalformedText("Idempotency-Key", "it is 1 to 255 visible ASCII characters, bare or in quotes, once")
    if idempotency_key.startswith('"'):
        return re.sub(r"\\(.)", r"\1", idempotency_key[1:-1])
    return idempotency_key


def read_search(
    status: Annotated[StatusWord | None, Query(description="Only accounts of this status.")] = None,
    warmup_status: Annotated[WarmupStatusWord | None, Query(description="Only accounts of this one.")] = None,
    domain: Annotated[
        str | None,
        Query(description="Only accounts at this domain.", json_schema_extra=_like(pattern=_DOMAIN)),
    ] = None,
) -> Search:
    """Which accounts are wanted.

    Raises:
        InvalidInput: the domain is none.
    """
    if domain is not None:
        _check_domain(domain)
    return Search(status=status, warmup_status=warmup_status, domain=domain)


def _check_domain(domain: str) -> None:
    try:
        read_domain(domain)
    except InvalidInput:
        # Its own words are of an address, of which there is none here.
        raise InvalidInput("domain is not a domain name: pass one such as mail.example.com") from None


CampaignId = Annotated[str, Depends(read_campaign_id)]
IdempotencyKey = Annotated[str | None, Depends(read_idempotency_key)]
Wanted = Annotated[Search, Depends(read_search)]

Limit = Annotated[int | None, Query(ge=1, le=LARGEST_PAGE, description="At most so many; all there are unless said.")]
PageSize = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="At most so many.")]
AfterAccount = Annotated[
    str | None,
    Query(description="The `next_after` of the page before.", json_schema_extra=_like(pattern=_MARK)),
]
AfterVersion = Annotated[
    int,
    Query(ge=0, le=_LARGEST_VERSION, description="Only events after this version: `next_after` of the page before."),
]
AfterAttempt = Annotated[
    str | None,
    Query(description="The `next_after` of the page before.", json_schema_extra=_like(format="uuid")),
]

#: Headers that every route reads and none refuses.
CORRELATING: Final[list[dict[str, Any]]] = [
    {
        "name": "X-Request-ID",
        "in": "header",
        "required": False,
        "description": "The request's id, up to 128 letters, digits and `-_.:/+=~`; one is made where it is missing, "
        "malformed, or looks like a token. It is answered, and kept with what the request leads to.",
        "schema": {"type": "string"},
    },
    {
        "name": "traceparent",
        "in": "header",
        "required": False,
        "description": "W3C Trace Context; kept with what the request leads to, ignored where it is malformed.",
        "schema": {"type": "string"},
    },
]
