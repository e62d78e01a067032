"""Probes: whether the process lives, and whether it can serve. Neither needs a token; neither tells where anything is.

`/livez` asks nobody, so that a database that is down gets no service restarted. `/readyz` asks the database for its
schema, however many probes there are one question at a time, and answers within a bounded time.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from inbox_lifecycle.errors import SchemaMismatch, StoreError, StoreUnavailable
from inbox_lifecycle.http.answering import MEDIA_TYPE, respond
from inbox_lifecycle.http.documents import REQUEST_ID
from inbox_lifecycle.http.gateway import AnyInboxes
from inbox_lifecycle.http.guarding import Receive, Scope, Send, answer_other_method, with_request_id
from inbox_lifecycle.http.problems import TYPE
from inbox_lifecycle.store.version import HEAD

logger = logging.getLogger("inbox_lifecycle.http")

LIVE: Final = "/livez"
READY: Final = "/readyz"

#: Set in the scope of requests that come while the server is about to end.
DRAINING: Final = "inbox_lifecycle.draining"

#: Seconds that the database has for its answer.
PATIENCE: Final = 3.0
#: Seconds after which asking again makes sense.
_LATER: Final = 5

_NOT_STORED: Final = {"Cache-Control": "no-store"}


class _Probe(APIRoute):
    """A route whose answers carry a request id, as all answers do."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        send = with_request_id(scope, send)
        if scope["method"] in (self.methods or ()):
            await super().handle(scope, receive, send)
        else:
            await answer_other_method(scope)(scope, receive, send)


class Readiness:
    """Whether requests can be served, as far as the database decides it."""

    def __init__(self, inboxes: AnyInboxes, *, patience: float = PATIENCE) -> None:
        self._inboxes = inboxes
        self._patience = patience
        self._asking: asyncio.Task[str] | None = None

    async def revision(self) -> str:
        """The revision of the schema; whoever asks while somebody does waits for the same answer.

        Raises:
            StoreUnavailable: the database did not answer in time.
            StoreError: this version does not work on it.
        """
        asking = self._asking
        if asking is None or asking.done() or asking.get_loop() is not asyncio.get_running_loop():
            asking = self._asking = asyncio.ensure_future(self._ask())
            # Whoever has stopped waiting takes no error any more.
            asking.add_done_callback(_take_error)
        done, _ = await asyncio.wait({asking}, timeout=self._patience)
        if not done:
            raise StoreUnavailable("it took too long")
        return asking.result()

    async def _ask(self) -> str:
        if inspect.iscoroutinefunction(self._inboxes.check_schema):
            found: str = await self._inboxes.check_schema()
            return found
        return str(await asyncio.to_thread(self._inboxes.check_schema))


def health_router(inboxes: AnyInboxes) -> APIRouter:
    """A router with `GET /livez` and `GET /readyz`, for load balancers and orchestrators; it is mounted at the root."""
    readiness = Readiness(inboxes)

    async def is_alive() -> Response:
        """Whether the process answers at all; asks nothing of anybody."""
        return JSONResponse({"status": "ok"}, headers=_NOT_STORED)

    async def is_ready(request: Request) -> Response:
        """Whether requests can be served: the database answers, and its schema is one that this version works on."""
        if request.scope.get(DRAINING):
            return _not_ready(_ENDING)
        try:
            return JSONResponse(_ready(await readiness.revision()), headers=_NOT_STORED)
        except SchemaMismatch as error:
            return _not_ready(str(error), {"found": error.found, "needed": error.head})
        except StoreUnavailable as error:
            logger.warning("not ready: %s", error)
            return _not_ready(_SILENT)
        except StoreError as error:
            logger.error("not ready: %s", error)  # noqa: TRY400 - its text is ours, a traceback is nobody's
            return _not_ready(_UNUSABLE)

    router = APIRouter(route_class=_Probe)
    _add(router, LIVE, is_alive, {200: _document(_STATUS, {"status": "ok"})})
    _add(router, READY, is_ready, {200: _document(_READY, _ready(HEAD)), 503: _NOT_READY})
    return router


_ENDING: Final = "The server is about to end: ask another one."
_SILENT: Final = "The database did not answer."
_UNUSABLE: Final = "The database could not be asked: the log says why."


def _ready(revision: str) -> dict[str, Any]:
    return {"status": "ok", "schema": {"found": revision, "needed": HEAD}}


def _not_ready(detail: str, schema: dict[str, str | None] | None = None) -> Response:
    return respond(503, _problem(detail, schema), {"Retry-After": str(_LATER), **_NOT_STORED})


def _problem(detail: str, schema: dict[str, str | None] | None = None) -> dict[str, Any]:
    return {
        "type": f"{TYPE}not-ready",
        "title": "The service is not ready",
        "status": 503,
        "detail": detail,
        "error": "Service temporarily unavailable",
        "schema": {"needed": HEAD} if schema is None else schema,
    }


def _take_error(asking: asyncio.Task[str]) -> None:
    if not asking.cancelled():
        asking.exception()


def _add(router: APIRouter, path: str, handler: Any, responses: dict[int | str, dict[str, Any]]) -> None:
    router.add_api_route(
        path,
        handler,
        methods=["GET"],
        tags=["health"],
        operation_id=handler.__name__,
        response_class=JSONResponse,
        response_model=None,
        responses=responses,
    )
    router.add_api_route(path, handler, methods=["HEAD"], include_in_schema=False, response_model=None)


def _document(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": "Yes.",
        "headers": REQUEST_ID,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


_STATUS: Final = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string", "const": "ok"}}}
_REVISIONS: Final = {
    "type": "object",
    "required": ["needed"],
    "properties": {
        "found": {
            "type": ["string", "null"],
            "description": "Left out where it is not known; null where there is none.",
        },
        "needed": {"type": "string"},
    },
}
_READY: Final = {
    "type": "object",
    "required": ["status", "schema"],
    "properties": {"status": {"type": "string", "const": "ok"}, "schema": _REVISIONS},
}
_NOT_READY: Final = {
    "description": "Not now.",
    "headers": {
        **REQUEST_ID,
        "Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "integer"}},
    },
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail", "error", "schema"],
                "properties": {
                    "type": {"type": "string", "const": f"{TYPE}not-ready"},
                    "title": {"type": "string"},
                    "status": {"type": "integer", "const": 503},
                    "detail": {"type": "string"},
                    "error": {"type": "string"},
                    "schema": _REVISIONS,
                },
            },
            "examples": {
                "ending": {"value": _problem(_ENDING)},
                "database": {"value": _problem(_SILENT)},
                "schema": {"value": _problem(str(SchemaMismatch("1.0001", HEAD)), {"found": "1.0001", "needed": HEAD})},
            },
        }
    },
}
