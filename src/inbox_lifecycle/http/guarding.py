"""The routes' own class: everything that comes before a handler, and whatever may go wrong behind it.

It is a class of routes, and neither middleware nor exception handlers of an application, so that a host can mount the
router in an application of its own and nothing else there behaves otherwise than before.

A request gets its request id first, so that every answer carries it. Then its method is looked at, then its token, then
the size of its body, and only then its parameters: who may not ask is not told what was wrong with the question.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from inbox_lifecycle.context import audit_context
from inbox_lifecycle.http.answering import answer_to, answer_with_status
from inbox_lifecycle.http.correlation import REQUEST_ID, correlate
from inbox_lifecycle.http.hooks import Authenticate, call
from inbox_lifecycle.http.principal import Principal
from inbox_lifecycle.http.problems import BODY_BOUND, BodyTooLarge, NotAuthenticated

# As ASGI has them.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_KEPT_AS = "inbox_lifecycle.principal"

# RFC 6750, section 2.1; the scheme in any case (RFC 9110, section 11.1).
_BEARER = re.compile(r"bearer +(?P<token>[A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
_LONGEST_AUTHORIZATION = 8192

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


async def caller_of(request: Request) -> Principal:
    """Who is calling; known before any handler runs."""
    principal: Principal = request.scope[_KEPT_AS]
    return principal


Caller = Annotated[Principal, Depends(caller_of)]


def guarded_by(authenticate: Authenticate) -> type[APIRoute]:
    """The class of routes that ask this for whose a token is."""

    class GuardedRoute(APIRoute):
        """A route for callers with a good token."""

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            """Answer, always with a request id."""
            send = with_request_id(scope, send)
            if scope["method"] in (self.methods or ()):
                await super().handle(scope, receive, send)
            else:
                await answer_other_method(scope)(scope, receive, send)

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """The handler behind the guard."""
            handler = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    return await _let_in(request, authenticate, handler)
                except HTTPException:
                    # A dependency that the host gave the router when it included it: the host's to answer.
                    raise
                except ClientDisconnect:
                    # Nobody hears it; nothing was asked yet.
                    return answer_with_status(400)
                except Exception as error:  # noqa: BLE001 - every error has an answer, if only that it has none
                    return answer_to(error, correlate(request.scope).request_id)

            return guarded

    return GuardedRoute


def with_request_id(scope: Scope, send: Send) -> Send:
    """A way to send in which every answer carries the request id."""
    request_id = correlate(scope).request_id.encode()

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            others = [(name, value) for name, value in message.get("headers", ()) if name.lower() != REQUEST_ID]
            message["headers"] = [*others, (REQUEST_ID, request_id)]
        await send(message)

    return sending


async def _let_in(
    request: Request, authenticate: Authenticate, handler: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    correlation = correlate(request.scope)
    principal = await call(authenticate, _token_of(request))
    if principal is None:
        raise NotAuthenticated
    request.scope[_KEPT_AS] = principal
    await _pass_over_body(request)
    with audit_context(
        actor=principal.actor,
        correlation_id=correlation.correlation_id,
        causation_id=correlation.causation_id,
    ):
        return await handler(request)


def _token_of(request: Request) -> str:
    said = request.headers.getlist("Authorization")
    if len(said) != 1 or len(said[0]) > _LONGEST_AUTHORIZATION:
        raise NotAuthenticated
    found = _BEARER.fullmatch(said[0])
    if found is None:
        raise NotAuthenticated
    return found["token"]


async def _pass_over_body(request: Request) -> None:
    """Read what was sent without keeping any of it, up to the bound."""
    # A number of any length: more digits than Python turns into one are more bytes than anybody may send.
    announced = request.headers.get("Content-Length", "0")
    if len(announced) > len(str(BODY_BOUND)) or (announced.isdecimal() and int(announced) > BODY_BOUND):
        raise BodyTooLarge
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_BOUND:
            raise BodyTooLarge


def answer_other_method(scope: Scope) -> Response:
    """The answer to a method that this route does not take; other routes of the host may, on the same path."""
    allowed = {"Allow": ", ".join([*_methods_on(scope), "OPTIONS"])}
    if scope["method"] == "OPTIONS":
        return Response(status_code=204, headers=allowed)
    return answer_with_status(405, allowed)


def _methods_on(scope: Scope) -> list[str]:
    """The methods that the application takes on this path."""
    routes = getattr(scope.get("app"), "routes", ())
    return [method for method in _METHODS if any(_takes(route, {**scope, "method": method}) for route in routes)]


def _takes(route: Any, scope: Scope) -> bool:
    match, _ = route.matches(scope)
    return bool(match.name == "FULL")
