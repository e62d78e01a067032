"""An application of its own: the router, the probes, and problem documents for whatever is neither."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

import inbox_lifecycle
from inbox_lifecycle.http.answering import answer_to, answer_with_status
from inbox_lifecycle.http.correlation import correlate
from inbox_lifecycle.http.gateway import AnyInboxes
from inbox_lifecycle.http.guarding import Message, Receive, Scope, Send, with_request_id
from inbox_lifecycle.http.health import health_router
from inbox_lifecycle.http.hooks import Authenticate, Present, SendersOf
from inbox_lifecycle.http.routes import create_router

_ABOUT = """\
The lifecycle of sending inboxes: their state, the retry of a warmup that failed, what the provider measured, and a
history that can be proven.
"""


def create_app(
    inboxes: AnyInboxes,
    *,
    authenticate: Authenticate,
    prefix: str = "/api",
    present: Present | None = None,
    senders_of: SendersOf | None = None,
) -> FastAPI:
    """An application with the routes of `create_router` under a prefix, `/livez`, `/readyz`, and `/openapi.json`.

    Closing the facade stays with the caller.

    Args:
        inboxes: the facade; with `Inboxes`, requests are served in threads.
        authenticate: from a bearer token to its principal, or None; the principal's owner scopes every query.
        prefix: where the routes begin.
        present: fields that the host adds to an account's row; ours stand where a name is the same.
        senders_of: from a campaign's id and the caller to its senders; without it there is no launch route.

    Raises:
        InvalidInput: `inboxes` is no facade.
    """
    app = FastAPI(
        title="inbox-lifecycle",
        version=inbox_lifecycle.__version__,
        description=_ABOUT,
        # These pages would load scripts from somewhere else.
        docs_url=None,
        redoc_url=None,
        # To where it would redirect is made of a header that the client chose.
        redirect_slashes=False,
        exception_handlers={HTTPException: _answer_status, RequestValidationError: _answer_error},
    )
    router = create_router(inboxes, authenticate=authenticate, present=present, senders_of=senders_of)
    app.include_router(router, prefix=prefix)
    app.include_router(health_router(inboxes))
    app.add_middleware(Outermost)
    return app


class Outermost:
    """Gives every answer a request id, and answers what nothing else has; no trace of it reaches a log."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False
        answer = with_request_id(scope, send)

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await answer(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - a server would write the whole of it into its log
            response = answer_to(error, correlate(scope).request_id)
            if not begun:
                await response(scope, receive, sending)
            # Else half an answer is out, and the server breaks the connection, as it was not completed.


async def _answer_status(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return answer_with_status(status, getattr(error, "headers", None))


async def _answer_error(request: Request, error: Exception) -> Response:
    return answer_to(error, correlate(request.scope).request_id)
