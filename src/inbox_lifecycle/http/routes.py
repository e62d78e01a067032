"""The router: the original API's paths over the library's facade, to be mounted under a prefix of the host's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBearer

from inbox_lifecycle import errors
from inbox_lifecycle.domain import Inbox
from inbox_lifecycle.http import examples, models, rows
from inbox_lifecycle.http.correlation import correlate
from inbox_lifecycle.http.documents import answers, body, lines
from inbox_lifecycle.http.gateway import AnyInboxes, Gateway
from inbox_lifecycle.http.guarding import Caller, guarded_by
from inbox_lifecycle.http.hooks import Authenticate, CampaignNotLaunchable, Present, SendersOf, call
from inbox_lifecycle.http.parameters import (
    CORRELATING,
    LARGEST_PAGE,
    USUAL_PAGE,
    AccountId,
    AfterAccount,
    AfterAttempt,
    AfterVersion,
    CampaignId,
    IdempotencyKey,
    Limit,
    PageSize,
    Wanted,
)
from inbox_lifecycle.http.problems import LaunchPostponed, NoSuchCampaign
from inbox_lifecycle.terms import NoProvider

ACCOUNTS = "/email/accounts"
CAMPAIGNS = "/campaigns"

#: Rows that are built on the event loop at most: a few milliseconds.
_AT_ONCE = 100

_PROVIDER = (
    errors.ProviderRejected,
    errors.ProviderThrottled,
    errors.ProviderBusy,
    errors.ProviderUnavailable,
    errors.ProviderOutcomeUnknown,
)
_ONE_ACCOUNT = (errors.InboxNotFound, errors.MalformedId)
_PAGED = (errors.InvalidInput, RequestValidationError)
_RETRY = (errors.RetryRefused, errors.IdempotencyKeyReused, errors.WarmupNotRecorded, *_PROVIDER)
_LAUNCH = (
    CampaignNotLaunchable,
    errors.SendersRefused,
    NoSuchCampaign,
    errors.LaunchInProgress,
    LaunchPostponed,
    errors.ProviderRejected,
)


def create_router(
    inboxes: AnyInboxes,
    *,
    authenticate: Authenticate,
    present: Present | None = None,
    senders_of: SendersOf | None = None,
) -> APIRouter:
    """A router with the routes of the original API, for a host's application: `app.include_router(router, prefix=...)`.

    Every answer is the router's own, those to errors included (RFC 9457); nothing is installed in the application.
    Closing the facade stays with the host.

    Args:
        inboxes: the facade; with `Inboxes`, requests are served in threads.
        authenticate: from a bearer token to its principal, or None; the principal's owner scopes every query.
        present: fields that the host adds to an account's row; ours stand where a name is the same.
        senders_of: from a campaign's id and the caller to its senders; without it there is no launch route.

    Raises:
        InvalidInput: `inboxes` is no facade.
    """
    gateway = Gateway(inboxes)
    accounts = _Accounts(gateway, present)
    router = APIRouter(
        route_class=guarded_by(authenticate),
        dependencies=[Security(HTTPBearer(auto_error=False, scheme_name="bearer", description="An API key or a JWT."))],
    )
    _add_accounts(router, accounts)
    if gateway.signs:
        _add_proof(router, accounts)
    if senders_of is not None:
        _add_launch(router, _Campaigns(gateway, senders_of))
    return router


class _Accounts:
    """The handlers of accounts."""

    def __init__(self, gateway: Gateway, present: Present | None) -> None:
        self._gateway = gateway
        self._present = present

    async def list_accounts(
        self, request: Request, caller: Caller, wanted: Wanted, limit: Limit = None, after: AfterAccount = None
    ) -> Response:
        """The caller's accounts, newest first: all of them, or a page where `limit` is given."""
        page = await self._gateway.find(caller, wanted, after=after, limit=limit or LARGEST_PAGE)
        accounts = await self._rows(request, page.items)
        while limit is None and page.next_after is not None:
            page = await self._gateway.find(caller, wanted, after=page.next_after, limit=LARGEST_PAGE)
            accounts += await self._rows(request, page.items)
        paging = {} if limit is None else {"next_after": page.next_after}
        answer = models.InboxAccountsAnswer(accounts=accounts, **paging)
        return rows.send(answer) if len(accounts) <= _AT_ONCE else await run_in_threadpool(rows.send, answer)

    async def sync_warmup(self, caller: Caller) -> Response:
        """What the provider measured for the caller's accounts, and what that moved; figures it lacks are named.

        Accounts that fulfil the policy become active, and those that the provider has banned or suspended are banned.
        """
        return rows.send(rows.analytics_of(await self._gateway.sync_warmup(caller)))

    async def get_account(self, request: Request, caller: Caller, account_id: AccountId) -> Response:
        """One account."""
        return await self._one(request, await self._gateway.get(caller, account_id))

    async def retry_warmup(
        self, request: Request, caller: Caller, account_id: AccountId, key: IdempotencyKey
    ) -> Response:
        """Ask the provider again to warm an account whose first try failed; the account, now warming.

        Only an account that is `pending` and `not_started` is let through. After a 500 that says that the warmup was
        enabled, ask again at once: a second enable changes nothing at the provider.
        """
        return await self._one(request, await self._gateway.retry_warmup(caller, account_id, key))

    async def read_history(
        self, caller: Caller, account_id: AccountId, after: AfterVersion = 0, limit: PageSize = USUAL_PAGE
    ) -> Response:
        """What happened to an account, event by event."""
        found = await self._gateway.history(caller, account_id, after=after, limit=limit + 1)
        events = [rows.event_of(event) for event in found[:limit]]
        more = events[-1].version if len(found) > limit else None
        return rows.send(models.InboxHistoryAnswer(history=events, next_after=more))

    async def read_attempts(
        self, caller: Caller, account_id: AccountId, after: AfterAttempt = None, limit: PageSize = USUAL_PAGE
    ) -> Response:
        """Who asked the provider for something on behalf of an account, and how it ended."""
        found = await self._gateway.attempts(caller, account_id, after=after, limit=limit + 1)
        attempts = [rows.attempt_of(attempt) for attempt in found[:limit]]
        more = attempts[-1].id if len(found) > limit else None
        return rows.send(models.InboxAttemptsAnswer(attempts=attempts, next_after=more))

    async def prove_history(self, caller: Caller, account_id: AccountId) -> Response:
        """An account's history with everything that it takes to check it offline, as lines of JSON.

        It opens who acted and why, and the address: pass it on only to whom that may be told.
        """
        bundle = await self._gateway.prove(caller, account_id)
        return rows.JsonLines(bundle.text())

    async def _one(self, request: Request, inbox: Inbox) -> Response:
        (account,) = await self._rows(request, [inbox])
        return rows.send(models.InboxAccountAnswer(account=account))

    async def _rows(self, request: Request, inboxes: Sequence[Inbox]) -> list[models.InboxAccount]:
        """The rows; built in a thread where the host has a say, or where the loop would wait long for them."""
        if self._present is None and len(inboxes) <= _AT_ONCE:
            return rows.accounts_of(inboxes)
        request_id = correlate(request.scope).request_id
        return await run_in_threadpool(rows.accounts_of, inboxes, self._present, request_id)


class _Campaigns:
    """The handler of campaigns."""

    def __init__(self, gateway: Gateway, senders_of: SendersOf) -> None:
        self._gateway = gateway
        self._senders_of = senders_of

    async def launch_campaign(self, request: Request, caller: Caller, campaign_id: CampaignId) -> Response:
        """Launch a campaign, if every one of its senders may send; launching one that runs already is a success."""
        senders: Sequence[str] | None = await call(self._senders_of, campaign_id, caller)
        if senders is None:
            raise NoSuchCampaign
        if not senders:
            raise CampaignNotLaunchable("The campaign has no senders")
        try:
            launch = await self._gateway.launch_campaign(caller, campaign_id, senders)
        except (errors.ProviderRejected, NoProvider):
            raise
        except errors.InvalidInput as error:
            # The campaign's id is one: it is the senders that cannot be launched together.
            raise CampaignNotLaunchable(str(error)) from None
        except errors.ProviderError as error:
            raise LaunchPostponed(error.provider, error.retry_after) from None
        return rows.send(rows.launch_of(launch, correlate(request.scope).correlation_id))


def _add_accounts(router: APIRouter, accounts: _Accounts) -> None:
    add, one = _adding(router, "accounts"), ACCOUNTS + "/{id}"
    add("GET", ACCOUNTS, accounts.list_accounts, body(models.InboxAccountsAnswer, examples.ACCOUNTS), *_PAGED)
    # Before the accounts by id, or it would be taken for one.
    analytics = body(models.WarmupAnalyticsAnswer, examples.ANALYTICS)
    add("GET", ACCOUNTS + "/warmup-analytics", accounts.sync_warmup, analytics)
    account = body(models.InboxAccountAnswer, examples.ACCOUNT)
    add("GET", one, accounts.get_account, account, *_ONE_ACCOUNT)
    retried = body(models.InboxAccountAnswer, examples.RETRIED)
    add("PATCH", one + "/retry-warmup", accounts.retry_warmup, retried, *_ONE_ACCOUNT, *_RETRY)
    history = body(models.InboxHistoryAnswer, examples.HISTORY)
    add("GET", one + "/history", accounts.read_history, history, *_ONE_ACCOUNT, *_PAGED, errors.HistoryBroken)
    attempts = body(models.InboxAttemptsAnswer, examples.ATTEMPTS)
    add("GET", one + "/attempts", accounts.read_attempts, attempts, *_ONE_ACCOUNT, *_PAGED)


def _add_proof(router: APIRouter, accounts: _Accounts) -> None:
    bundle = lines("A bundle: `inbox-lifecycle verify-bundle` says what is in one.", examples.BUNDLE)
    path = ACCOUNTS + "/{id}/proof"
    _adding(router, "accounts")("GET", path, accounts.prove_history, bundle, *_ONE_ACCOUNT, errors.HistoryBroken)


def _add_launch(router: APIRouter, campaigns: _Campaigns) -> None:
    launched = body(models.CampaignLaunchAnswer, examples.LAUNCHED)
    path = CAMPAIGNS + "/{id}/launch"
    _adding(router, "campaigns")("POST", path, campaigns.launch_campaign, launched, errors.InvalidInput, *_LAUNCH)


def _adding(router: APIRouter, tag: str) -> Callable[..., None]:
    def add(
        method: str, path: str, handler: Callable[..., Any], success: dict[str, Any], *kinds: type[Exception]
    ) -> None:
        router.add_api_route(
            path,
            handler,
            methods=[method],
            tags=[tag],
            operation_id=handler.__name__,
            response_class=rows.JsonLines if rows.JsonLines.media_type in success["content"] else JSONResponse,
            responses=answers(success, *kinds),
            openapi_extra={"parameters": CORRELATING},
        )
        if method == "GET":
            # RFC 9110, section 9.3.2; the server leaves out the body. Not in the document, which has operations once.
            router.add_api_route(path, handler, methods=["HEAD"], include_in_schema=False)

    return add
