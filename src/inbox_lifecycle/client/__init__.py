"""A typed client of the HTTP API: the methods of the facade, for whoever has a token in place of a database.

    from inbox_lifecycle.client import Client

    with Client("https://host.example.com/api", token=...) as inboxes:
        account = inboxes.retry_warmup(account_id)

Answers are frozen values; fields that this version does not know are ignored. Errors are those of the library, each
made again from the problem document that came: `InboxNotFound`, `RetryRefused` with its verdict, `ProviderError` with
`retry_after`, `WarmupNotRecorded`, and so on. Those of the way there are `Unauthorised`, `ApiRefused`,
`ApiUnreachable` and `ApiAnswerUnreadable`.

Nothing is sent twice, and no redirect is followed: the token is for one host. A call has one deadline over all that it
sends and reads, and an answer has a bound. The environment's proxies are not read; pass a transport for one.
"""

from inbox_lifecycle.client.answers import (
    Account,
    Attempt,
    Day,
    EmailDomain,
    Event,
    Figures,
    Launch,
    Page,
    Pair,
    Unavailable,
    WarmupAnalytics,
)
from inbox_lifecycle.client.awaiting import AsyncClient
from inbox_lifecycle.client.blocking import Client

__all__ = [
    "Account",
    "AsyncClient",
    "Attempt",
    "Client",
    "Day",
    "EmailDomain",
    "Event",
    "Figures",
    "Launch",
    "Page",
    "Pair",
    "Unavailable",
    "WarmupAnalytics",
]
